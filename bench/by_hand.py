"""Requests of four protocols, read as one would by hand in Python: `struct`, slices and indexes, nothing between.

Each gives (size, kind, id, timeout in ms, service, method) of the request that `data` begins with, which must be all there.
They know requests alone, check less than the declarations do, and look at nothing twice.
"""

from __future__ import annotations

from struct import Struct

REQUEST, ONEWAY, HEARTBEAT = 1, 2, 4
Read = tuple[int, int, int, int, bytes | None, bytes | None]

_BOLT_1 = Struct(">BBHBIBiHHI").unpack_from
_BOLT_2 = Struct(">BBBHBIBBiHHI").unpack_from
_INT = Struct(">i").unpack_from
_BOLT_KINDS = {(1, 1): REQUEST, (2, 1): ONEWAY, (1, 0): HEARTBEAT}


def bolt(data: bytes) -> Read:
    """Both versions; the last header of a name counts."""
    crc = 0
    if data[0] == 1:
        _, kind, command, _, number, _, timeout, class_size, head_size, body_size = _BOLT_1(data)
        at = 22
    else:
        _, _, kind, command, _, number, _, switch, timeout, class_size, head_size, body_size = _BOLT_2(data)
        at, crc = 24, 4 * (switch & 1)
    at += class_size
    end = at + head_size
    size = end + body_size + crc
    if size > len(data):
        raise ValueError("not all there")
    service = method = None
    while at < end:
        (length,) = _INT(data, at)
        at += 4
        key = data[at : at + length]
        at += length
        (length,) = _INT(data, at)
        at += 4
        if key == b"service":
            service = data[at : at + length]
        elif key == b"sofa_head_method_name":
            method = data[at : at + length]
        at += length
    return size, _BOLT_KINDS[kind, command], number, timeout, service, method


_DUBBO = Struct(">HBBQI").unpack_from


def dubbo(data: bytes) -> Read:
    """Hessian2; path and timeout of the attachments win over the fields."""
    magic, flags, _, number, length = _DUBBO(data)
    size = 16 + length
    if magic != 0xDABB or not flags & 0x80 or flags & 0x1F != 2 or size > len(data):
        raise ValueError("not a request of Hessian2, or not all there")
    kind = HEARTBEAT if flags & 0x20 else REQUEST if flags & 0x40 else ONEWAY
    at = _skip(data, 16)
    service, at = _text(data, at)
    at = _skip(data, at)
    method, at = _text(data, at)
    types, at = _text(data, at)
    for _ in range(_count(types or b"")):
        at = _skip(data, at)
    timeout = 0
    if data[at] != 0x48:
        raise ValueError("no map of attachments")
    at += 1
    while data[at] != 0x5A:
        key, at = _text(data, at)
        if key == b"path":
            service, at = _text(data, at)
        elif key == b"timeout":
            value, at = _text(data, at)
            timeout = int(value or 0)
        else:
            at = _skip(data, at)
    return size, kind, number, timeout, service, method


def _count(types: bytes) -> int:
    """How many types a JVM descriptor names."""
    count = at = 0
    while at < len(types):
        while types[at] == 0x5B:
            at += 1
        at = types.index(b";", at) + 1 if types[at] == 0x4C else at + 1
        count += 1
    return count


def _text(data: bytes, at: int) -> tuple[bytes | None, int]:
    """A string of one chunk in ASCII, or null."""
    lead = data[at]
    if lead < 0x20:
        start = at + 1
        size = lead
    elif lead < 0x34:
        start = at + 2
        size = (lead - 0x30) << 8 | data[at + 1]
    elif lead == 0x53:
        start = at + 3
        size = data[at + 1] << 8 | data[at + 2]
    elif lead == 0x4E:
        return None, at + 1
    else:
        raise ValueError("no string")
    return data[start : start + size], start + size


def _skip(data: bytes, at: int) -> int:
    """Past a string in ASCII, a null, a truth, a number."""
    lead = data[at]
    if lead < 0x20:
        return at + 1 + lead
    if 0x80 <= lead < 0xC0 or 0xD8 <= lead < 0xF0 or lead in b"NTF\x5b\x5c":
        return at + 1
    if lead >= 0xC0:
        return at + (3 if 0xD0 <= lead < 0xD8 else 2)
    if lead in b"IYK\x5f":
        return at + 5
    if lead in b"LDJ":
        return at + 9
    return _text(data, at)[1]


_THRIFT = Struct(">iIi").unpack_from
_ID = Struct(">I").unpack_from


def thrift(data: bytes) -> Read:
    """Framed, strict binary; the service stands before a colon, as TMultiplexedProtocol writes it."""
    length, word, name_size = _THRIFT(data)
    if word & 0xFFFFFF00 != 0x80010000 or length + 4 > len(data):
        raise ValueError("not strict, or not all there")
    end = 12 + name_size
    (number,) = _ID(data, end)
    service, colon, method = data[12:end].partition(b":")
    kind = {1: REQUEST, 4: ONEWAY}[word & 0xFF]
    return (length + 4, kind, number, 0, service, method) if colon else (length + 4, kind, number, 0, None, service)


_TARS = {
    tag << 4 | kind: (unpack, size)
    for tag in range(15)
    for kind, unpack, size in (
        (0, Struct(">b").unpack_from, 2), (1, Struct(">h").unpack_from, 3), (2, _INT, 5), (3, Struct(">q").unpack_from, 9),
    )
}  # fmt: skip
"""How the integer behind a head byte is read, and behind how many bytes it ends."""


def tars(data: bytes) -> Read:
    """A request of TARS or TUP, up to its timeout."""
    (size,) = _ID(data)
    if size > len(data):
        raise ValueError("not all there")
    _, at = _number(data, 4, 1)
    oneway, at = _number(data, at, 2)
    _, at = _number(data, at, 3)
    number, at = _number(data, at, 4)
    servant, at = _string(data, at, 5)
    function, at = _string(data, at, 6)
    if data[at] != 0x7D or data[at + 1] != 0:
        raise ValueError("no bytes")
    length, at = _number(data, at + 2, 0)
    timeout, _ = _number(data, at + length, 8)
    kind = ONEWAY if oneway else HEARTBEAT if function == b"tars_ping" else REQUEST
    return size, kind, number, timeout, servant, function


def _number(data: bytes, at: int, tag: int) -> tuple[int, int]:
    head = data[at]
    if head >> 4 != tag:
        raise ValueError("another field")
    if head & 15 == 12:
        return 0, at + 1
    unpack, size = _TARS[head]
    return unpack(data, at + 1)[0], at + size


def _string(data: bytes, at: int, tag: int) -> tuple[bytes, int]:
    head = data[at]
    if head >> 4 != tag:
        raise ValueError("another field")
    if head & 15 == 6:
        start = at + 2
        size = data[at + 1]
    elif head & 15 == 7:
        start = at + 5
        (size,) = _ID(data, at + 1)
    else:
        raise ValueError("no string")
    return data[start : start + size], start + size


READERS = {"bolt": bolt, "dubbo": dubbo, "thrift": thrift, "tars": tars}
