"""HTTP/1.1: where messages end, which answer is whose, and what is another protocol from some byte on."""

from __future__ import annotations

from typing import Any

import pytest
from tape import Talk, Tape

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


def exchange(decode: Any, asked: bytes, told: bytes, *, most: int = 1460, close: bool = True) -> tuple[list[Any], list[Any]]:
    tape = Tape()
    talk = Talk(tape).open().send(0, asked, most).send(1, told, most)
    if close:
        talk.close()
    calls, problems = decode(tape.pcap())
    return calls, problems


@pytest.mark.parametrize("most", [1460, 1])
def test_lines_headers_and_bodies(decode: Any, most: int) -> None:
    asked = b"POST /buy?x=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\ntea"
    told = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        b"5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    (call,), problems = exchange(decode, asked, told, most=most)
    assert problems == []
    request, (answer,) = call.request, call.answers
    assert (request.line, request.body) == ("POST /buy?x=1 HTTP/1.1", b"tea")
    assert request.headers == [("Host", "shop"), ("Content-Length", "3")]
    assert (answer.line, answer.status, answer.body) == ("HTTP/1.1 200 OK", "200", b"hello, world")


def test_answers_keep_the_order_and_what_was_asked_says_where_they_end(decode: Any) -> None:
    """To HEAD there is no body, whatever its length says; 304 has none either; the last one goes on until the end."""
    asked = GET + GET.replace(b"GET", b"HEAD") + GET + GET.replace(b"/a", b"/b")
    told = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
    )
    calls, problems = exchange(decode, asked, told)
    assert problems == []
    assert [(call.request.line.split()[0], call.answers[0].status, call.answers[0].body) for call in calls] == [
        ("GET", "200", b"hi"), ("HEAD", "200", b""), ("GET", "304", b""), ("GET", "200", b"until the end"),
    ]  # fmt: skip


def test_interim_answers(decode: Any) -> None:
    asked = b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    told = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    (call,), problems = exchange(decode, asked, told)
    assert [each.status for each in call.answers] == ["100", "103", "204"]
    assert problems == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        (b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)  # fmt: skip
def test_what_follows_an_upgrade_is_said_and_left_alone(decode: Any, asked: bytes, told: bytes) -> None:
    tape = Tape()
    Talk(tape).open().send(0, asked).send(1, told + b"\x81\x02hi").send(0, b"\x81\x82abcdef").close()
    (call,), problems = decode(tape.pcap())
    assert len(call.answers) == 1
    assert [(each.direction, each.fault.offset, each.fault.why) for each in problems] == [
        (0, len(asked), "8 further bytes were not read"), (1, len(told), "4 further bytes were not read"),
    ]  # fmt: skip


def test_a_malformed_request_leaves_the_answers(decode: Any) -> None:
    told = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    calls, problems = exchange(decode, GET + b"GET /b HTTP/1.1\nHost: h\r\n\r\n", told)
    assert [call.answers[0].status for call in calls] == ["400"]
    assert (problems[0].direction, problems[0].fault.field) == (0, "head")


def test_an_answer_that_is_cut_off(decode: Any) -> None:
    calls, problems = exchange(decode, GET, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close=False)
    assert [call.answers for call in calls] == [[]]
    assert [each.fault.why for each in problems] == ["the last frame is not all there: 43 bytes of 49 or more"]


def test_an_answer_alone(decode: Any) -> None:
    (call,), problems = decode(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", direction=1)
    assert (call.request, call.answers[0].body, problems) == (None, b"until the end", [])
