"""The service for thriftpy2: its IDL, made for each prefix of the methods' names, and its forms of the wire."""

from __future__ import annotations

import io
from typing import Any

import thriftpy2
from thrift_forms import EVERY, INNERS
from thriftpy2.protocol import TBinaryProtocolFactory, TCompactProtocolFactory
from thriftpy2.transport import TBufferedTransportFactory, TFramedTransportFactory

IDL = """
exception Refused {{ 1: string why, 2: i32 code }}
struct Inner {{ 1: string name, 2: list<bool> flags }}
struct Every {{
    1: bool yes, 2: bool no, 3: byte tiny, 4: i16 small, 5: i32 number, 6: i64 large, 7: double real, 8: string text,
    9: binary data, 10: list<bool> flags, 11: set<i32> numbers, 12: list<string> texts, 13: map<i32, i64> empty,
    14: Inner inner, 15: map<string, list<Inner>> by_name, 16: list<Inner> inners, 1000: i32 far
}}
service Echo {{
    Every {0}every(1: Every value)
    string {0}echo(1: string text)
    i32 {0}add(1: i32 a, 2: i32 b)
    string {0}fail() throws (1: Refused refused)
    oneway void {0}note(1: string text)
    i32 {0}slow(1: i32 ms)
    string {0}big(1: i32 n){1}
}}
"""
MISSING = "\n    string {0}missing(1: string text)"
"""A method that only the client knows."""


def _old() -> TBinaryProtocolFactory:
    return TBinaryProtocolFactory(strict_read=False, strict_write=False)


FORMS: dict[str, tuple[Any, Any]] = {
    "thrift": (TFramedTransportFactory, TBinaryProtocolFactory),
    "thrift-old": (TFramedTransportFactory, _old),
    "thrift-compact": (TFramedTransportFactory, TCompactProtocolFactory),
    "thrift-unframed": (TBufferedTransportFactory, TBinaryProtocolFactory),
    "thrift-unframed-old": (TBufferedTransportFactory, _old),
    "thrift-unframed-compact": (TBufferedTransportFactory, TCompactProtocolFactory),
}


def every(module: Any) -> Any:
    """A value of every type."""
    inners = [module.Inner(**inner) for inner in INNERS]
    return module.Every(**EVERY, inner=inners[0], by_name={"both": inners, "none": []}, inners=inners)


def load(prefix: str, name: str, *, missing: bool = False) -> Any:
    """The service's module; thriftpy2 keeps modules by `name`, so it must tell them apart."""
    text = IDL.format(prefix, MISSING.format(prefix) if missing else "")
    return thriftpy2.load_fp(io.StringIO(text), f"{name}_thrift")
