"""THeader's transforms: a frame whose payload is compressed, in its plain form.

The proxy reads names and rewrites ids, so a compressed message goes on inflated, without its transform; whoever sent
it sees no difference, since each message says for itself how it is written. What always holds: nothing is inflated
beyond the limit, whatever sizes the sender claims.

Source of the format: Apache Thrift's THeader specification. The payload of snappy is the raw format, without frames.
"""

from __future__ import annotations

import struct
import zlib

from xproto.errors import MalformedError

ZLIB, SNAPPY = 1, 3
HEAD = 14
"""Bytes before the header: the size, the magic, the flags, the id, the header's words."""


def varint(number: int) -> bytes:
    """LEB128, of a number from zero."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def inflate(protocol: str, frame: bytes, most: int) -> bytes:
    """A whole THeader frame without its transforms; `most` bounds the payload, in bytes. Raises `MalformedError`."""
    (words,) = struct.unpack_from(">H", frame, 12)
    end = HEAD + 4 * words
    header, payload = frame[HEAD:end], frame[end:]
    number, at = _varint(protocol, header, 0)
    count, at = _varint(protocol, header, at)
    if count != 1:
        raise MalformedError(protocol, "header.transforms", HEAD + 1, f"{count} transforms; at most one is understood")
    transform, at = _varint(protocol, header, at)
    try:
        payload = _payload(transform, payload, most)
    except (ValueError, zlib.error) as error:
        raise MalformedError(protocol, "body", end, f"transform {transform}: {error}") from None
    plain = varint(number) + b"\x00" + header[at:]
    plain += bytes(-len(plain) % 4)
    size = struct.pack(">I", 10 + len(plain) + len(payload))
    return size + frame[4:12] + struct.pack(">H", len(plain) // 4) + plain + payload


def _payload(transform: int, payload: bytes, most: int) -> bytes:
    if transform == ZLIB:
        reader = zlib.decompressobj()
        plain = reader.decompress(payload, most + 1)
        if len(plain) > most:
            raise ValueError(f"more than {most} bytes")
        if not reader.eof or reader.unused_data:
            raise ValueError("the stream does not end with the frame")
        return plain
    if transform == SNAPPY:
        return _from_snappy(payload, most)
    raise ValueError("not known")


def _from_snappy(payload: bytes, most: int) -> bytes:
    import cramjam  # here: three megabytes that a proxy without snappy does not need

    try:
        size = cramjam.snappy.decompress_raw_len(payload)
        if size <= most:
            return bytes(cramjam.snappy.decompress_raw(payload))
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from None
    raise ValueError(f"more than {most} bytes")


def _varint(protocol: str, data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise MalformedError(protocol, "header", HEAD + at, "a varint that does not end")
