"""Messages between control and worker, however the stream is cut."""

from __future__ import annotations

import os
import socket
import threading

import msgspec
import pytest

from proxy.control.wire import (
    PREFIX,
    Describe,
    Described,
    Drain,
    Failed,
    Framer,
    Message,
    Ready,
    Start,
    encode,
    receive_start,
    send_descriptors,
)

MESSAGES: list[Message] = [
    Start(0, b"\x00\xff", ("a", "b"), 7),
    Ready(),
    Drain(1.5),
    Describe(3),
    Described(3, {"clusters": {"echo": [1, None]}}),
    Failed("why"),
]


@pytest.mark.parametrize("step", [1, 3, 7, 10_000])
def test_a_stream_in_pieces(step: int) -> None:
    stream = b"".join(map(encode, MESSAGES))
    framer, got = Framer(), []
    for at in range(0, len(stream), step):
        got += framer.feed(stream[at : at + step])
    assert got == MESSAGES


@pytest.mark.parametrize("data", [PREFIX.pack(1 << 31), PREFIX.pack(1) + b"\xc1", PREFIX.pack(1) + b"\x80"])
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError if data[:4] == PREFIX.pack(1 << 31) else msgspec.DecodeError):
        Framer().feed(data)


def test_the_start_carries_descriptors_more_than_one_message_can() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        start = Start(1, bytes(300_000), ("mesh",), 2)
        read, write = os.pipe()
        descriptors = [read, *[write] * 300]
        send_descriptors(ours, descriptors)
        sender = threading.Thread(target=ours.sendall, args=(encode(start),))
        sender.start()
        got, received = receive_start(theirs, len(descriptors))
        sender.join()
    assert got == start
    assert len(received) == len(descriptors)
    os.write(received[1], b"x")
    assert os.read(received[0], 1) == b"x"
    for each in (read, write, *received):
        os.close(each)


def test_control_that_is_gone_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        with pytest.raises(EOFError):
            receive_start(theirs, 1)
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(ours, [b"\0"], [0])
        ours.sendall(b"\0\0")
        ours.close()
        with pytest.raises(EOFError):
            receive_start(theirs, 1)
