"""Every form of Thrift by two libraries, thriftpy2 and Apache's own: each client to each server, found out at the port.

Plain clients do not say which service they mean, so each form has a listener with routes of its own; all of them detect
among all protocols. Those that name the service (TMultiplexedProtocol) share one port.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from harness.processes import Peer, thrift
from harness.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = (
    "thrift", "thrift-old", "thrift-compact", "thrift-unframed", "thrift-unframed-old", "thrift-unframed-compact",
)  # fmt: skip
HEADER = ("thrift-header", "thrift-header-compact")
UNKNOWN_METHOD, INTERNAL_ERROR = 1, 6
PAIRS = [
    *((client, server, form) for client in ("thriftpy2", "apache") for server in ("thriftpy2", "apache") for form in PLAIN),
    *(("apache", "apache", form) for form in HEADER),
    ("apache", "apache", "thrift-header zlib"),
]


class Place(NamedTuple):
    proxy: Proxy
    client: Peer
    server: Peer

    def calls(self, library: str, server: str, form: str, *calls: tuple[str, list[Any]]) -> list[dict[str, Any]]:
        """The answers to these calls, one after the other on one connection."""
        target = self.proxy.listeners[name(server, form)]
        found = self.client.ok("calls", library=library, form=form, target=target, calls=calls)
        return list(found["answers"])


def name(library: str, form: str) -> str:
    return f"{library}-{form.replace(' ', '-')}"


def config(ports: dict[str, int]) -> str:
    lines = ["listeners:", '  - {name: mesh, address: "127.0.0.1:0", protocols: auto, routes: mesh}']
    routes, clusters = ["routes:", "  mesh:"], ["clusters:"]
    servers = {name(*key.split(" ", 1)): port for key, port in ports.items()}
    for each, port in servers.items():
        lines.append(f'  - {{name: {each}, address: "127.0.0.1:0", protocols: auto, routes: {each}}}')
        routes.append(f"    - {{match: {{headers: {{service: {each}}}}}, cluster: {each}}}")
        clusters.append(f'  {each}: {{hosts: ["127.0.0.1:{port}"], timeout: 1s}}')
    for each in servers:
        known = '{method: {regex: "echo|add|fail|note|slow|missing"}}'
        routes += [f"  {each}:", f"    - {{match: {{headers: {known}}}, cluster: {each}}}"]
    return "\n".join([*lines, *routes, *clusters]) + "\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("thrift")
    with (
        thrift("server.py", folder / "server.log", "0") as server,
        thrift("client.py", folder / "client.log") as client,
        Proxy(config(server.ok("ports")["ports"]), folder) as proxy,
    ):
        yield Place(proxy, client, server)


@pytest.mark.parametrize(("client", "server", "form"), PAIRS, ids=" ".join)
def test_calls_answers_exceptions_and_oneways(place: Place, client: str, server: str, form: str) -> None:
    note = f"{client} {server} {form}"
    answers = place.calls(
        client, server, form,
        ("echo", ["hi"]), ("add", [2, -3]), ("fail", ["no"]), ("note", [note]), ("echo", ["x" * 300_000]), ("echo", [""]),
    )  # fmt: skip
    assert answers == [
        {"result": "hi"}, {"result": -1}, {"sorry": "no"}, {"result": None}, {"result": "x" * 300_000}, {"result": ""},
    ]  # fmt: skip
    place.server.ok("wait", method=f"note {note}", count=1)


@pytest.mark.parametrize(("client", "form"), [(c, f) for c, s, f in PAIRS if s == "apache"], ids=" ".join)
def test_what_the_proxy_answers_itself(place: Place, client: str, form: str) -> None:
    """In the client's own form: Apache's client, here, checks the name and the id of each answer."""
    slow, after = place.calls(client, "apache", form, ("slow", [1500]), ("echo", ["after"]))
    assert (slow["fault"], slow["says"]) == (INTERNAL_ERROR, "xproto: the server did not answer in time")
    assert after == {"result": "after"}
    if client == "apache":
        nowhere, unknown = place.calls(client, "apache", form, ("elsewhere", ["x"]), ("missing", ["x"]))
        assert (nowhere["fault"], nowhere["says"]) == (UNKNOWN_METHOD, "xproto: no route matches this call")
        assert (unknown["fault"], unknown["says"]) == (UNKNOWN_METHOD, "no method missing"), "the server's own"


def test_all_of_them_at_once(place: Place) -> None:
    """Every pair, several clients each: every answer is the caller's own."""

    def run(pair: tuple[str, str, str]) -> list[Any]:
        client, server, form = pair
        target = place.proxy.listeners[name(server, form)]
        with thrift("client.py", place.proxy.log.parent / f"client {' '.join(pair)}.log") as peer:
            found = peer.ok("calls", library=client, form=form, target=target, clients=4, count=100, size=200)
        return list(found["answers"])

    with ThreadPoolExecutor(6) as pool:
        assert [each for found in pool.map(run, PAIRS) for each in found] == []


@pytest.mark.parametrize("form", [*PLAIN, *HEADER, "thrift-header zlib"])
def test_services_that_share_one_port(place: Place, form: str) -> None:
    """``Service:method``: the service says which server, whatever the form that the connection is found to have."""
    service = name("apache", form)
    found = place.client.ok(
        "calls", library="apache", form=form, target=place.proxy.address,
        calls=[(f"{service}:echo", ["hi"]), (f"{service}:missing", []), ("nobody:echo", ["hi"])],
    )["answers"]  # fmt: skip
    assert found[0] == {"result": "hi"}
    assert found[1]["says"] == "no method missing"
    assert (found[2]["fault"], found[2]["says"]) == (UNKNOWN_METHOD, "xproto: no route matches this call")
