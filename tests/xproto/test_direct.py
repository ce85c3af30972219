"""Answers that a configuration gives: in every protocol, whatever their text is, one whole frame that is read back."""

from __future__ import annotations

import pytest

from xproto.registry import load
from xproto.spec import MESSAGE_MAX, Direct, Fault
from xproto.templates import build_template

KNOWN = load()
CODECS = {name: KNOWN[name].codec for name in KNOWN} | {each.name: each for each in KNOWN["http2"].codec.carried}
TEXTS = {
    "nothing": b"",
    "a sentence": b"down for maintenance",
    "lines": b"a\r\nSet-Cookie: b\r\n\r\nc",
    "no text": bytes(range(256)).decode("latin-1").encode(),
    "long": "\U0001f600".encode() * 5000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("name", CODECS)
def test_it_is_one_frame(name: str, text: bytes) -> None:
    codec = CODECS[name]
    for fault in Fault:
        if fault is Fault.MISDIRECTED:
            continue
        for status in (200, 204, 418, 503, 599):
            made = Direct(status, b"" if status == 204 else text, fault, 14)
            frame = build_template(codec.lowered, made, codec.lowered.variant.values()[0], 0)
            if codec.lowered.protocol.reply:
                assert frame
            if frame and not codec.headed:
                found = codec.scan_bytes(frame, 1)
                assert (found.size, found.kind.name) == (len(frame), "RESPONSE")


def test_a_head_has_no_line_of_the_text() -> None:
    made = Direct(503, TEXTS["lines"], Fault.OVERLOAD, 14)
    head, _, body = build_template(CODECS["http1"].lowered, made, 0, 0).partition(b"\r\n\r\n")
    assert (b"Set-Cookie" in head, body) == (False, TEXTS["lines"])
    grpc = build_template(CODECS["grpc"].lowered, made, 0, 0)
    assert b"grpc-message: a%0D%0ASet-Cookie: b%0D%0A%0D%0Ac\r\n" in grpc
    assert grpc.count(b"\r\n\r\n") == 1


def test_what_it_says() -> None:
    assert Direct(503).message == "503 Service Unavailable"
    assert (Direct(299).phrase, Direct(299).message) == ("", "299")
    assert len(Direct(503, b"x" * 5000).message) == MESSAGE_MAX
