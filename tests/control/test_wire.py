"""Messages between control and worker, however the stream is cut."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import msgspec
import pytest

from proxy.control.channel import Channel, receive_start
from proxy.control.wire import (
    PREFIX,
    Abort,
    Commit,
    Committed,
    Describe,
    Described,
    Drain,
    Failed,
    Framer,
    Message,
    Prepare,
    Prepared,
    Ready,
    Refused,
    Reopen,
    Rotate,
    Start,
    encode,
)
from proxy.tls.material import Material

START = Start(1, bytes(300_000), b"", ("mesh",), 2)

MESSAGES: list[Message] = [
    Start(0, b"\x00\xff", b"", ("a", "b"), 7, {"web": Material("c", "k"), "mesh-ca": Material(trust="t", crl="l")}),
    Prepare(1, b"\x00", b"\x90", {"a": "a"}, ("c",), {"web": Material("c", "k")}),
    Rotate({"web": Material("c", "k", "t", "l")}),
    Prepared(1),
    Refused(1, "why"),
    Commit(2),
    Committed(2),
    Abort(),
    Reopen(),
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
    """And messages of a channel follow it, theirs too."""

    async def control(ours: socket.socket, descriptors: list[int]) -> None:
        gone = asyncio.Event()
        channel = Channel(asyncio.get_running_loop(), ours, lambda _: None, gone.set)
        channel.send_nowait(START, descriptors)
        channel.send_nowait(Prepare(1, b"", b"", {}, ("mesh",)), descriptors[:1])
        channel.send_nowait(Describe(2))
        await asyncio.wait_for(gone.wait(), 20)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        read, write = os.pipe()
        descriptors = [read, *[write] * 300]
        sender = threading.Thread(target=lambda: asyncio.run(control(ours, descriptors)))
        sender.start()
        got, received = receive_start(theirs)
        messages, more = asyncio.run(listen(theirs, 2))
        sender.join()
    assert got == START
    assert messages == [Prepare(1, b"", b"", {}, ("mesh",)), Describe(2)]
    assert len(received) == len(descriptors)
    assert len(more) == 1
    os.write(received[1], b"x")
    assert os.read(more[0], 1) == b"x"
    for each in (read, write, *received, *more):
        os.close(each)


async def listen(end: socket.socket, count: int) -> tuple[list[Message], list[int]]:
    """So many messages, or those until the other end closes; and the descriptors of those that have any."""
    messages: list[Message] = []
    descriptors: list[int] = []
    ended = asyncio.Event()

    def on_message(message: Message) -> None:
        messages.append(message)
        if isinstance(message, Prepare):
            descriptors.extend(channel.take(len(message.fresh)) or ())
        if len(messages) == count:
            ended.set()

    channel = Channel(asyncio.get_running_loop(), end, on_message, ended.set)
    await asyncio.wait_for(ended.wait(), 20)
    channel.close()
    return messages, descriptors


def test_descriptors_that_did_not_arrive_are_none() -> None:
    async def scenario() -> tuple[list[Message], list[int]]:
        ours, theirs = socket.socketpair()
        ours.sendall(encode(Prepare(1, b"", b"", {}, ("mesh",))))
        ours.close()
        return await listen(theirs, 2)

    assert asyncio.run(scenario()) == ([Prepare(1, b"", b"", {}, ("mesh",))], [])


def test_control_that_is_gone_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        with pytest.raises(EOFError):
            receive_start(theirs)
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(b"\0\0")
        ours.close()
        with pytest.raises(EOFError):
            receive_start(theirs)
