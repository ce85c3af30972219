"""Clients that leave or stall, servers that die, requests that nobody can serve.

Who is told what, and that nobody else notices.
"""

from __future__ import annotations

import select

import pytest
from harness.web import GIGABYTE, Memory, Web
from harness.wire_http import TruncatedError, Wire, ask, is_served

BOUND = 64 << 20
"""Bytes by which a worker may grow, and that may be under way."""
SMALL_BUFFER = 1 << 14
STALLED_S = 1.0
"""A connection that takes nothing for so long has stalled."""
LOCAL = {
    "no route": ("/echo", "elsewhere.test", 404),
    "no host": ("/echo", "nobody.test", 503),
    "timeout": ("/late/hang", "127.0.0.1", 504),
    "died before its head": ("/die/before-head", "127.0.0.1", 502),
    "died in its head": ("/die/in-head", "127.0.0.1", 502),
    "two lengths": ("/two-lengths", "127.0.0.1", 502),
}


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("case", list(LOCAL))
def test_a_request_that_nobody_answers(web: Web, case: str, method: str) -> None:
    """The proxy does; an answer to HEAD has no body, and the same connection goes on."""
    target, host, status = LOCAL[case]
    with Wire(web.at("proxy")) as wire:
        wire.ask(target, method=method, host=host, body=b"a body" if method == "POST" else None)
        answer = wire.answer(method)
        assert answer.status == status
        assert (answer.get("retry-after") != "") is (status == 503)
        if answer.get("connection") != "close":
            wire.ask("/echo?again")
            assert wire.answer().json["url"] == "/echo?again"
        else:
            assert wire.is_closed()
    is_served(web.at("proxy"), 2)


@pytest.mark.parametrize("form", ["chunked", "length"])
def test_a_server_dies_in_the_middle_of_a_body(web: Web, form: str) -> None:
    """The client must not take the part for the whole: its connection ends before the body does."""
    with Wire(web.at("proxy")) as wire:
        wire.ask(f"/die/in-body?{form}")
        with pytest.raises(TruncatedError):
            wire.answer()
    is_served(web.at("proxy"))


def test_a_server_says_more_than_it_was_asked(web: Web) -> None:
    """The second answer is nobody's: least of all that of who comes next."""
    for _ in range(5):
        answer = ask(web.at("proxy"), "/too-much")
        assert (answer.status, answer.body) == (200, b"ok")
        is_served(web.at("proxy"), 2)


@pytest.mark.parametrize("form", ["chunked", "length"])
def test_a_server_answers_before_it_read_the_body(web: Web, via: str, form: str) -> None:
    """The answer comes, even while the client is still sending."""
    with Wire(web.at(via)) as wire:
        wire.begin("/too-large", form, GIGABYTE)
        wire.go_on(form, bytes(1 << 14))
        answer = wire.answer()
    assert (answer.status, answer.body) == (413, b"too large")
    is_served(web.at(via))


@pytest.mark.parametrize("target", ["/zeros?size=1073741824", "/zeros?chunked&size=1073741824"], ids=["length", "chunked"])
def test_a_client_stops_reading(web: Web, target: str) -> None:
    """The server waits with the rest, others are served, and the end of the client ends the call."""
    memory, name = Memory(web.proxy), f"stopped-{'chunked' in target}"
    with Wire(web.at("proxy"), buffer=SMALL_BUFFER) as wire:
        wire.ask(f"{target}&name={name}")
        assert wire.head().status == 200
        is_served(web.at("proxy"), 200)
        assert memory.grown() < BOUND
        assert web.node.ok("count", name=f"gone {name}")["count"] == 0
    web.node.ok("wait", name=f"gone {name}")


def test_a_server_stops_reading(web: Web) -> None:
    """The client cannot send on and on; when it left, the server finds the body cut short."""
    memory, piece = Memory(web.proxy), bytes(1 << 20)
    with Wire(web.at("proxy")) as wire:
        wire.begin("/stall?name=stalled", "length", GIGABYTE)
        wire.socket.setblocking(False)
        sent = 0
        while select.select([], [wire.socket], [], STALLED_S)[1]:
            sent += wire.socket.send(piece)
            assert sent < BOUND
        is_served(web.at("proxy"))
        assert memory.grown() < BOUND
    web.node.ok("read", name="stalled")
    web.node.ok("wait", name="gone stalled")


def test_a_client_vanishes_in_the_middle_of_an_answer(web: Web, via: str) -> None:
    with Wire(web.at(via)) as wire:
        wire.ask(f"/zeros?size={GIGABYTE}&name=answer-{via}")
        assert wire.head().status == 200
        wire.exactly(100_000)
    web.node.ok("wait", name=f"gone answer-{via}")


@pytest.mark.parametrize("form", ["chunked", "length"])
def test_a_client_vanishes_in_the_middle_of_its_body(web: Web, via: str, form: str) -> None:
    """The server must not take the part for the whole."""
    name = f"body-{via}-{form}"
    with Wire(web.at(via)) as wire:
        wire.begin(f"/sink?name={name}", form, 9)
        wire.go_on(form, b"half")
        web.node.ok("wait", name=f"begun {name}")
    web.node.ok("wait", name=f"gone {name}")


def test_a_client_vanishes_before_its_answer(web: Web, via: str) -> None:
    with Wire(web.at(via)) as wire:
        wire.ask(f"/hang?name=before-{via}")
        web.node.ok("wait", name=f"begun before-{via}")
    web.node.ok("wait", name=f"gone before-{via}")
    is_served(web.at(via))
