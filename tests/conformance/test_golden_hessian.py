"""Values that Java wrote, and the specification's examples: the skippers end where they do, and python-hessian, a second
opinion, reads what was meant.
"""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyhessian import protocol
from pyhessian.parser import Parser

from conformance.golden_hessian import HessianVector, load
from tests.conformance.test_hessian import OPEN, reference_skips, skips
from xproto.wire.hessian import decode_text, encode_text
from xproto.wire.hessian_skip import Reader

VECTORS = load()
CASES = [pytest.param(vector, id=vector.name) for vector in VECTORS]
WRITERS = ("caucho", "hessian-lite")
JAVA = [vector for vector in VECTORS if vector.name.startswith(WRITERS)]
TEXTS = [pytest.param(vector, id=vector.name) for vector in VECTORS if isinstance(vector.value, str)]
MISREAD = {
    "date--128849018880000": "Python has no year -2114",
    "text-lone-high": "it joins the half of an emoji with whatever follows",
    "text-braces-1100": "it drops the characters from z on in a text of more than 1,023",
    "text-chunked": "it counts an emoji as one character of a chunk, where Java counts two",
    "date-253402300799999": "it computes dates in floating point",
    "string-52000768656c": "it takes a compact last chunk for another text",
    "list-in-itself": "it makes another object of a list of known length than the one that references find",
}
"""What python-hessian 1.2.0 itself gets wrong, and why."""


def short(vector: HessianVector) -> str:
    """Its name without that of its file."""
    return vector.name.removeprefix("caucho-").removeprefix("hessian-lite-").removeprefix("specification-")


def test_both_wrote_the_same_values() -> None:
    first, second = ([(short(v), repr(v.value)) for v in JAVA if v.name.startswith(writer)] for writer in WRITERS)
    assert first == second
    assert len(first) > 140


@pytest.mark.parametrize("vector", CASES)
def test_the_skippers_end_where_the_value_does(vector: HessianVector) -> None:
    data = vector.data
    assert reference_skips(data)
    assert skips(data)
    assert skips(data + b"N", 2)
    assert skips(data + b"anything", by=OPEN)
    for size in range(0, len(data), max(1, len(data) // 200)):
        assert not skips(data[:size], by=OPEN), f"{size} of {len(data)} bytes"
        assert not reference_skips(data[:size])


def test_every_lead_byte_that_java_writes_was_seen() -> None:
    """Of the format's 256 only a few are of no value, or are never written by Java."""
    leads = {vector.data[0] for vector in JAVA}
    forms = {"N": 0x4E, "T": 0x54, "F": 0x46, "int": 0x49, "long": 0x4C, "long of 32 bits": 0x59, "double": 0x44}
    forms |= {"date": 0x4A, "minutes": 0x4B, "0.0": 0x5B, "1.0": 0x5C, "double of 8 bits": 0x5D, "of 16": 0x5E, "of 32": 0x5F}
    forms |= {"text": 0x53, "chunk": 0x52, "binary": 0x42, "binary chunk": 0x41, "map": 0x48, "typed map": 0x4D}
    forms |= {"list": 0x58, "typed list": 0x56, "open list": 0x57, "class": 0x43}
    assert {name for name, lead in forms.items() if lead not in leads} == set()


@pytest.mark.parametrize("vector", TEXTS)
def test_our_reader_reads_texts_and_writes_them_as_java_does(vector: HessianVector) -> None:
    assert decode_text(Reader(vector.data).text_or_null()) == vector.value
    if vector in JAVA and short(vector) != "text-chunked":
        assert encode_text(vector.value) == vector.data


@pytest.mark.parametrize("vector", CASES)
def test_python_hessian_reads_what_java_meant(vector: HessianVector) -> None:
    """Where it errs is named: if it is mended one day, this says so."""
    if short(vector) in MISREAD:
        assert not reads(vector)
    else:
        assert reads(vector)


def reads(vector: HessianVector) -> bool:
    parser = Parser()
    parser.version = 2
    stream = parser._stream = io.BytesIO(vector.data + b"NNNN")
    try:
        found = parser.read_object()
    except Exception:  # noqa: BLE001 - whatever it raises, it does not read this
        return False
    return stream.tell() == len(vector.data) and Same().values(vector.value, found)


class Same:
    """Whether a decoded value is the one that was written; lists, maps and objects are remembered for their references."""

    def __init__(self) -> None:
        self.opened: list[object] = []

    def values(self, wanted: Any, found: Any) -> bool:
        if not isinstance(wanted, dict):
            return isinstance(found, type(wanted)) and isinstance(found, bool) is isinstance(wanted, bool) and found == wanted
        match wanted:
            case {"double": text}:
                return found == float(text) or (math.isnan(found) and math.isnan(float(text)))
            case {"date": milliseconds}:
                moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
                return found == moment.replace(tzinfo=None)
            case {"bytes": digits}:
                return found.value == bytes.fromhex(digits)
            case {"text": part, "times": times}:
                return found == part * times
            case {"units": digits}:
                return found == bytes.fromhex(digits).decode("utf-16-be", "surrogatepass")
            case {"ref": number}:
                return found is self.opened[number]
        self.opened.append(found)
        return self.contents(wanted, found)

    def contents(self, wanted: Any, found: Any) -> bool:
        match wanted:
            case {"list": values}:
                return isinstance(found, list | tuple) and len(found) == len(values) and all(map(self.values, values, found))
            case {"map": pairs}:
                ours = all(key in found and self.values(value, found[key]) for key, value in pairs)
                return ours and len(found) == len(pairs)
            case {"object": name, "fields": fields}:
                package, _, plain = name.rpartition(".")
                known = isinstance(found, protocol.Object) and type(found).__name__ == plain
                known = known and package in {"", type(found).__module__}
                return known and all(self.values(value, getattr(found, key)) for key, value in fields)
        return False
