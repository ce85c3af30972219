"""Hash policies and subsets: what they become, and each mistake with its message."""

from __future__ import annotations

import pytest

from tests.config.fakes import SMALLEST, errors, snapshot

LB = "lb: round_robin"
SUBSET = "subsets: {fallback: any}"


def written(policy: str = "", route: str = "", cluster: str = "lb: maglev", hosts: str = "[127.0.0.1:9100]") -> str:
    """The smallest file with a hash policy in line 9, other keys in line 10, and a cluster of this kind in lines 13 and 14."""
    text = SMALLEST.replace(
        "      cluster: echo\n", f"      cluster: echo\n      {_key('hash_policy', policy)}\n      {route}\n"
    )
    return text.replace("    hosts: [127.0.0.1:9100]\n", f"    {cluster}\n    hosts: {hosts}\n")


def _key(name: str, value: str) -> str:
    return f"{name}: {value}" if value else ""


POLICY = "9: routes.main[0].hash_policy"
METADATA = "10: routes.main[0].metadata_match"
KINDS = "write one of header, query, cookie, source_address, key, and more in a list"
HASHLESS = "write lb: maglev there, or leave hash_policy out"
NO_HOST = "write metadata that hosts have, or subsets: {fallback: any} there"
FEWER = "write fewer, or another cluster"
V2 = "metadata_match: {version: v2}"
MIXED = "[{address: 127.0.0.1:9100, metadata: {version: v1, zone: a}}, 127.0.0.1:9101]"

MISTAKES = [
    (written("[]"), f"{POLICY}: the list is empty; write a key, as {{header: x-user}}, or leave it out"),
    (written("null"), f"{POLICY}: has no value; write one, or leave the key out"),
    (written("{header: x}"), f"{POLICY}: must be a list, not a mapping; write one item a line, each after a dash"),
    (written("[{}]"), f"{POLICY}[0]: nothing to choose by; {KINDS}"),
    (written("[{header: x, cookie: y}]"), f"{POLICY}[0]: header and cookie together; {KINDS}"),
    (written("[{headers: x}]"), f"{POLICY}[0].headers: there is no such key; did you mean header?"),
    (
        written("[{header: service}]"),
        f"{POLICY}[0]: service is what each protocol says in its own way, not a header; write key: service",
    ),
    (written('[{header: ""}]'), f"{POLICY}[0]: the header has no name; write one, as x-user"),
    (written("[{query: a=b}]"), f"{POLICY}[0].query: 'a=b' is no parameter's name; write it as it is sent, percent-encoded"),
    (written("[{cookie: 'a b'}]"), f"{POLICY}[0]: 'a b' is no cookie's name; write it as it is sent"),
    (
        written("[{source_address: false}]"),
        f"{POLICY}[0]: source_address: false chooses by nothing; write true, or leave it out",
    ),
    (
        written("[{key: servce}]"),
        f"{POLICY}[0].key: 'servce' is none of the choices; did you mean service?",
    ),
    (written("[{header: a}, {key: path}, {header: a}]"), f"{POLICY}: [2] is the same as [0]; write it once"),
    (
        written(f"[{', '.join(f'{{header: h{n}}}' for n in range(9))}]"),
        f"{POLICY}: there are 9 keys; write at most 8",
    ),
    *(
        (
            written("[{header: x}]", cluster=lb),
            f"{POLICY}: does nothing with cluster 'echo', which is lb: {name}; {HASHLESS}",
        )
        for lb, name in (("", "round_robin"), ("lb: round_robin", "round_robin"), ("lb: random", "random"))
    ),
    (
        written(route="metadata_match: {}"),
        f"{METADATA}: is empty, and every host has that; write what hosts must have, or leave it out",
    ),
    (written(route="metadata_match:"), f"{METADATA}: has no value; write one, or leave the key out"),
    (
        written(route="metadata_match: {version: 2}", cluster=SUBSET),
        f'{METADATA}.version: must be text, not the number 2; write it in quotes: "2"',
    ),
    (
        written(route=V2, hosts=MIXED),
        f"{METADATA}: no host of cluster 'echo' has {{version: v2}}; {NO_HOST}",
    ),
    (
        written(cluster="subsets: {fallback: some}"),
        "13: clusters.echo.subsets.fallback: 'some' is none of the choices; write one of: none, any, default",
    ),
    (
        written(cluster="subsets: {fallback: default}"),
        "13: clusters.echo.subsets: fallback: default needs default; write which hosts those are, as default: {version: v1}",
    ),
    (
        written(cluster="subsets: {fallback: any, default: {version: v1}}", hosts=MIXED),
        "13: clusters.echo.subsets: default does nothing with fallback: any; write fallback: default, or leave it out",
    ),
    (
        written(cluster="subsets: {fallback: default, default: {version: v3}}", hosts=MIXED),
        "13: clusters.echo.subsets.default: no host here has {version: v3}; write metadata that hosts have",
    ),
    (
        written(hosts=f"[{', '.join(f'10.0.{n // 256}.{n % 256}:1' for n in range(6554))}]"),
        "12: clusters.echo: lb: maglev takes 6,553 hosts, there are 6,554; write round_robin or random",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[f"{n}: {case[1][:60]}" for n, case in enumerate(MISTAKES)])
def test_one_mistake_gives_one_line(text: str, expected: str) -> None:
    assert errors(text) == [expected]


def test_too_many_subsets() -> None:
    routes = "".join(f"    - {{match: {{service: s{n}}}, cluster: echo, metadata_match: {{v: '{n}'}}}}\n" for n in range(65))
    text = SMALLEST.replace("clusters:\n", f"{routes}clusters:\n").replace(
        "    hosts:", "    subsets: {fallback: any}\n    hosts:"
    )
    assert errors(text) == [
        f"73: routes.main[65].metadata_match: cluster 'echo' is asked for more than 64 different subsets; {FEWER}"
    ]


def test_a_cluster_without_hosts_may_be_asked_for_any() -> None:
    assert errors(written(route=V2, hosts="[]")) == []


def test_what_they_become() -> None:
    made = snapshot(
        written(
            "[{header: x-user}, {query: id}, {cookie: session}, {source_address: true}, {key: service}, {key: tls.sni}]",
            "metadata_match: {zone: a, version: v1}",
            "lb: maglev\n    subsets: {fallback: default, default: {zone: a}}",
            MIXED,
        )
    )
    [route] = made.routes["main"]
    assert route.hash_policy == ("x-user", ":query.id", ":cookie.session", "source.address", ":service", "tls.sni")
    assert route.metadata_match == {"zone": "a", "version": "v1"}
    cluster = made.clusters["echo"]
    assert (cluster.lb, cluster.subset_fallback, cluster.subset_default) == ("maglev", "default", {"zone": "a"})
    assert cluster.metadata == {"127.0.0.1:9100": {"version": "v1", "zone": "a"}}
