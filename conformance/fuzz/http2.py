"""What HTTP/2's own functions are asked besides: both ends of a connection, whole and in pieces, and heads as text and back."""

from __future__ import annotations

from random import Random

from conformance.fuzz.blocks import Block
from conformance.fuzz.engine import choices
from conformance.fuzz.protocol import ProtocolTarget
from conformance.outcome import DisagreementError
from xproto.kernel.hpack import Decoder, Encoder
from xproto.kernel.http1 import Head, read_bytes
from xproto.kernel.http2_face import (
    End,
    Message,
    request_block_of,
    request_text_of,
    response_block_of,
    response_text_of,
    trailers_text_of,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
GOAWAY = 7
CALLS = 3
MOST_STREAMS = 512
READ_ALIKE = {"Host", "Expect", "the target", "too many fields"}
"""What the reader of HTTP/1.1 may refuse of a text: it looks at values that HTTP/2 says nothing of."""


class Http2Target(ProtocolTarget):
    """HTTP/2, both ways."""

    def test(self, data: memoryview) -> None:
        super().test(data)
        rng = choices(data)
        for server in (True, False):
            check_end(data, rng, server=server)


def greeted(*, server: bool) -> End:
    """An end whose peer has said hello: a client's has calls on their way."""
    end = End(server)
    end.begin()
    end.feed(PREFACE + SETTINGS if server else SETTINGS, 1)
    for _ in range(0 if server else CALLS):
        end.say_head(end.open_stream(), [(b":method", b"GET")], ends=True)
    end.take_out()
    end.events.clear()
    return end


def check_end(data: memoryview, rng: Random, *, server: bool) -> None:
    """Bytes are heard alike however they are cut; what is answered are frames, and an end that is over says so last."""
    end, again = greeted(server=server), greeted(server=server)
    used = end.feed(data, 1)
    rest = b""
    for piece in _pieces(bytes(data), rng):
        rest += piece
        with Block(rest) as block:
            taken = again.feed(block, 1)
        rest = rest[taken:]
    if end.events != again.events or (out := end.take_out()) != again.take_out() or len(data) - used != len(rest):
        raise DisagreementError(f"http2: pieces are heard otherwise, server: {server}", bytes(data), end.events, again.events)
    kinds = _kinds(out)
    if end.over != (GOAWAY in kinds) or (end.over and kinds[-1] != GOAWAY):
        raise DisagreementError("http2: an end that is over says so once, and last", bytes(data), kinds)
    if not 0 <= end.streaming <= (MOST_STREAMS if server else CALLS):
        raise DisagreementError(f"http2: {end.streaming} streams", bytes(data))
    for event in end.events:
        if event[0] == "head":
            check_text(event[2], server=server, ends=event[3])


def check_text(fields: list[tuple[bytes, bytes]], *, server: bool, ends: bool) -> None:
    """Fields that become a text are read there as they were meant, and are the same fields behind it."""
    block = Encoder().encode_fields(fields)
    if (back := Decoder().decode_bytes(block)) is None or [each[:2] for each in back] != [(n.lower(), v) for n, v in fields]:
        raise DisagreementError("hpack: other fields behind it", block, fields, back)
    trailers_text_of(block)
    found = request_text_of(block, ends) if server else response_text_of(block, ends)
    if not isinstance(found, Message):
        return
    head = read_bytes(found.text, not server)
    if not isinstance(head, Head):
        if head not in READ_ALIKE:
            raise DisagreementError(f"http2: a text that is refused: {head}", found.text, fields)
        return
    empty = found.form == "none" and (head.length == 0 or found.status in (204, 304))
    if head.size != len(found.text) or (head.form != found.form and not empty):
        raise DisagreementError("http2: a text that says other than its fields", found.text, fields, head)
    went = request_block_of(found.text) if server else response_block_of(found.text)
    if Decoder().decode_bytes(went) is None:
        raise DisagreementError("http2: a text whose block cannot be read", found.text, fields)


def _pieces(data: bytes, rng: Random) -> list[bytes]:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return [data[a:b] for a, b in zip((0, *cuts), (*cuts, len(data)), strict=True)]


def _kinds(out: bytes) -> list[int]:
    """The frames' types; raises where they are none."""
    found = []
    while out:
        size = int.from_bytes(out[:3], "big")
        if len(out) < 9 + size:
            raise DisagreementError("http2: what is answered ends within a frame", out)
        found.append(out[3])
        out = out[9 + size :]
    return found
