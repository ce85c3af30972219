"""gRPC-Web: content types, base64 in pieces, and what heads and trailers become."""

from __future__ import annotations

import base64
import re
import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xproto.kernel.grpc_web import chunk, decoded, media
from xproto.kernel.hpack import Decoder, Encoder
from xproto.kernel.http2_face import Message, request_block_of, response_text_of, trailers_text_of

BINARY, TEXT = 1, 2
ROOMS = st.integers(1, 9)


def block(*fields: tuple[bytes, bytes]) -> bytes:
    return Encoder().encode_fields(list(fields))


@pytest.mark.parametrize(
    ("value", "form", "rest"),
    [
        (b"application/grpc-web", BINARY, b""),
        (b"application/grpc-web+proto", BINARY, b"+proto"),
        (b"Application/GRPC-Web;charset=x", BINARY, b";charset=x"),
        (b"application/grpc-web-text", TEXT, b""),
        (b"application/grpc-web-text+thrift", TEXT, b"+thrift"),
        (b"application/grpc-web-text ; a", TEXT, b" ; a"),
        (b"application/grpc", 0, b"application/grpc"),
        (b"application/grpc-we", 0, b"application/grpc-we"),
        (b"application/grpc-webx", 0, b"application/grpc-webx"),
        (b"application/grpc-web-texts", 0, b"application/grpc-web-texts"),
        (b"", 0, b""),
    ],
)
def test_content_types(value: bytes, form: int, rest: bytes) -> None:
    assert media(value) == (form, rest)


# -- base64 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (b"", b""),
        (b"AAAAAAA=", bytes(5)),
        (b"AA==AA==", bytes(2)),
        (b"AAA=AAAAAA==", bytes(6)),
        (b"+/+/", b"\xfb\xff\xbf"),
        (b"Zm9vYmFy", b"foobar"),
    ],
)
def test_base64(text: bytes, plain: bytes) -> None:
    for pieces in ([text], [bytes([byte]) for byte in text], [b"", text, b""]):
        for room in range(1, 10):
            assert decoded(pieces, room) == (plain, True)


@pytest.mark.parametrize(
    "text",
    [
        b"=", b"A=", b"AA=A", b"AA=A====", b"AAAA=", b"AA===", b"AB==", b"AAB=", b"A A=", b"AAA\n", b"-_-_", b"AAA\xff",
        b"AAA\x80", b"AAA\0",
    ],
)
def test_what_is_no_base64(text: bytes) -> None:
    for pieces in ([text], [bytes([byte]) for byte in text]):
        for room in range(1, 6):
            assert decoded(pieces, room) is None


@pytest.mark.parametrize("text", [b"A", b"AA", b"AAA", b"AA=", b"AAAAA"])
def test_base64_that_is_cut(text: bytes) -> None:
    found = decoded([text])
    assert found is not None
    assert not found[1]


def cut(data: bytes, at: list[int]) -> list[bytes]:
    marks = sorted({min(mark, len(data)) for mark in at} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(marks)]


GROUP = re.compile(rb"[A-Za-z0-9+/]{2}==?|[A-Za-z0-9+/]{3}=?|[A-Za-z0-9+/]{1,4}")
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


def reference(text: bytes) -> tuple[bytes, bool] | None:
    """Group by group, by their bits; one that is not whole gives the bytes that are certain."""
    plain = b""
    for group in (text[at : at + 4] for at in range(0, len(text), 4)):
        if not GROUP.fullmatch(group):
            return None
        bits = "".join(f"{ALPHABET.index(chr(each)):06b}" for each in group if each != 0x3D)
        size = len(bits) // 8 * 8
        if b"=" in group and "1" in bits[size:]:
            return None
        plain += bytes(int(bits[at : at + 8], 2) for at in range(0, size, 8))
    return plain, len(text) % 4 == 0


@given(st.lists(st.binary(max_size=20), max_size=6), st.lists(st.integers(0, 200), max_size=6), ROOMS)
def test_padded_pieces_in_a_row(pieces: list[bytes], at: list[int], room: int) -> None:
    text = b"".join(base64.b64encode(piece) for piece in pieces)
    assert decoded(cut(text, at), room) == (b"".join(pieces), True)


@given(st.text("AB/=+\n", max_size=14).map(str.encode), st.lists(st.integers(0, 14), max_size=4), ROOMS)
def test_any_text_beside_the_reference(text: bytes, at: list[int], room: int) -> None:
    assert decoded(cut(text, at), room) == reference(text)


@given(st.binary(max_size=70))
def test_chunks_of_an_answer(data: bytes) -> None:
    for text, body in ((False, data), (True, base64.b64encode(data))):
        assert chunk(data, text) == b"%x\r\n%s\r\n" % (len(body), body)


# -- heads --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "suffix"), [("", ""), ("-text", ""), ("", "+proto"), ("-text", "+json"), ("", ";a=b")])
def test_a_request_becomes_one_of_grpc(kind: str, suffix: str) -> None:
    said = (
        f"POST /a/B HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc-web{kind}{suffix}\r\nContent-Length: 8\r\n"
        "Accept: application/grpc-web-text\r\nX-Grpc-Web: 1\r\nGrpc-Timeout: 1S\r\n\r\n"
    )
    found = Decoder().decode_bytes(request_block_of(said.encode(), web=True))
    assert found is not None
    assert [(name, value) for name, value, _ in found] == [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"h"),
        (b":path", b"/a/B"),
        (b"content-type", f"application/grpc{suffix}".encode()),
        (b"x-grpc-web", b"1"),
        (b"grpc-timeout", b"1S"),
        (b"te", b"trailers"),
    ]


@pytest.mark.parametrize(("form", "name"), [(BINARY, b"application/grpc-web"), (TEXT, b"application/grpc-web-text")])
def test_an_answer_of_grpc(form: int, name: bytes) -> None:
    found = response_text_of(block((b":status", b"200"), (b"content-type", b"application/grpc+proto")), web=form)
    assert isinstance(found, Message)
    assert found.text == b"HTTP/1.1 200 \r\ncontent-type: %s+proto\r\ntransfer-encoding: chunked\r\n\r\n" % name


def test_trailers_only() -> None:
    fields = ((b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-status", b"5"), (b"grpc-message", b"no"))
    found = response_text_of(block(*fields), ends=True, web=BINARY)
    assert isinstance(found, Message)
    assert found.text == (
        b"HTTP/1.1 200 \r\ncontent-type: application/grpc-web\r\ngrpc-status: 5\r\ngrpc-message: no\r\n"
        b"content-length: 0\r\n\r\n"
    )


def test_any_other_answer_stays_what_it_is() -> None:
    said = block((b":status", b"503"), (b"content-type", b"text/plain"), (b"content-length", b"3"))
    assert response_text_of(said, web=TEXT) == response_text_of(said)


TRAILERS = ((b"grpc-status", b"0"), (b"grpc-message", b""), (b"x-bin", b"AAEC"))
LINES = b"grpc-status: 0\r\ngrpc-message: \r\nx-bin: AAEC\r\n"


def test_trailers_are_the_last_frame() -> None:
    frame = b"\x80" + len(LINES).to_bytes(4, "big") + LINES
    for form, body in ((BINARY, frame), (TEXT, base64.b64encode(frame))):
        assert trailers_text_of(block(*TRAILERS), form) == b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def test_trailers_that_frame_messages_stay_here() -> None:
    assert trailers_text_of(block((b"content-length", b"5"), (b"grpc-status", b"1")), BINARY) == (
        b"15\r\n\x80\0\0\0\x10grpc-status: 1\r\n\r\n0\r\n\r\n"
    )
    for fields in ((b"transfer-encoding", b"chunked"), (b"te", b"x"), (b"A", b"b"), (b"a", b"b\r\nc: d")):
        assert trailers_text_of(block(fields) if fields[0] != b"A" else b"\0\1A\1b", BINARY) is None


def test_the_longest_trailers_have_room() -> None:
    """64 KiB of a header list, in fields as small as may be and as big."""
    for count, size in ((250, 220), (1, 65_000)):
        fields = [(b"a", b"b" * size)] * count
        lines = b"a: " + b"b" * size + b"\r\n"
        frame = b"\x80" + (len(lines) * count).to_bytes(4, "big") + lines * count
        text = base64.b64encode(frame)
        assert trailers_text_of(block(*fields), TEXT) == b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)
