"""What HTTP/1.1's own functions are asked besides: heads, heads as they go on, and bodies in chunks."""

from __future__ import annotations

from random import Random
from typing import Any

from conformance.fuzz.blocks import Block
from conformance.fuzz.engine import choices
from conformance.fuzz.protocol import ProtocolTarget
from conformance.outcome import DisagreementError
from xproto.kernel.http1 import Head, read_bytes
from xproto.kernel.http1_body import plain_bytes
from xproto.kernel.http1_chunked import chunked_bytes
from xproto.kernel.http1_forward import forwarded_bytes


class Http1Target(ProtocolTarget):
    """HTTP/1.1, both ways."""

    def test(self, data: memoryview) -> None:
        super().test(data)
        rng = choices(data)
        for response in (False, True):
            check_head(data, rng, response=response)
        check_chunks(bytes(data), rng)


def check_head(data: memoryview, rng: Random, *, response: bool) -> None:
    """A head that is whole stays what it is, and is read alike once it has gone on."""
    head = read_bytes(data, response)
    cut = rng.randrange(len(data) + 1)
    with Block(bytes(data[:cut])) as piece:
        before = read_bytes(piece, response)
    if before is not None and before != head:
        raise DisagreementError(f"http1: {cut} bytes say other than all", bytes(data), before, head)
    if not isinstance(head, Head):
        return
    how: dict[str, Any] = {name: rng.random() < 0.5 for name in ("believes", "upgrades", "closes", "old")}
    for name in ("client", "proto", "via", "request_id", "certificate"):
        how[name] = rng.choice((None, b"", b"a", b"b" * 99))
    went = forwarded_bytes(bytes(data[: head.size]), response=response, **how)
    again = read_bytes(went, response)
    if not isinstance(again, Head) or again.size != len(went):
        raise DisagreementError("http1: a head that went on is refused", bytes(data[: head.size]), head, again, made=went)
    if (again.form, again.length, again.method, again.status) != (head.form, head.length, head.method, head.status):
        raise DisagreementError("http1: a head that went on says other", bytes(data[: head.size]), head, again, made=went)


def check_chunks(data: bytes, rng: Random) -> None:
    """A body in chunks ends where it ends, and holds what it holds, however it is cut."""
    for read in (chunked_bytes, plain_bytes):
        whole = read([data])
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(3))
        pieces = [data[a:b] for a, b in zip((0, *cuts), (*cuts, len(data)), strict=True)]
        if read(pieces) != whole:
            raise DisagreementError(f"http1: {read.__name__} of pieces, cut at {cuts}", data, read(pieces), whole)
