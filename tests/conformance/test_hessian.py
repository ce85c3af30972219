"""The skipper in C, against the reference walk in Python and against an independent Hessian2 reader, and under attack."""

from __future__ import annotations

import io
import random
import resource
import time

import construct as c
import pytest
from construct import this
from hypothesis import given
from hypothesis import strategies as st
from pyhessian.parser import Parser

from conformance.generate.hessian_values import HessianWriter
from conformance.generate.mutations import mutate
from conformance.outcome import Complete, Malformed, More
from conformance.subject import Subject
from tests.conformance.subjects import DEEP, SANITIZED, subject
from xproto.lower import lower
from xproto.spec import Kind, Limits, Protocol
from xproto.wire import Bounded, HessianArguments, HessianMap, HessianText
from xproto.wire.hessian import decode_text, encode_text
from xproto.wire.hessian_skip import MAX_CLASSES, MAX_DEPTH, BadValueError, Reader, ShortError

LIMIT = 1 << 23
MANY = 40_000 if DEEP else 1500


def _subject(*fields) -> Subject:
    layout = c.Struct("id" / c.Int16ub, "type" / Bounded(c.Int8ub, 1, 1), *fields)
    return Subject(lower(Protocol("skip", layout, {Kind.REQUEST: this.type == 1}, this.id, limits=Limits(frame=LIMIT))))


VALUES = _subject(
    "body"
    / c.Prefixed(
        Bounded(c.Int32ub, 0, LIMIT),
        c.Struct("types" / HessianText(), "values" / HessianArguments(this.types), c.Terminated),
    )
)
"""As many values as asked for, and nothing behind them: complete only where the walk ends at the last byte."""
OPEN = _subject(
    "body"
    / c.Prefixed(
        Bounded(c.Int32ub, 0, LIMIT),
        c.Struct("types" / HessianText(), "values" / HessianArguments(this.types)),
    )
)
"""The same, with anything behind them: only the walk itself can see that the last value is cut."""
MAP = _subject("map" / HessianMap())
"""A map at the frame's root, where missing bytes mean need-more."""
HEAD = b"\0\7\1"


def skips(data: bytes, count: int = 1, by: Subject = VALUES) -> bool:
    """Whether the kernel takes `data` for exactly so many values (`by` OPEN: for so many at its beginning)."""
    body = encode_text("I" * count) + data
    found = by.verify(HEAD + len(body).to_bytes(4, "big") + body)
    assert isinstance(found, Complete | Malformed), found
    return isinstance(found, Complete)


def reference_skips(data: bytes, count: int = 1) -> bool:
    reader = Reader(data)
    try:
        reader.skip(count)
    except (BadValueError, ShortError):
        return False
    return reader.at == len(data)


def values(seed: int, count: int = 1) -> bytes:
    writer = HessianWriter(random.Random(seed))
    return b"".join(writer.value() for _ in range(count))


def test_valid_values_are_skipped_to_their_last_byte() -> None:
    for seed in range(MANY):
        count = seed % 4
        data = values(seed, count)
        assert skips(data, count), data.hex()
        assert reference_skips(data, count), data.hex()
        assert not skips(data + b"N", count)


def test_every_lead_byte_with_every_short_tail() -> None:
    """All of the format's first bytes, with tails of up to nine bytes of several kinds."""
    agreed = set()
    tails = (b"", b"\x90", b"NNNNNNNNN", b"\xff" * 9, b"\0" * 9, b"\1a\x91\1b\x90\x90", b"ZZ", b"\x90Z", b"\1aNZ")
    for lead in range(256):
        for tail in tails:
            for size in range(len(tail) + 1):
                data = bytes((lead,)) + tail[:size]
                assert skips(data) == reference_skips(data), data.hex()
                agreed.add((lead, skips(data)))
    assert len({lead for lead, accepted in agreed if accepted}) > 190


@given(seed=st.integers(0, 1 << 32), count=st.integers(0, 3), changes=st.integers(0, 3))
def test_mangled_values(seed, count, changes) -> None:
    data = values(seed, count)
    rng = random.Random(seed)
    for _ in range(changes):
        data = mutate(data, rng)
    assert skips(data, count) == reference_skips(data, count), data.hex()


def test_truncated_everywhere() -> None:
    """Short inside a section, asking for more at the root; never accepted, never read past the end."""
    truncated = 0
    for seed in range(MANY // 10):
        data = values(seed)
        for size in range(0, len(data), max(1, len(data) // 60)):
            assert not skips(data[:size])
            assert not skips(data[:size], by=OPEN)
            truncated += 1
        assert not skips(data[:-1], by=OPEN)
        assert skips(data, by=OPEN)
        assert skips(data + b"anything", by=OPEN)
        whole = HEAD + b"H" + encode_text("k") + data + b"Z"
        assert MAP.verify(whole) == Complete(len(whole))
        for size in range(0, len(whole), max(1, len(whole) // 40)):
            found = MAP.verify(whole[:size])
            assert isinstance(found, More), (size, found)
            assert size < found.total <= len(whole)
    assert truncated > 1000


class PlainWriter(HessianWriter):
    """What python-hessian's reader can read: it has no references without a target, no list as a key, no odd dates, and it
    takes a compact final chunk for another length."""

    def text(self) -> bytes:
        text = self.rng.choice(("", "x", "com.test.Echo", "\N{SNOWMAN}\u00e9", "a" * 31, "b" * 32, "c" * 1023))
        return encode_text(text)

    def fixed(self) -> bytes:
        lead = self.rng.choice((*b"NTF", 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, *b"IYLD", 0xE0, 0x3C, 0xD8, 0xEF))
        width = {0x5D: 1, 0x5E: 2, 0x3C: 2} | dict.fromkeys((0x5F, *b"IY"), 4) | dict.fromkeys(b"LD", 8)
        return bytes((lead,)) + self.rng.randbytes(width.get(lead, 0))

    def binary(self) -> bytes:
        data = self.rng.randbytes(self.rng.choice((0, 1, 15)))
        return bytes((0x20 + len(data),)) + data

    def type_name(self) -> bytes:
        return encode_text("com.test.Type")

    def value(self, depth: int = 0) -> bytes:
        while (data := super().value(depth))[:1] == b"Q":
            pass
        return data

    def _map(self, depth: int) -> bytes:
        head = b"H" if self.rng.random() < 0.5 else b"M" + self.type_name()
        return head + b"".join(encode_text(f"k{i}") + self.value(depth) for i in range(self.rng.randrange(4))) + b"Z"


def _read_by_pyhessian(data: bytes) -> int:
    """How many bytes python-hessian takes for the first value."""
    parser = Parser()
    parser.version = 2
    parser._stream = io.BytesIO(data)
    parser.read_object()
    return parser._stream.tell()


def test_an_independent_reader_ends_where_the_skipper_does() -> None:
    for seed in range(MANY):
        data = PlainWriter(random.Random(seed)).value()
        assert skips(data), data.hex()
        assert _read_by_pyhessian(data + b"NNNN") == len(data), data.hex()


@pytest.mark.parametrize("text", ["", "x", "\u00e9\N{SNOWMAN}", "\U0001f600", "a\U0001f600" * 40, "y" * 2000])
def test_an_independent_reader_reads_the_texts_we_write(text) -> None:
    parser = Parser()
    parser.version = 2
    parser._stream = io.BytesIO(encode_text(text))
    assert parser.read_object() == text
    assert decode_text(Reader(encode_text(text)).text_or_null()) == text


BILLION = b"I\x7f\xff\xff\xff"
HOSTILE = {
    "100,000 open maps": b"H" * 100_000,
    "100,000 open lists": b"W" * 100_000,
    "typed maps of typed maps": b"M\1t" * 50_000,
    "lists of lists of known length": b"\x79" * 100_000,
    "2**31 - 1 values": b"X" + BILLION,
    "2**31 - 1 typed values": b"V\1t" + BILLION,
    "-1 values": b"X" + b"I\xff\xff\xff\xff",
    "-2**31 values": b"X" + b"I\x80\0\0\0",
    "a class of 2**31 - 1 fields": b"C\1a" + BILLION,
    "a class of -1 fields": b"C\1a" + b"I\xff\xff\xff\xff",
    "a class with a null field": b"C\1a\x91N\x60\x90",
    "an object of no class": b"\x60\x90",
    "an object of class 2**31 - 1": b"O" + BILLION,
    "an object of class -1": b"O\x8f\x90",
    "2,000 classes": b"C\1a\x90" * 2000 + b"N",
    "a string without an end": b"R\xff\xff" + b"a" * 65535 + b"R\xff\xff",
    "a chunk of nothing, for ever": b"R\0\0" * 100_000,
    "a binary without an end": b"A\0\0" * 100_000,
    "an unknown byte": b"G",
    "an end without a beginning": b"Z",
    "overlong characters": b"\2\xc0\xbb\xc0\xbb",
    "half a surrogate": b"\1\xed",
    "four bytes in one unit": b"\1\xf0\x9f\x98\x80",
    "a type name that is a map": b"MHZZ",
    "a count that is a string": b"V\1t\1a",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_values_are_refused_quickly(data) -> None:
    started = time.process_time()
    assert not skips(data)
    assert not reference_skips(data)
    assert time.process_time() - started < 2


ODD = {
    "a cycle": b"H\1aQ\x90Z",
    "a reference to nothing": b"QI\x7f\xff\xff\xff",
    "a list that holds itself twice": b"\x7aQ\x90Q\x90",
    "a class, defined inside a list, used behind it": b"\x7aC\1a\x91\1f\x60N\x60N",
    "a class of no fields": b"C\1a\x90\x60",
    "a definition before a plain value": b"C\1a\x90N",
    "the greatest depth": b"H" * MAX_DEPTH + b"Z" * MAX_DEPTH,
    "the most classes": b"C\1a\x90" * MAX_CLASSES + b"N",
    "a four-byte character in two units": b"\2\xf0\x9f\x98\x80",
    "100,000 lists of nothing": b"X" + b"I\0\1\x86\xa0" + b"\x78" * 100_000,
    "a nest of known lengths": b"\x79" * 5000 + b"\x78",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_odd_values_are_skipped(data) -> None:
    """No reference is followed and nothing is made, so a cycle is five bytes like any others."""
    assert skips(data)
    assert reference_skips(data)
    assert not skips(data[:-1])


@pytest.mark.parametrize("data", [b"H" * (MAX_DEPTH + 1) + b"Z" * (MAX_DEPTH + 1), b"C\1a\x90" * (MAX_CLASSES + 1) + b"N"])
def test_one_more_than_the_kernel_keeps(data) -> None:
    assert not skips(data)
    assert not reference_skips(data)


def test_a_map_at_the_root_waits_only_for_what_can_come() -> None:
    assert MAP.verify(HEAD + b"H\1kR\xff\xff" + b"a" * 10) == More(3 + 6 + 11)
    assert isinstance(MAP.verify(HEAD + b"H" * 1000), Malformed)
    assert isinstance(MAP.verify(HEAD + b"N"), Complete)


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps freed memory")
def test_attacks_leave_no_memory_behind() -> None:
    """Each hostile value again and again: the process does not grow."""

    def run() -> None:
        for data in HOSTILE.values():
            skips(data[:2000])

    for _ in range(20):
        run()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        run()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2048, "kilobytes"


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps freed memory")
def test_a_gigabyte_announced_is_a_refusal_not_an_allocation() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dubbo = subject("dubbo")
    for length in (1 << 30, 0x7FFFFFFF, -1 & 0xFFFFFFFF, 8 * 1024 * 1024 + 1):
        head = b"\xda\xbb\xc2\0" + bytes(8) + length.to_bytes(4, "big")
        assert isinstance(dubbo.scan(head), Malformed)
        assert isinstance(dubbo.verify(head), Malformed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024, "kilobytes"


def _call(arguments: bytes, types: str, attachments: bytes = b"H\4pathS\0\1pZ") -> bytes:
    body = b"".join(map(encode_text, ("2.0.2", "com.test.Echo", "1.0", "echo", types))) + arguments + attachments
    return b"\xda\xbb\xc2\0" + bytes(8) + len(body).to_bytes(4, "big") + body


def test_attachments_are_found_behind_any_arguments() -> None:
    """The lookup in a Dubbo frame: whatever the arguments are, the map behind them is read."""
    dubbo = subject("dubbo")
    for seed in range(MANY // 2):
        count = 1 + seed % 3
        frame = _call(values(seed, count), "Ljava/lang/Object;" * count)
        assert dubbo.lookup(("service", "method"), frame) == (b"p", b"echo"), frame.hex()
        assert dubbo.verify(frame) == Complete(len(frame))


def test_hostile_arguments_do_not_reach_the_attachments() -> None:
    dubbo = subject("dubbo")
    for name, data in HOSTILE.items():
        frame = _call(data[:3000], "Ljava/lang/Object;")
        found = dubbo.lookup(("service",), frame)
        assert isinstance(found, Malformed), name
        assert isinstance(dubbo.verify(frame), Malformed), name


@pytest.mark.parametrize(("size", "whole"), [(4096, True), (4097, False)])
def test_a_text_in_pieces_is_bounded_by_the_scratch_space(size, whole) -> None:
    """The one place where the kernel refuses what construct accepts: it has 4,096 bytes to put pieces together in.

    A text in one piece is read where it stands and may be of any length.
    """
    first = b"R" + (size - 10).to_bytes(2, "big") + b"p" * (size - 10)
    pieces = first + b"\x0a" + b"q" * 10
    body = b"".join((encode_text("2.0.2"), pieces, encode_text("1.0"), encode_text("echo"), encode_text(""), b"N"))
    frame = b"\xda\xbb\xc2\0" + bytes(8) + len(body).to_bytes(4, "big") + body
    dubbo = subject("dubbo")
    assert dubbo.oracle.outcome(frame) == Complete(len(frame))
    found = dubbo.lookup(("service",), frame)
    assert (found == (b"p" * (size - 10) + b"q" * 10,)) if whole else isinstance(found, Malformed)
    in_one = _call(b"", "", b"N").replace(encode_text("com.test.Echo"), encode_text("p" * 9000))
    in_one = in_one[:12] + (len(in_one) - 16).to_bytes(4, "big") + in_one[16:]
    assert dubbo.lookup(("service",), in_one) == (b"p" * 9000,)
