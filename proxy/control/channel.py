"""One end of the socket pair between control and a worker: messages, and descriptors that ride on them.

Not an asyncio transport: those neither send nor receive descriptors, and a second way of writing to the same socket would
overtake what the transport still holds. What always holds: messages and descriptors arrive in the order they were sent,
and a descriptor has arrived when the message that it was sent with is complete. `send_nowait` takes copies, so its caller
may close what it sent at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from proxy.control.wire import PREFIX, Framer, Message, Start, decode, encode

DESCRIPTORS_AT_ONCE = 250
"""The kernel passes at most 253 descriptors with one message."""
READ_SIZE = 256 * 1024

Piece = tuple[memoryview, list[int]]


class Channel:
    """`on_message` is called for each message, `on_end` once when the other end is gone (not after `close`)."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        end: socket.socket,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
    ) -> None:
        self._loop, self._socket = loop, end
        self._on_message, self._on_end = on_message, on_end
        self._framer = Framer()
        self._arrived: deque[int] = deque()
        self._waiting: deque[Piece] = deque()
        self._open = True
        end.setblocking(False)
        loop.add_reader(end, self._readable)

    def send_nowait(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Sends, or does nothing when the other end is gone."""
        if not self._open:
            return
        idle = not self._waiting
        self._waiting += pieces(encode(message), [os.dup(each) for each in descriptors])
        if idle:
            self._loop.add_writer(self._socket, self._writable)
            self._writable()

    def take(self, count: int) -> list[int] | None:
        """The descriptors that came with the message being handled; None, and all closed, if some are missing.

        They are when the process is at its limit of open files: the kernel then drops what it cannot hand over.
        """
        if len(self._arrived) < count:
            self._drop()
            return None
        return [self._arrived.popleft() for _ in range(count)]

    def close(self) -> None:
        """Closes this end; what was not sent yet is lost."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        close_all(each for _, descriptors in self._waiting for each in descriptors)
        self._waiting.clear()
        self._drop()

    def _drop(self) -> None:
        close_all(self._arrived)
        self._arrived.clear()

    def _readable(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, READ_SIZE, DESCRIPTORS_AT_ONCE, socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, descriptors = b"", []
        self._arrived += descriptors
        if not data:
            self._end()
            return
        for message in self._framer.feed(data):
            self._on_message(message)

    def _writable(self) -> None:
        try:
            while self._waiting:
                data, descriptors = self._waiting[0]
                sent = socket.send_fds(self._socket, [data], descriptors) if descriptors else self._socket.send(data)
                close_all(descriptors)
                self._waiting[0] = (data[sent:], [])
                if sent == len(data):
                    self._waiting.popleft()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._end()
            return
        self._loop.remove_writer(self._socket)

    def _end(self) -> None:
        if self._open:
            self.close()
            self._on_end()


def pieces(data: bytes, descriptors: Sequence[int]) -> list[Piece]:
    """What is sent at once: each batch of descriptors rides on a byte of the message, the last on all that is left.

    A message is always longer than the number of its batches: it names what its descriptors are.
    """
    view, batches = memoryview(data), max(0, -(-len(descriptors) // DESCRIPTORS_AT_ONCE) - 1)
    assert batches < len(view)
    made: list[Piece] = []
    for batch in range(batches):
        first = batch * DESCRIPTORS_AT_ONCE
        made.append((view[batch : batch + 1], list(descriptors[first : first + DESCRIPTORS_AT_ONCE])))
    made.append((view[batches:], list(descriptors[batches * DESCRIPTORS_AT_ONCE :])))
    return made


def receive_start(end: socket.socket) -> tuple[Start, list[int]]:
    """The first message and its descriptors, before there is a loop. Raises EOFError when control is gone."""
    descriptors: list[int] = []
    size = PREFIX.unpack(_exactly(end, PREFIX.size, descriptors))[0]
    message = decode(_exactly(end, size, descriptors))
    if not isinstance(message, Start):
        raise TypeError(f"the first message is {message!r}")
    return message, descriptors


def _exactly(end: socket.socket, size: int, descriptors: list[int]) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data, arrived, _, _ = socket.recv_fds(end, size - len(parts), DESCRIPTORS_AT_ONCE, socket.MSG_CMSG_CLOEXEC)
        descriptors += arrived
        if not data:
            raise EOFError("control is gone")
        parts += data
    return bytes(parts)


def close_all(descriptors: Iterable[int]) -> None:
    for each in descriptors:
        with contextlib.suppress(OSError):
            os.close(each)
