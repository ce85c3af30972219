"""What Finagle's server and client make of bytes: the recorded frames once more, and a server that answers oddly."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
from harness.finagle import SERVICE, FinagleMesh
from harness.twitter_vectors import UPGRADE, twitter_facts

from tests.golden import RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UPGRADED = [
    vector.name.removeprefix("finagle-").removesuffix("-request")
    for vector in RECORDED
    if vector.protocol == "thrift-twitter" and vector.direction == 0 and vector.kind != "handshake"
]
CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
PATIENCE_S = 20
NO_HEADER = b""
EMPTY_HEADER = b"\0"


@pytest.fixture(scope="module")
def finagle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinagleMesh]:
    with FinagleMesh(tmp_path_factory.mktemp("finagle")) as mesh:
        yield mesh


def vector(name: str) -> bytes:
    return next(v.data for v in RECORDED if v.name == name and v.protocol in {"thrift", "thrift-twitter"})


def replay(address: str, *calls: str) -> tuple[bytes, bytes]:
    """What comes for those calls, sent at once, and what was recorded for them; shorter if the server closed before."""
    host, port = address.rsplit(":", 1)
    expected = b"".join(vector(f"finagle-{call}-response") for call in calls if not call.endswith("note"))
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        sock.sendall(b"".join(vector(f"finagle-{call}-request") for call in calls))
        came = b""
        while len(came) < len(expected) and (data := sock.recv(1 << 16)):
            came += data
        return came, expected


def test_every_upgraded_call_once_more(finagle: FinagleMesh, via: str) -> None:
    """All are sent before the first answer; for the oneway comes nothing.

    The server answers in their order. The proxy, which asks it on several connections, does so as answers come: who sends
    more than one call at a time tells them apart by their ids.
    """
    assert "note" in UPGRADED
    came, expected = replay(finagle.address(via, "finagle_server"), "upgrade", *UPGRADED)
    assert sorted(frames(came)) == sorted(frames(expected))
    assert via == "proxy" or came == expected
    assert frames(came)[0] == vector("finagle-upgrade-response")


def test_calls_before_the_upgrade(finagle: FinagleMesh) -> None:
    calls = ("plain-note", "plain-echo", "upgrade", "note", "echo")
    came, expected = replay(finagle.address("direct", "finagle_server"), *calls)
    assert came == expected


def test_plain_thrift_through_the_proxy_does_not_change_in_its_midst(finagle: FinagleMesh) -> None:
    """An upgrade behind plain calls would upgrade a connection to the server that others use as well: it is declined."""
    address = finagle.address("proxy", "finagle_server")
    came, expected = replay(address, "plain-echo", "upgrade", "plain-echo")
    echoed, declined, *_ = frames(came + bytes(4))
    assert echoed == frames(expected)[0]
    assert (twitter_facts(declined)["type"], twitter_facts(declined)["upgrade"]) == ("exception", True)
    assert replay(address, "plain-echo") == (echoed, echoed), "with a server's connection that is as plain as before"


def frames(data: bytes) -> list[bytes]:
    found = []
    while len(data) >= 4:
        size = 4 + int(struct.unpack_from(">I", data)[0])
        found.append(data[:size])
        data = data[size:]
    return found


@pytest.mark.parametrize("again", ["upgrade", "plain-echo"])
def test_a_call_without_a_header_ends_an_upgraded_connection(finagle: FinagleMesh, again: str) -> None:
    came, _ = replay(finagle.address("direct", "finagle_server"), "upgrade", again)
    assert came == vector("finagle-upgrade-response")


class Odd:
    """A server whose answers are what `answer` makes of a frame's facts; `headers` are those of the calls."""

    def __init__(self, answer: Callable[[dict[str, Any]], bytes]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.headers: list[Any] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError), sock.makefile("rb") as stream:
            while prefix := stream.read(4):
                facts = twitter_facts(prefix + stream.read(struct.unpack(">I", prefix)[0]))
                if not facts["upgrade"]:
                    self.headers.append(facts["header"])
                sock.sendall(self._answer(facts))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)


def frame(kind: int, name: str, seqid: int, body: bytes, header: bytes = NO_HEADER) -> bytes:
    message = struct.pack(">HxBI", 0x8001, kind, len(name)) + name.encode() + struct.pack(">I", seqid) + body
    return struct.pack(">I", len(header + message)) + header + message


def exception(kind: int) -> bytes:
    return b"\x08" + struct.pack(">hi", 2, kind) + b"\0"


TEXT = b"\x0b\0\0\0\0\0\x01x\0"
"""A result: the text x."""


def echo(facts: dict[str, Any], seqid: int | None = None) -> bytes:
    header = NO_HEADER if facts["header"] is None else EMPTY_HEADER
    return frame(REPLY, facts["message"], facts["id"] if seqid is None else seqid, TEXT, header)


def calls(finagle: FinagleMesh, odd: Odd, *methods: str, **args: Any) -> list[dict[str, Any]]:
    to = {"target": odd.address, "form": "thrift-twitter", "service": SERVICE, "text": "x", **args}
    return [finagle.peer("finagle_client").do("call", **to, method=method) for method in methods]


RIGHT = {"ok": True, "value": "x"}


@pytest.mark.parametrize("kind", [0, 1, 5, 6])
def test_any_exception_refuses_the_upgrade(finagle: FinagleMesh, kind: int) -> None:
    refused = frame(EXCEPTION, "whatever", 9, exception(kind))
    with Odd(lambda facts: refused if facts["upgrade"] else echo(facts)) as odd:
        assert calls(finagle, odd, "echo", "echo") == [RIGHT, RIGHT]
    assert (odd.connections, odd.headers) == (1, [None, None])


def test_any_reply_grants_the_upgrade(finagle: FinagleMesh) -> None:
    granted = frame(REPLY, "whatever", 9, b"\0")
    with Odd(lambda facts: granted if facts["upgrade"] else echo(facts)) as odd:
        assert calls(finagle, odd, "echo", "echo") == [RIGHT, RIGHT]
    assert (odd.connections, [header is not None for header in odd.headers]) == (1, [True, True])


@pytest.mark.parametrize("granted", [True, False])
def test_an_answer_with_another_id_closes_the_connection(finagle: FinagleMesh, granted: bool) -> None:
    told = frame(REPLY, UPGRADE, 0, b"\0") if granted else frame(EXCEPTION, UPGRADE, 0, exception(1))
    with Odd(lambda facts: told if facts["upgrade"] else echo(facts, 1 ^ facts["id"])) as odd:
        errors = [answer["error"] for answer in calls(finagle, odd, "echo", "echo")]
    assert (errors, odd.connections) == (["SeqMismatchException"] * 2, 2)


@pytest.mark.parametrize("upgrade", [True, False])
def test_an_empty_frame_for_a_oneway_spoils_the_next_call(finagle: FinagleMesh, upgrade: bool) -> None:
    def answer(facts: dict[str, Any]) -> bytes:
        if facts["upgrade"]:
            return frame(REPLY, UPGRADE, 0, b"\0")
        return b"\0\0\0\0" if facts["kind"] == "oneway" else echo(facts)

    with Odd(answer) as odd:
        oneway, spoilt, after = calls(finagle, odd, "note", "echo", "echo", upgrade=upgrade)
    assert (oneway, spoilt["error"], after) == ({"ok": True, "value": None}, "TTransportException", RIGHT)


def test_calls_at_once_each_have_a_connection(finagle: FinagleMesh) -> None:
    at, number = finagle.peer("finagle_server"), 5
    at.ok("reset")
    to = finagle.to("direct", client="at once", method="slow", ms=500)
    results = finagle.peer("finagle_client").ok("together", calls=[to] * number)["results"]
    assert results == [{"ok": True, "value": 500}] * number
    assert at.ok("stats")["connections"] == number
