"""What tells readers of a serialized format apart: bytes to exchange, and pieces to put in, for each op that reads one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xproto.plan import OpCode


@dataclass(frozen=True)
class Telling:
    """values: of bytes, exchanged for any of a value's. pieces: put in before, behind and at the end of it, by name."""

    values: bytes
    pieces: Mapping[str, bytes]


_HESSIAN = Telling(
    bytes(range(0, 0x100, 0x10)) + b"\x01\x1f\x2f\x33\x34\x37\x5d\x5e\x5fNTFIYKLDJSRBAHMUWVXCOQZ\x77\x79\x9f\xc8\xd4\xff",
    {
        "an empty map": b"HZ", "a null": b"N", "an end": b"Z", "a reference": b"Q\x90", "a null key": b"NN",
        "a class": b"C\x01a\x91\x01b\x90", "an object": b"\x60\x90", "a pair": b"\x01a\x01b",
    },
)  # fmt: skip
_THRIFT = Telling(
    bytes(range(20)) + b"\x1a\x28\x2c\x49\x4b\x7f\x80\x81\xf9\xfb\xff",
    {
        "an end": b"\0", "a field of type 5": b"\5\0\1", "a field of type 17": b"\x11\0\1", "a bool": b"\2\0\1\1",
        "an empty struct": b"\x0c\0\1\0", "a list of structs": b"\x0f\0\1\x0c\0\0\0\2\0\0", "a compact bool": b"\x11",
        "a negative text": b"\x0b\0\1\xff\xff\xff\xff", "a map of nothing": b"\x0d\0\1\x11\x11\0\0\0\0",
        "a compact map": b"\x1b\1\x88\1a\1b", "a compact list": b"\x19\xf5\x0f" + b"\1" * 15,
        "a huge list": b"\x19\xf3\xff\xff\xff\xff\x7f",
    },
)  # fmt: skip
_INFO = Telling(
    bytes(range(6)) + b"\x7f\x80\x81\xff",
    {"padding": b"\0", "a pair": b"\1\1\1k\1v", "a block of none": b"\1\0", "another kind": b"\2\1\0\0", "none such": b"\3"},
)
_JCE = Telling(
    bytes(range(16)) + b"\x10\x1c\x40\x4c\x5c\x66\x76\x78\x8c\x9c\xa8\xf0\xff",
    {
        "a zero": b"\xfc\xff", "an end": b"\x0b", "a struct": b"\xfa\xff\x0b", "an open struct": b"\xfa\xff",
        "an empty list": b"\xf9\xff\x0c", "a huge list": b"\xf9\xff\x02\x7f\xff\xff\xff", "a negative map": b"\xf8\xff\x00\xff",
        "bytes": b"\xfd\xff\x00\x0c", "a text": b"\x06\x01k", "type 14": b"\xfe\xff", "half a head": b"\xf0",
    },
)  # fmt: skip
_HTTP = Telling(
    b'\0\t\n\r !"#%,./:;=?@[\\0129AFGafgz\x7f\x80\xff',
    {
        "an empty line": b"\r\n", "a bare LF": b"\n", "a bare CR": b"\r", "a space": b" ", "a field": b"k: v\r\n",
        "a last chunk": b"0\r\n\r\n", "an extension": b";a=b", "a folded line": b"\r\n x", "a digit": b"0",
        "a length": b"Content-Length: 5\r\n", "an encoding": b"Transfer-Encoding: chunked\r\n", "a host": b"Host: b\r\n",
    },
)  # fmt: skip

TELLING: Mapping[OpCode, Telling] = {
    **dict.fromkeys((OpCode.HESSIAN_TEXT, OpCode.HESSIAN_ARGS, OpCode.HESSIAN_MAP), _HESSIAN),
    **dict.fromkeys((OpCode.THRIFT_STRUCT, OpCode.TTWITTER_HEADER), _THRIFT),
    OpCode.THRIFT_INFO: _INFO,
    **dict.fromkeys((OpCode.JCE_INTEGER, OpCode.JCE_TEXT, OpCode.JCE_BYTES, OpCode.JCE_MAP, OpCode.JCE_REST), _JCE),
    **dict.fromkeys((OpCode.HTTP_HEAD, OpCode.HTTP_BODY), _HTTP),
}
"""By the op that reads the value."""
