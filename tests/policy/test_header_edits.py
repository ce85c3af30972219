"""Headers and roles edited by routes, through the running data path: each protocol has what its declaration says it has."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from proxy.config.templates import pieces
from proxy.snapshot import Edits, HeaderEdit, Piece, Rewrite, Route
from tests.datapath.world import REGISTRY, World
from tests.policy.scenes import start
from tests.policy.speech.model import HOST, METHOD, SERVICE, VERSION
from tests.policy.speech.table import (
    BOLT,
    DUBBO,
    GRPC,
    HTTP1,
    HTTP2,
    THRIFT,
    THRIFT_HEADER,
    Answer,
    Asked,
    Call,
    Host,
    Speech,
    over,
    saying,
)

PATH = f"/{SERVICE}/{METHOD}"
USUAL = {"service": SERVICE, "method": METHOD, "version": VERSION, "path": PATH, "host": HOST}
ROLES = {"service": "com.test.Other", "method": "other", "version": "2.0", "path": "/other.Path/call", "host": "other.test:81"}


def edit(op: str, name: str, value: str = "") -> HeaderEdit:
    return HeaderEdit(op, name, pieces(value))  # type: ignore[arg-type]


class Outcome(NamedTuple):
    """`asked`: what the host got; None: nothing came there."""

    asked: Asked | None
    answer: Answer


async def exchange(
    world: World, speech: Speech, routes: tuple[Route, ...], headers: dict[str, str], answers: dict[str, str]
) -> Outcome:
    """A call with these headers, to a host that answers with those."""
    host = Host(world, speech, answers=Answer("said", headers=answers))
    start(world, speech, routes, host)
    client = await speech.client(world)
    await client.ask(Call(headers=headers, path=f"{PATH}?q=1"))
    answer = await client.answer()
    assert answer.number == 7
    asked = next(iter(host.came()), None)
    if asked is not None:
        asked.roles.pop("http_method", None)
        assert asked.query == ("q=1" if "query" in speech.says else None)
    for raw, from_host in ((answer.raw, 1), (asked.raw if asked else b"", 0)):
        if "frames" in speech.says and raw:
            assert REGISTRY[speech.protocol].codec.verify_bytes(raw, from_host) == len(raw)
    if answer.ok:
        assert answer.text == "said"
    return Outcome(asked, answer)


def routes(
    *request: HeaderEdit, response: tuple[HeaderEdit, ...] = (), rewrites: tuple[Rewrite, ...] = ()
) -> tuple[Route, ...]:
    return (Route("r", (), "main", edits=Edits(request, response, rewrites)),)


REQUESTS = [
    ("set a new one", (edit("set", "x-new", "v"),), {"x-old": "1"}, {"x-old": "1", "x-new": "v"}),
    ("set an old one", (edit("set", "x-old", "v"),), {"x-old": "1"}, {"x-old": "v"}),
    ("set to nothing", (edit("set", "x-old", ""),), {"x-old": "1"}, {"x-old": ""}),
    ("set to much", (edit("set", "x-old", "v" * 3000),), {"x-old": "1"}, {"x-old": "v" * 3000}),
    ("add a new one", (edit("add", "x-new", "v"),), {"x-old": "1"}, {"x-old": "1", "x-new": "v"}),
    ("add an old one", (edit("add", "x-old", "v"),), {"x-old": "1"}, {"x-old": "1"}),
    ("append to an old one", (edit("append", "x-old", "v"),), {"x-old": "1"}, {"x-old": "1,v"}),
    ("append a new one", (edit("append", "x-new", "v"),), {}, {"x-new": "v"}),
    ("remove", (edit("remove", "x-old"),), {"x-old": "1", "x-more": "2"}, {"x-more": "2"}),
    ("remove what is not there", (edit("remove", "x-none"),), {"x-old": "1"}, {"x-old": "1"}),
    (
        "the most specific last",
        (
            edit("set", "x-old", "table"),
            edit("append", "x-old", "host"),
            edit("remove", "x-more"),
            edit("set", "x-more", "route"),
        ),
        {"x-old": "1", "x-more": "2"},
        {"x-old": "table,host", "x-more": "route"},
    ),
]


@over("headers", variants=True)
@pytest.mark.parametrize(("edits", "before", "after"), [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS])
async def test_headers_of_requests(
    world: World, speech: Speech, edits: tuple[HeaderEdit, ...], before: dict[str, str], after: dict[str, str]
) -> None:
    found = await exchange(world, speech, routes(*edits), before, {})
    assert found.asked is not None
    assert found.asked.headers == after
    assert found.answer.ok
    assert world.count("edits_total", outcome="skipped") == world.count("edits_total", outcome="refused") == 0


@over("answer_headers", variants=True)
async def test_headers_of_answers(world: World, speech: Speech) -> None:
    response = (edit("set", "x-new", "v"), edit("append", "x-old", "more"), edit("remove", "x-gone"))
    found = await exchange(world, speech, routes(response=response), {"x-old": "asked"}, {"x-old": "1", "x-gone": "2"})
    assert found.asked is not None
    assert found.asked.headers == {"x-old": "asked"}
    assert found.answer.headers == {"x-old": "1,more", "x-new": "v"}


@pytest.mark.parametrize(("speech", "role"), [(s, role) for role in ROLES for s in saying(role, variants=True)], ids=str)
async def test_roles(world: World, speech: Speech, role: str) -> None:
    rewrite = Rewrite(role, pieces(ROLES[role]))  # type: ignore[arg-type]
    usual = roles_of(speech)
    found = await exchange(world, speech, routes(edit("set", "x-new", "v"), rewrites=(rewrite,)), {"x-old": "1"}, {})
    assert found.asked is not None
    if speech is GRPC and role == "path":
        usual |= {"service": "other.Path", "method": "call"}
    elif speech is GRPC and role in ("service", "method"):
        usual["path"] = f"/{ROLES['service']}/{METHOD}" if role == "service" else f"/{SERVICE}/{ROLES['method']}"
    assert found.asked.roles == usual | {role: ROLES[role]}
    assert found.answer.ok, "an answer of the proxy's own"
    if speech in (THRIFT, THRIFT_HEADER):
        assert found.answer.method == METHOD, "the caller must know its method again"
    if "headers" in speech.says:
        assert found.asked.headers == {"x-old": "1", "x-new": "v"}


def roles_of(speech: Speech) -> dict[str, str]:
    return {role: said for role, said in USUAL.items() if role in speech.says}


@over("path", variants=True)
@pytest.mark.parametrize(
    ("rewrite", "path"),
    [
        (Rewrite("path", (Piece("/v2/"),), prefix="/test."), "/v2/Echo/echo"),
        (Rewrite("path", (Piece("/v2/"),), prefix="/org."), PATH),
        (Rewrite("path", (Piece("/people/\\1"),), regex="^/([a-z.]+)Echo"), "/people/test./echo"),
        (Rewrite("path", (Piece("/people"),), regex="^/nothing"), PATH),
    ],
    ids=["prefix", "another prefix", "regex", "another regex"],
)
async def test_parts_of_paths(world: World, speech: Speech, rewrite: Rewrite, path: str) -> None:
    found = await exchange(world, speech, routes(rewrites=(rewrite,)), {}, {})
    assert found.asked is not None
    assert found.asked.roles["path"] == path


@over("headers", variants=True)
async def test_variables_of_requests(world: World, speech: Speech) -> None:
    names = ("protocol", "service", "method", "path", "host", "route", "cluster", "request_header(x-old)", "request_header(no)")
    made = [edit("set", f"x-{at}", f"<%{name}%>") for at, name in enumerate(names)]
    found = await exchange(
        world, speech, routes(*made, edit("set", "x-time", "%start_time%"), edit("set", "x-from", "%downstream_address%")),
        {"x-old": "50%"}, {},
    )  # fmt: skip
    assert found.asked is not None
    headers = dict(found.asked.headers)
    assert headers.pop("x-from").startswith("127.0.0.1:")
    assert headers.pop("x-time").endswith("Z")
    rpc = "path" not in speech.says or speech is GRPC
    said = {
        "protocol": speech.name, "service": SERVICE if rpc else "", "method": METHOD if rpc else "",
        "path": PATH if "path" in speech.says else SERVICE if speech is DUBBO else "",
        "host": HOST if "host" in speech.says else "", "route": "r",
        "cluster": "main", "request_header(x-old)": "50%", "request_header(no)": "",
    }  # fmt: skip
    assert headers == {"x-old": "50%"} | {f"x-{at}": f"<{said[name]}>" for at, name in enumerate(names)}


@over("answer_headers", variants=True)
async def test_variables_of_answers(world: World, speech: Speech) -> None:
    value = "%route%, %protocol%, %upstream_host%, 100%%"
    asked = edit("set", "x-asked", "%request_header(x-old)%, <%request_header(no)%>, %service%%path%")
    changed = (edit("set", "x-old", "changed"), edit("set", "x-sent", "%request_header(x-old)%"))
    found = await exchange(world, speech, routes(*changed, response=(edit("set", "x-by", value), asked)), {"x-old": "1"}, {})
    address = world.snapshot.clusters["main"].hosts[0]
    said = f"{SERVICE if 'service' in speech.says else ''}{PATH if 'path' in speech.says else ''}"
    assert found.asked is not None
    assert found.asked.headers == {"x-old": "changed", "x-sent": "1"}
    assert found.answer.headers == {"x-by": f"r, {speech.name}, {address}, 100%", "x-asked": f"1, <>, {said}"}


async def test_an_answer_that_wants_too_much_of_its_request(world: World) -> None:
    response = (edit("set", "x-asked", "%request_header(x-old)%"),)
    found = await exchange(world, HTTP1, routes(response=response), {"x-old": "v" * 1100}, {})
    assert found.asked is None
    assert world.count("edits_total", outcome="refused") == 1


async def test_a_call_without_headers_goes_on_and_is_counted(world: World) -> None:
    found = await exchange(world, THRIFT, routes(edit("set", "x-new", "v")), {}, {})
    assert found.asked is not None
    assert found.answer.ok


HOSTILE = ["a\r\nx-admin: 1", "a\nx-admin: 1", "a\rb", "a\0b"]


@pytest.mark.parametrize("speech", [HTTP1, HTTP2, GRPC], ids=repr)
@pytest.mark.parametrize("value", HOSTILE)
async def test_no_value_splits_a_head(world: World, speech: Speech, value: str) -> None:
    """Whatever the configuration let through: the call is answered, and nothing of it goes on."""
    hostile = HeaderEdit("set", "x-new", (Piece(value),))
    found = await exchange(world, speech, routes(hostile), {}, {})
    assert found.asked is None
    assert not found.answer.ok
    assert world.count("edits_total", outcome="refused") == 1


@pytest.mark.parametrize("value", HOSTILE)
async def test_no_value_splits_an_answer(world: World, value: str) -> None:
    hostile = HeaderEdit("set", "x-new", (Piece(value),))
    found = await exchange(world, HTTP1, routes(response=(hostile,)), {}, {})
    assert found.asked is not None
    assert not found.answer.ok
    assert world.count("edits_total", outcome="refused") == 1


@pytest.mark.parametrize("value", ["/a b", "/a?admin=1", "/a#b", "/a/../b", "a", "/a HTTP/1.1\r\nx: y", "/%2e%2e/b"])
async def test_no_path_becomes_another_request(world: World, value: str) -> None:
    found = await exchange(world, HTTP1, routes(rewrites=(Rewrite("path", (Piece(value),)),)), {}, {})
    assert found.asked is None
    assert not found.answer.ok


@pytest.mark.parametrize("value", ["a b", "user@host", "a/b", "h:port", "a\r\nx: y"])
async def test_no_host_becomes_another_field(world: World, value: str) -> None:
    found = await exchange(world, HTTP1, routes(rewrites=(Rewrite("host", (Piece(value),)),)), {}, {})
    assert found.asked is None


@pytest.mark.parametrize("name", ["content-length", "Transfer-Encoding", "HOST", "connection", "a b", "a:b", ""])
@pytest.mark.parametrize("op", ["set", "add", "append", "remove"])
async def test_fields_that_are_not_to_be_edited(world: World, op: str, name: str) -> None:
    found = await exchange(world, HTTP1, routes(edit(op, name, "1")), {}, {})
    assert found.asked is None


async def test_a_client_cannot_take_away_what_is_added(world: World) -> None:
    """A field that Connection names goes no further: one that is added behind it does."""
    found = await exchange(world, HTTP1, routes(edit("set", "x-new", "v")), {"connection": "x-new", "x-new": "1"}, {})
    assert found.asked is not None
    assert found.asked.headers == {"x-new": "v"}


@pytest.mark.parametrize(
    ("speech", "edits"),
    [
        (BOLT, [edit("set", f"x-{n}", "v" * 16000) for n in range(3)]),  # its headers have at most 0x7FFF bytes
        (HTTP1, [edit("set", f"x-{n}", "v" * 16000) for n in range(5)]),
        (THRIFT_HEADER, [edit("set", f"x-{n}", "v" * 16000) for n in range(5)]),
        (HTTP1, [edit("set", "x", "v" * 16385)]),
    ],
    ids=["bolt", "http1", "thrift-header", "one value"],
)
async def test_over_a_limit(world: World, speech: Speech, edits: list[HeaderEdit]) -> None:
    found = await exchange(world, speech, routes(*edits), {}, {})
    assert found.asked is None
    assert not found.answer.ok
    assert world.count("edits_total", outcome="refused") == 1
    assert world.count("local_replies_total", fault="malformed") == 1


async def test_an_answer_over_a_limit_is_answered_by_the_proxy(world: World) -> None:
    response = tuple(edit("set", f"x-{n}", "v" * 16000) for n in range(3))
    found = await exchange(world, BOLT, routes(response=response), {}, {})
    assert found.asked is not None
    assert not found.answer.ok
    assert world.count("local_replies_total", fault="closed") == 1


async def test_a_method_that_would_be_a_handshake(world: World) -> None:
    rewrites = (Rewrite("service", (Piece("x"),)), Rewrite("method", (Piece("__can__finagle__trace__v3__"),)))
    assert (await exchange(world, THRIFT, routes(rewrites=rewrites), {}, {})).asked is not None


async def test_a_value_that_comes_out_empty_rewrites_nothing(world: World) -> None:
    found = await exchange(world, BOLT, routes(rewrites=(Rewrite("service", pieces("%request_header(no)%")),)), {}, {})
    assert found.asked is not None
    assert found.asked.roles["service"] == SERVICE


async def test_edits_that_a_reload_took_away_are_made_for_the_calls_before_it(world: World) -> None:
    from tests.datapath import web

    backend = world.backend()
    world.start(backend, protocols=("http1",), routes=routes(response=(edit("set", "x-new", "v"),)))
    world.size_of = web.size_of
    client = await world.client()
    await client.send(web.request())
    upstream = world.peer((await world.loop.sock_accept(backend.sock))[0])
    await web.take(upstream)
    world.change(routes={"table": (Route("r", (), "main"),)})
    await upstream.send(web.response(b"said"))
    assert (await web.take(client)).fields["x-new"] == "v"
