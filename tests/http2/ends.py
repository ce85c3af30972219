"""Ends of the frame engine that have greeted each other's peers, for tests."""

from __future__ import annotations

from tests.http2.speech import (
    ANSWER,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    REQUEST,
    RST,
    WINDOW,
    Frame,
    frame,
    frames_of,
    settings,
    u32,
)
from xproto.kernel.http2_face import End

SECOND = 1_000_000
WINDOW_OF_STREAMS = 256 * 1024
WINDOW_OF_CONNECTIONS = 4 * 1024 * 1024
MAX_STREAMS = 128
EARLY_STREAMS = 512


def server(*pairs: tuple[int, int]) -> End:
    """A server's end that has a client's settings, and has said all that it has to."""
    end = End(True)
    end.begin()
    feed(end, PREFACE, settings(*pairs))
    end.take_out()
    end.events.clear()
    return end


def client(*pairs: tuple[int, int], calls: int = 0, ends: bool = True) -> End:
    """A client's end, which has its server's settings, and so many calls on their way."""
    end = End(False)
    end.begin()
    feed(end, settings(*pairs))
    for _ in range(calls):
        end.say_head(end.open_stream(), [(b":method", b"GET")], ends)
    end.take_out()
    end.events.clear()
    return end


def feed(end: End, *pieces: bytes, now: int = 1) -> None:
    data = b"".join(pieces)
    used = end.feed(data, now)
    assert used == len(data), "all of it was whole frames"


def said(end: End) -> list[Frame]:
    return frames_of(end.take_out())


def verdict(end: End) -> tuple[str, int] | None:
    """The first thing that was refused: ("connection" or "stream", its code)."""
    for each in said(end):
        if each.type == GOAWAY:
            return "connection", int.from_bytes(each.payload[4:8], "big")
        if each.type == RST:
            return "stream", each.number
    return None


def request(stream: int = 1, *, ends: bool = True) -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, REQUEST)


def answer(stream: int = 1, *, ends: bool = False) -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, ANSWER)


def in_pieces(stream: int, said_of: bytes, size: int, flags: int = END_STREAM) -> list[bytes]:
    """A header block over several frames."""
    pieces = [said_of[at : at + size] for at in range(0, len(said_of), size)] or [b""]
    return [
        frame(
            HEADERS if not n else CONTINUATION,
            (flags if not n else 0) | (END_HEADERS if n == len(pieces) - 1 else 0),
            stream,
            each,
        )
        for n, each in enumerate(pieces)
    ]


def more(stream: int, size: int) -> bytes:
    return frame(WINDOW, 0, stream, u32(size))
