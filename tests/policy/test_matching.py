"""Each condition of a route, in traffic: a call that meets it goes there, one that does not stays here.

One table for all protocols: a case says which calls meet a match and which do not; it is tried in every protocol that has
what the case needs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from tests.policy.mesh import Mesh
from tests.policy.speech.table import Call, Speech, over, saying


class Case(NamedTuple):
    """`needs`: what a protocol must be able to say. `meets`, `fails`: what differs from the usual call."""

    match: dict[str, Any]
    needs: set[str]
    meets: list[dict[str, Any]]
    fails: list[dict[str, Any]]


def header(value: str) -> dict[str, Any]:
    return {"headers": {"x-env": value}}


def env(condition: Any) -> dict[str, Any]:
    return {"headers": {"x-env": condition}}


def cel(text: str) -> dict[str, Any]:
    return {"expression": text}


H = {"headers"}
CASES = {
    "service": Case({"service": "test.Echo"}, {"service"}, [{}], [{"service": "test.Other"}]),
    "service contains": Case({"service": {"contains": "t.E"}}, {"service"}, [{}], [{"service": "testE"}]),
    "a service by no header": Case({"service": "test.Echo"}, {"http_method"}, [], [{"headers": {"service": "test.Echo"}}]),
    "cel by no service": Case(
        cel("service == 'a' || method == 'b'"), {"http_method"}, [], [{"headers": {"service": "a", "method": "b"}}]
    ),
    "headers of that name": Case(
        {"headers": {"service": "test.Echo"}}, {"http_method"}, [{"headers": {"service": "test.Echo"}}], [{}]
    ),
    "method ignores case": Case(
        {"method": {"exact": "ECHO", "ignore_case": True}}, {"method"}, [{}, {"method": "Echo"}], [{"method": "echoes"}]
    ),
    "header": Case(env("gray"), H, [header("gray")], [header("grey"), header("Gray"), {}]),
    "header prefix": Case(env({"prefix": "gr"}), H, [header("gr"), header("gray")], [header("g"), {}]),
    "header suffix": Case(env({"suffix": "ay"}), H, [header("gray")], [header("aya"), {}]),
    "header contains": Case(env({"contains": "ra", "ignore_case": True}), H, [header("gRAy")], [header("gr-a"), {}]),
    "header regex": Case(env({"regex": "gr[ae]y"}), H, [header("gray"), header("grey")], [header("grays"), {}]),
    "header range": Case(
        env({"range": {"start": 3, "end": 5}}), H, [header("3"), header("+4")], [header("5"), header("2"), header("4x"), {}]
    ),
    "header present": Case(env({"present": True}), H, [header("x")], [{}]),
    "header absent": Case(env({"present": False}), H, [{}], [header("x")]),
    "header inverted": Case(env({"exact": "gray", "invert": True}), H, [header("blue")], [header("gray"), {}]),
    "source": Case(
        {"source": ["127.0.0.2", "127.0.8.0/24"]}, set(),
        [{"source": "127.0.0.2"}, {"source": "127.0.8.77"}], [{}, {"source": "127.0.9.1"}],
    ),
    "source by no header": Case(
        {"source": "127.0.0.2"}, H, [],
        [{"headers": {name: "127.0.0.2"}} for name in ("source.address", "x-forwarded-for", "forwarded")],
    ),
    "a variable": Case(
        {"variables": {"source.address": {"regex": r"127\.0\.0\.[23]"}}}, set(), [{"source": "127.0.0.3"}], [{}]
    ),
    "metadata": Case({"metadata": {"tenant": "gold"}}, H, [], [{"headers": {"metadata.tenant": "gold"}}, {}]),
    "metadata absent": Case({"metadata": {"tenant": {"present": False}}}, set(), [{}], []),
    "path": Case({"path": "/a"}, {"path"}, [{"path": "/a"}, {"path": "/a?b"}], [{"path": "/a/"}, {"path": "/A"}]),
    "path prefix": Case(
        {"path": {"prefix": "/Api/", "ignore_case": True}}, {"path"}, [{"path": "/api/x"}], [{"path": "/api"}]
    ),
    "path suffix": Case(
        {"path": {"suffix": ".Json", "ignore_case": True}}, {"path"},
        [{"path": "/a.json"}, {"path": "/b/c.JSON?d=e.xml"}], [{"path": "/a.json/"}, {"path": "/a?b=c.json"}],
    ),
    "path regex": Case(
        {"path": {"regex": "/users/[0-9]+(/posts)?"}}, {"path"},
        [{"path": "/users/7"}, {"path": "/users/42/posts?p=1"}, {"path": "/users/%34"}],
        [{"path": "/users/7/"}, {"path": "/a/users/7"}, {"path": "/users/x?/users/7"}],
    ),
    "path template": Case(
        {"path": {"template": "/users/{id}/posts/{rest=**}"}}, {"path"},
        [{"path": "/users/7/posts/"}, {"path": "/users/a-b/posts/1/2"}],
        [{"path": "/users//posts/1"}, {"path": "/users/7/posts"}],
    ),
    "a path by no header": Case({"path": "/a"}, H, [], [{"headers": {"path": "/a"}}]),
    "host": Case(
        {"host": ["shop.test", "*.shop.test"]}, {"host"},
        [{"host": "Shop.Test:8080"}, {"host": "a.shop.test"}], [{"host": "shop.test.x"}, {"host": "ashop.test"}],
    ),
    "http_method": Case({"http_method": ["PUT", "GET"]}, {"http_method"}, [{}], [{"http_method": "DELETE"}]),
    "query": Case(
        {"query": {"v": {"range": {"start": 2, "end": 9}}}}, {"query"},
        [{"path": "/?a&v=2"}], [{"path": "/?v=1&v=2"}, {"path": "/"}],
    ),
    "cel": Case(
        cel("service == 'test.Echo' && method in ['echo', 'tell']"), {"service"},
        [{}, {"method": "tell"}], [{"method": "ask"}, {"service": "test.Other"}],
    ),
    "cel on headers": Case(
        cel("headers['x-env'].startsWith('g') || 'x-all' in headers"), H,
        [header("gray"), {"headers": {"x-all": ""}}], [header("blue"), {}],
    ),
    "cel on numbers": Case(cel("int(headers['x-env']) >= 3"), H, [header("3")], [header("2"), header("three"), {}]),
    "cel with a regex": Case(cel("headers['x-env'].matches('^g(a|b)*$')"), H, [header("gabba")], [header("gabbai"), {}]),
    "cel on paths": Case(
        cel("path.startsWith('/a') && query['k'] != 'x' && host == 'mesh.test'"), {"path"},
        [{"path": "/a?k=y"}], [{"path": "/a"}, {"path": "/a?k=x"}, {"path": "/a?k=y", "host": "other"}],
    ),
    "cel on the source": Case(
        cel("source.address == '127.0.0.2' || has(metadata.tenant)"), set(), [{"source": "127.0.0.2"}], [{}]
    ),
    "cel by no header": Case(
        cel("source.address == '127.0.0.2' || metadata['m'] == 'x' || path == '/a'"), H, [],
        [{"headers": {"source.address": "127.0.0.2", "metadata.m": "x", "path": "/a"}}],
    ),
}  # fmt: skip
PROTOCOLS = ("bolt", "http1", "grpc")
"""Of the case for protocols: those that it takes."""
HOSTS: dict[str, Any] = {
    "exact": ["shop.test"],
    "port": ["shop.test:81"],
    "below": ["*.shop.test"],
    "below-port": ["*.shop.test:81"],
    "deeper": ["*.b.shop.test"],
    "begins": ["shop.*"],
    "rest": ["*"],
}


def _virtual(name: str, taken: str) -> dict[str, Any]:
    """Of the virtual hosts only one sends its calls there; the others match nothing, or, for the rest, send them here."""
    routes = [{"cluster": "there"}] if name == taken else [{"match": {"source": "10.0.0.1"}, "cluster": "here"}]
    return {"name": name, "domains": HOSTS[name], "routes": routes}


TABLES: dict[str, Any] = {
    **{
        name.replace(" ", "-"): [{"match": case.match, "cluster": "there"}, {"cluster": "here"}] for name, case in CASES.items()
    },
    "protocol": [{"match": {"protocol": list(PROTOCOLS)}, "cluster": "there"}, {"cluster": "here"}],
    "cel-protocol": [{"match": cel("protocol in ['bolt', 'http1', 'grpc']"), "cluster": "there"}, {"cluster": "here"}],
    **{f"host-{taken}": {"virtual_hosts": [_virtual(name, taken) for name in HOSTS]} for taken in HOSTS},
}
EVERY = [(name, speech) for name, case in CASES.items() for speech in saying(*case.needs, variants=True)]


@pytest.mark.parametrize(("name", "speech"), EVERY, ids=[f"{name}-{speech}" for name, speech in EVERY])
def test_a_condition(mesh: Mesh, name: str, speech: Speech) -> None:
    case, table = CASES[name], name.replace(" ", "-")
    for changes in case.meets:
        assert mesh.send(table, speech, replace(Call(), **changes)) == "there", changes
    for changes in case.fails:
        assert mesh.send(table, speech, replace(Call(), **changes)) == "here", changes


@over(variants=True)
def test_protocols(mesh: Mesh, speech: Speech) -> None:
    wanted = "there" if speech.name in PROTOCOLS else "here"
    posing = Call(headers={"protocol": "bolt"})
    assert mesh.send("protocol", speech, posing) == wanted
    assert mesh.send("cel-protocol", speech, posing) == wanted


@over("host", variants=True)
@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("shop.test", "exact"),
        ("SHOP.test:80", "exact"),
        ("shop.test:81", "port"),
        ("a.shop.test", "below"),
        ("a.shop.test:82", "below"),
        ("a.shop.test:81", "below-port"),
        ("a.b.shop.test:81", "deeper"),
        ("shop.example", "begins"),
        ("other.test", "rest"),
    ],
)
def test_virtual_hosts(mesh: Mesh, speech: Speech, host: str, taken: str) -> None:
    assert mesh.send(f"host-{taken}", speech, Call(host=host)) == "there"
    others = [name for name in HOSTS if name not in (taken, "rest")]
    assert {mesh.send(f"host-{name}", speech, Call(host=host)) for name in others[:2]} == {"none"}, "no falling through"


@pytest.mark.parametrize("speech", [each for each in saying(variants=True) if "host" not in each.says], ids=repr)
def test_calls_that_name_no_host_are_for_the_rest(mesh: Mesh, speech: Speech) -> None:
    posing = Call(headers=dict.fromkeys(("host", ":authority", ":host", "authority"), "shop.test"))
    assert mesh.send("host-rest", speech, posing) == "there"
    assert mesh.send("host-exact", speech, posing) == "none"
