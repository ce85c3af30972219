"""Connections that never become calls: nobody's bytes, too slow, half a frame, resets, ends."""

from __future__ import annotations

import random
import socket

import pytest

from tests.hostile.fakes import Echo
from tests.hostile.peers import CALLS, HEARTBEATS, Client
from tests.hostile.process import Proxy, Watch, within
from tests.hostile.wire import bolt

pytestmark = pytest.mark.usefixtures("unharmed")

DETECTION = 0.5
"""The configured deadline, in seconds."""

GARBAGE = {
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2 of another version": b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(64),
    "PROXY v1": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    "PROXY v2": b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + bytes(12),
    "framed Thrift of version 2": b"\0\0\0\x20\x80\x02\0\1\0\0\0\4ping" + bytes(20),
    "telnet": b"status -l\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "64 KiB": b"\x80" * 65536,
    "half of Dubbo's magic": b"\xda\xbc" + bytes(30),
    "Bolt of protocol 3": b"\x03\x01\x01\0\1",
    "Bolt of type 7": b"\x01\x07\0\1\1",
    "Bolt of command 100": b"\x01\x01\0\x64\1",
    "Beacon backwards": b"\xbe\xac\0\0\0\0",
}


@pytest.mark.parametrize("case", GARBAGE)
def test_nobodys_bytes_are_closed(client: Client, watch: Watch, case: str) -> None:
    client.send(GARBAGE[case])
    assert client.gone()
    host, port = client.socket.getsockname() if case != "64 KiB" else ("127.0.0.1", 0)
    watch.logged(rf"downstream {host}:{port or '[0-9]+'}: closed: no protocol of this listener begins with")
    assert sum(watch.grew("detected_total", result=each) for each in ("none", "tls", "http1", "http2")) == 1
    assert watch.grew("calls_total") == 0


def test_random_first_bytes(mesh: Proxy, watch: Watch) -> None:
    dice = random.Random(1)
    for _ in range(50):
        with Client(mesh.address) as client:
            client.send(bytes([dice.choice((0, 3, 9, 0x42, 0xDB))]) + dice.randbytes(40))
            assert client.gone()
    assert watch.grew("detected_total", result="none") == 50


def test_what_a_peer_sends_cannot_forge_log_lines(client: Client, watch: Watch) -> None:
    client.send(b"x\r\n2026 \x1b[31m")
    assert client.gone()
    line = watch.logged("no protocol of this listener")
    assert "\\r\\n2026" in line
    assert all(each.isprintable() for each in watch.lines())


@pytest.mark.parametrize("first", [b"\x01", b"\x02", b"\xda", b"\xac"])
def test_a_byte_now_and_then_runs_into_the_deadline(client: Client, watch: Watch, first: bytes) -> None:
    """The clock starts with the first byte, and no later byte sets it back."""
    v2 = [bytes([byte]) for byte in b"\x02\x01\x01\0"]
    client.socket.settimeout(0.2)

    def trickle() -> bool:
        for byte in v2 if first == b"\x02" else [first]:
            client.send(byte)
            try:
                return not client.socket.recv(1)
            except TimeoutError:
                pass
        client.socket.settimeout(5)
        return not client.socket.recv(1)

    assert within(DETECTION + 2, trickle)
    watch.logged("closed: no protocol known in time, after [1-4] bytes")
    assert watch.grew("detected_total", result="timeout") == 1


def test_a_slow_client_within_the_deadline_is_served(client: Client) -> None:
    frame = bolt(9)
    client.socket.settimeout(0.05)
    for at in range(4):
        client.send(frame[at : at + 1])
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
    client.socket.settimeout(5)
    client.send(frame[4:])
    assert client.answer().id == 9


def test_silence_is_no_offence(client: Client) -> None:
    """Pools connect long before they call: without a first byte the clock does not run."""
    client.socket.settimeout(DETECTION * 2)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    client.socket.settimeout(5)
    assert client.call(bolt(9)).id == 9


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("protocol", CALLS)
def test_half_a_frame_and_the_end(mesh: Proxy, fakes: tuple[Echo, Echo], watch: Watch, protocol: str, end: str) -> None:
    before = mesh.count("downstream_connections_active")
    frame = CALLS[protocol](1, b"!half-" + end.encode())
    for cut in range(1, len(frame)):
        client = Client(mesh.address)
        client.send(frame[:cut])
        client.reset() if end == "reset" else client.close()
    watch.eventually(len(frame) - 1, "downstream_connections_total")
    mesh.eventually(before, "downstream_connections_active")
    assert watch.grew("calls_total", protocol=protocol) == 0, "what is not whole is no call"
    assert not any(b"!half" in sent for fake in fakes for sent in fake.frames())


def test_connect_and_reset(mesh: Proxy, watch: Watch) -> None:
    before = mesh.count("downstream_connections_active")
    for _ in range(300):
        Client(mesh.address).reset()
    mesh.eventually(before, "downstream_connections_active")
    assert not [line for line in watch.lines() if "internal error" in line]


@pytest.mark.parametrize("extra", [b"", b"half"], ids=["between frames", "inside a frame"])
@pytest.mark.parametrize("protocol", CALLS)
def test_half_closed_with_answers_pending(mesh: Proxy, client: Client, protocol: str, extra: bytes) -> None:
    call = CALLS[protocol]
    client.send(call(1, b"!hold") + call(2, b"now") + (call(3, b"never whole")[:9] if extra else b""))
    assert client.answer().id == 2
    client.finish()
    with Client(mesh.address) as other:
        assert other.call(call(7, b"!release")).who == b"a"
    assert client.answer().id == 1
    assert client.ended()


def test_an_end_before_a_protocol(client: Client, watch: Watch) -> None:
    client.send(b"\x02")
    client.finish()
    assert client.ended()
    assert watch.grew("detected_total", result="closed") == 1


@pytest.mark.parametrize("protocol", CALLS)
def test_a_caller_that_resets_while_its_call_is_in_flight(mesh: Proxy, watch: Watch, protocol: str) -> None:
    """Its answer is dropped and counted; the upstream connection that others share goes on."""
    before, call = mesh.count("downstream_connections_active"), CALLS[protocol]
    leaver = Client(mesh.address)
    leaver.send(call(1, b"!hold") + call(2, b"now"))
    assert leaver.answer().id == 2
    leaver.reset()
    mesh.eventually(before, "downstream_connections_active")
    with Client(mesh.address) as other:
        assert other.call(call(7, b"!release")).id == 7
    watch.eventually(1, "upstream_dropped_answers_total", reason="late")
    assert watch.grew("upstream_connections_total") == 0


@pytest.mark.parametrize("protocol", HEARTBEATS)
def test_a_flood_of_heartbeats_is_answered_one_by_one(client: Client, protocol: str) -> None:
    client.send(b"".join(HEARTBEATS[protocol](id) for id in range(2000)))
    assert [client.answer().id for _ in range(2000)] == list(range(2000))


def test_urgent_data_is_data(client: Client) -> None:
    """Out-of-band bytes are lifted out of the stream by the kernel; the frame around them stays what it was."""
    client.send(bolt(1))
    client.socket.send(b"!", socket.MSG_OOB)
    client.send(bolt(2))
    assert [client.answer().id, client.answer().id] == [1, 2]
