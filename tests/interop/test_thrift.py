"""Thrift's own libraries, each client with each server, in every form of the wire, straight and through one port."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from harness.proxy import Proxy
from harness.thrift import DEADLINE_MS, HEADER, OLD, PLAIN, SERVED, STARTERS, ThriftMesh, addresses, pairs, service
from harness.thrift import thrift_config as config
from harness.thrift_calls import CALLS, INTERNAL_ERROR, UNKNOWN_METHOD, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMED = pytest.mark.parametrize("multiplexed", [False, True], ids=["plain", "multiplexed"])


@pytest.fixture(scope="module")
def thrift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThriftMesh]:
    with ThriftMesh(tmp_path_factory.mktemp("thrift")) as mesh:
        yield mesh


def each(forms: tuple[str, ...] = PLAIN + OLD + HEADER) -> Any:
    return pytest.mark.parametrize(("form", "client", "server"), [pytest.param(*p, id="-".join(p)) for p in pairs(forms)])


@NAMED
@each()
def test_calls(thrift: ThriftMesh, via: str, form: str, client: str, server: str, multiplexed: bool) -> None:
    to = thrift.to(via, server, form, multiplexed=multiplexed)
    peer = thrift.peer(f"{client}_client")
    assert [peer.do("call", **to, **asked) for asked, _ in CALLS] == [answer for _, answer in CALLS]


@NAMED
@each()
def test_a_hundred_in_a_row_on_one_connection(
    thrift: ThriftMesh, form: str, client: str, server: str, multiplexed: bool
) -> None:
    to = thrift.to("proxy", server, form, multiplexed=multiplexed)
    result = thrift.peer(f"{client}_client").do("call", **to, method="echo", text="row", count=100, threads=1)
    assert result["ok"], result


@NAMED
@pytest.mark.parametrize(
    ("form", "client", "server"), [pytest.param(*p, id="-".join(p)) for p in pairs() if {*p[1:]} <= {"thriftpy2", "apache"}]
)
def test_values_of_every_type(thrift: ThriftMesh, form: str, client: str, server: str, multiplexed: bool) -> None:
    """Unframed messages end where their fields end, so all fields are walked."""
    to = thrift.to("proxy", server, form, multiplexed=multiplexed)
    for _ in range(2):
        assert thrift.peer(f"{client}_client").do("call", **to, method="every") == {"ok": True, "value": True}


@NAMED
@each()
def test_oneways_arrive(thrift: ThriftMesh, form: str, client: str, server: str, multiplexed: bool) -> None:
    to = thrift.to("proxy", server, form, multiplexed=multiplexed)
    peer, at = thrift.peer(f"{client}_client"), thrift.peer(f"{server}_server")
    at.ok("reset")
    for number in range(2):
        assert peer.ok("call", **to, method="note", text=str(number))["value"] is None
        assert peer.ok("call", **to, method="echo", text=f"after {number}")["value"] == f"after {number}"
    assert at.ok("wait", method="note", count=2)["count"] == 2


@pytest.mark.parametrize("form", SERVED["go"])
def test_a_oneway_that_is_written_as_a_call(thrift: ThriftMesh, form: str, tmp_path: Path) -> None:
    """As Thrift's library for Go does. A route says what it is, or the next answer would wait for one that never comes."""
    name = service("go", form)
    said = config({("go", form): thrift.hosts("go")["go", form]})
    notes = f"    - {{match: {{headers: {{method: {name}__note}}}}, cluster: {name}, oneway: true}}\n"
    said = said.replace("  main:\n", f"  main:\n{notes}")
    client, server = thrift.peer("go_client"), thrift.peer("go_server")
    server.ok("reset")
    with Proxy(said, tmp_path) as proxy:
        to = {"target": proxy.address, "form": form, "service": name, "client": "kept"}
        for number in range(3):
            assert client.ok("call", **to, method="note", text="x", as_call=True)["value"] is None
            assert client.ok("call", **to, method="echo", text=str(number))["value"] == str(number)
        oneways = sum(proxy.metrics("oneways_total").values())
    assert oneways == 3
    assert server.ok("wait", method="note", count=3)["count"] == 3


@NAMED
@pytest.mark.parametrize(("client", "form"), [(client, form) for client, forms in SERVED.items() for form in forms])
def test_a_call_without_a_route(thrift: ThriftMesh, client: str, form: str, multiplexed: bool) -> None:
    to = {"target": thrift.proxy.address, "form": form, "service": "nobody", "multiplexed": multiplexed}
    result = thrift.peer(f"{client}_client").do("call", **to, method="echo", text="x")
    assert result == {**refusal(UNKNOWN_METHOD, "no route matches this call")}


@each()
def test_a_method_that_the_server_does_not_know(thrift: ThriftMesh, form: str, client: str, server: str) -> None:
    result = thrift.peer(f"{client}_client").do("call", **thrift.to("proxy", server, form), method="missing", text="x")
    assert (result["error"], result["type"]) == ("TApplicationException", UNKNOWN_METHOD), result
    assert "xproto" not in str(result["message"])


@pytest.mark.parametrize("library", list(SERVED))
def test_a_call_over_its_deadline(thrift: ThriftMesh, library: str, tmp_path: Path) -> None:
    """The caller is told, and nobody gets the connection on which the answer is still to come."""
    server, client = thrift.peer(f"{library}_server"), thrift.peer(f"{library}_client")
    forms = SERVED[library]
    with Proxy(config(thrift.hosts(library)), tmp_path) as proxy:
        server.ok("reset")
        to = [{"target": proxy.address, "form": form, "service": service(library, form)} for form in forms]
        late = client.ok("together", calls=[{**one, "method": "slow", "ms": 4 * DEADLINE_MS} for one in to])["results"]
        assert late == [refusal(INTERNAL_ERROR, "the server did not answer in time")] * len(forms)
        for one in to:
            for text in ("after", "and after"):
                assert client.ok("call", **one, method="echo", text=text)["value"] == text
        stats = server.ok("stats")
    assert (stats["methods"], stats["connections"]) == ({"slow": len(forms), "echo": 2 * len(forms)}, 2 * len(forms))


@pytest.mark.parametrize("library", list(SERVED))
def test_a_server_that_dies_in_the_middle_of_a_call(thrift: ThriftMesh, library: str, tmp_path: Path) -> None:
    client = thrift.peer(f"{library}_client")
    forms = SERVED[library]
    with STARTERS[library][0](tmp_path / "server.log") as server:
        hosts = addresses(library, server)
        with Proxy(config(hosts, deadline_ms=20_000), tmp_path) as proxy, ThreadPoolExecutor(1) as pool:
            to = [
                {"target": proxy.address, "form": form, "service": service(library, form), "multiplexed": multiplexed}
                for form in forms
                for multiplexed in (False, True)
            ]
            calls = [{**one, "method": "slow", "ms": 20_000} for one in to]
            pending = pool.submit(client.ok, "together", calls=calls)
            server.ok("wait", method="slow", count=len(calls))
            server.process.kill()
            broken = refusal(INTERNAL_ERROR, "the server's connection closed before it answered")
            assert pending.result()["results"] == [broken] * len(calls)
            gone = refusal(INTERNAL_ERROR, "no host of the cluster can be reached")
            assert [client.do("call", **one, method="echo", text="x") for one in to] == [gone] * len(calls)


@pytest.mark.parametrize("server", list(SERVED))
def test_many_calls_sent_before_the_first_answer(thrift: ThriftMesh, server: str) -> None:
    """Who reads answers in the order of the requests gets them so; who tells them apart by their id gets each."""
    texts = [f"text {number}" for number in range(20)]
    for form in SERVED[server]:
        for multiplexed in (False, True):
            to = thrift.to("proxy", server, form, multiplexed=multiplexed)
            result = thrift.peer("apache_client").ok("pipeline", **to, ms=DEADLINE_MS // 5, texts=texts)
            if form in HEADER:
                assert {str(value) for value in result["values"]} == {str(DEADLINE_MS // 5), *texts}, form
            else:
                assert (result["values"], result["in_order"]) == ([DEADLINE_MS // 5, *texts], True), form


@pytest.mark.parametrize("zlib", [False, True], ids=["as it is", "zlib"])
@each(HEADER)
def test_info_headers_and_transforms(thrift: ThriftMesh, form: str, client: str, server: str, zlib: bool) -> None:
    peer, info = thrift.peer(f"{client}_client"), {"trace": "t" * 100, "k": "é"}
    for multiplexed in (False, True):
        to = thrift.to("proxy", server, form, multiplexed=multiplexed, zlib=zlib, info=info, client="info")
        assert [peer.do("call", **to, **asked) for asked, _ in CALLS] == [answer for _, answer in CALLS]


@pytest.mark.parametrize("zlib", [False, True], ids=["as it is", "zlib"])
@pytest.mark.parametrize(("form", "server"), [(form, name) for form in HEADER for name in SERVED if form in SERVED[name]])
def test_an_info_header_says_the_service(thrift: ThriftMesh, form: str, server: str, zlib: bool) -> None:
    to = thrift.to("proxy", server, form, zlib=zlib, bare=True, client="bare")
    for asked, answer in CALLS:
        said = {"info": {"service": to["service"]}}
        assert thrift.peer("apache_client").do("call", **to, **said, **asked) == answer


def test_every_client_in_every_form_at_once(thrift: ThriftMesh) -> None:
    calls: dict[str, list[dict[str, Any]]] = {client: [] for client in SERVED}
    for form, client, server in pairs():
        for multiplexed in (False, True):
            to = thrift.to("proxy", server, form, multiplexed=multiplexed, client="storm")
            calls[client].append({**to, "method": "echo", "text": f"{client} {form}", "count": 30, "threads": 2})
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(thrift.peer(f"{name}_client").ok, "together", calls=many) for name, many in calls.items()]
        results = [result for future in futures for result in future.result()["results"]]
    assert len(results) == 2 * len(pairs())
    assert [result for result in results if not result["ok"]] == []


def test_every_connection_is_taken_for_what_it_is(thrift: ThriftMesh) -> None:
    before = thrift.proxy.metrics("detected_total")
    for form, client, server in pairs():
        to = thrift.to("proxy", server, form, client="counted")
        assert thrift.peer(f"{client}_client").ok("call", **to, method="echo", text="x")["value"] == "x"
    after = thrift.proxy.metrics("detected_total")
    new = {labels: count - before.get(labels, 0) for labels, count in after.items() if count != before.get(labels, 0)}
    forms = Counter(form for form, _, _ in pairs())
    assert new == {f'{{listener="mesh",result="{form}"}}': count for form, count in forms.items()}
    assert set(thrift.proxy.metrics("malformed_total").values()) == {0}
    assert set(thrift.proxy.metrics("upstream_malformed_total").values()) == {0}
