"""Plans are printable data, and data is not trusted: the kernel refuses what could lead it astray, at load or at run."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xproto.small import LEAD, actual, codec, declare, running
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Codec
from xproto.kernel.lookup import Lookup
from xproto.kernel.program import Program
from xproto.lower import Alternative, LookupPlan, lower
from xproto.plan import (
    AT,
    CHECK,
    FIRST_FREE,
    LITTLE,
    MAX_REGISTERS,
    MAX_SECTIONS,
    MAX_SLOTS,
    NONE,
    SIGNED,
    VERIFY,
    Alu,
    Op,
    OpCode,
    Plan,
    Result,
    describe,
)
from xproto.registry import load

GOLDEN = Path(__file__).parent / "golden"
END = Op(OpCode.END, path="frame", why="is over the limit")
BYTE = Op(OpCode.LOAD, dst=13, width=1)


def plan(*ops, limit=1000, registers=16, slots=4, end=True):
    return Plan("t", "test", (*ops, END) if end else ops, limit, registers, slots)


def run(*ops, data=b"", **more):
    """What these ops make of `data`: the size, "need", or "bad"."""
    return actual(running(plan(*ops, **more)), data)


# Printing


def test_the_scan_of_bolt():
    """Read it, then run: python -c "from xproto.registry import load; print(load()['bolt'].lowered.scan)"."""
    assert str(load()["bolt"].lowered.scan) + "\n" == (GOLDEN / "bolt_scan.txt").read_text()


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (Op(OpCode.LOAD, dst=14, width=4), "r14 = u32be"),
        (Op(OpCode.LOAD, dst=14, width=1, flags=SIGNED), "r14 = s8"),
        (Op(OpCode.LOAD, dst=14, width=2, flags=LITTLE | CHECK, x=1, y=7), "r14 = u16le in 1..7"),
        (Op(OpCode.LOAD, dst=Result.ID, width=8, b=Result.ID_AT, flags=AT), "id = u64be, id_at = its offset"),
        (Op(OpCode.VARINT, dst=14, width=3, x=0, y=9), "r14 = varint(3) in 0..9"),
        (Op(OpCode.BITS, dst=14, a=13, x=4, y=15), "r14 = r13 >> 4 & 0xf"),
        (Op(OpCode.RANGE, a=13, x=-1, y=5), "require r13 in -1..5"),
        (Op(OpCode.MEMBER, a=13, data=struct.pack("<qq", -1, 5)), "require r13 in [-1, 5]"),
        (Op(OpCode.LITERAL, data=b"\xda\xbb"), "require bytes dabb"),
        (Op(OpCode.SET, dst=14, x=5), "r14 = 5"),
        (Op(OpCode.ALU, dst=14, a=13, b=15, flags=Alu.ADD), "r14 = r13 add r15"),
        (Op(OpCode.ALU, dst=14, a=13, x=3, flags=Alu.SHL), "r14 = r13 shl 3"),
        (Op(OpCode.TABLE, dst=Result.KIND, a=13, data=bytes(16)), "kind = table[r13] of 16"),
        (Op(OpCode.JUMP, x=7), "jump 7"),
        (Op(OpCode.JEQ, a=13, x=7, y=1), "jump 7 if r13 == 1"),
        (Op(OpCode.JNE, a=13, x=7, y=1), "jump 7 if r13 != 1"),
        (Op(OpCode.FAIL), "fail"),
        (Op(OpCode.SKIP, x=3), "skip 3"),
        (Op(OpCode.SKIP, a=13), "skip r13"),
        (Op(OpCode.SKIP, a=13, x=-4, b=2), "skip r13-4 -> slot 2"),
        (Op(OpCode.ENTER, a=13, x=4), "enter r13+4"),
        (Op(OpCode.LEAVE), "leave"),
        (Op(OpCode.REST, b=1), "rest -> slot 1"),
        (Op(OpCode.ENDED), "ended"),
        (Op(OpCode.POS, dst=14), "r14 = pos"),
        (Op(OpCode.KEYVALUES, width=4, flags=SIGNED, keys=((b"k", 2),)), "keyvalues s32be k->slot 2"),
        (Op(OpCode.HESSIAN_TEXT, b=0), "hessian_text -> slot 0"),
        (Op(OpCode.HESSIAN_ARGS, a=0), "hessian_args"),
        (Op(OpCode.HESSIAN_MAP, keys=((b"a", 0), (b"\xff", 1))), "hessian_map a->slot 0 �->slot 1"),
        (Op(OpCode.CHUNKS, width=2, flags=LITTLE), "chunks u16le"),
        (Op(OpCode.CRC32, dst=Result.CRC_AT), "crc_at = crc32"),
        (Op(OpCode.CRC32, dst=Result.CRC_AT, flags=VERIFY), "crc_at = crc32 verified"),
        (Op(OpCode.RANGE, x=1, y=2), "require - in 1..2"),
        (END, "end"),
    ],
)
def test_an_op_is_a_line(op, text):
    assert describe(op) == text


def test_every_op_can_be_printed():
    assert {describe(Op(code, width=1)).split()[0] for code in OpCode}


def test_a_plan_is_a_page():
    text = str(plan(BYTE, Op(OpCode.SKIP, a=13, path="body")))
    assert text.splitlines() == [
        "t test: 3 ops, 16 registers",
        "    0  r13 = u8                                             ",
        "    1  skip r13                                             body",
        "    2  end                                                  frame",
    ]


# What is refused at load

WELL = Op(OpCode.SKIP, x=1)
REFUSED = {
    "no ops": (plan(end=False), "a plan ends with END"),
    "no END": (plan(BYTE, end=False), "a plan ends with END"),
    "END in the middle only": (plan(END, BYTE, end=False), "a plan ends with END"),
    "too many registers": (plan(registers=MAX_REGISTERS + 1), "too many registers or slots"),
    "no room for results": (plan(registers=FIRST_FREE - 1), "leaves no room for its results"),
    "registers below zero": (plan(registers=-1), "leaves no room for its results"),
    "too many slots": (plan(slots=MAX_SLOTS + 1), "too many registers or slots"),
    "slots below zero": (plan(slots=-1), "too many registers or slots"),
    "no limit": (plan(limit=0), "no frame limit"),
    "a limit below zero": (plan(limit=-5), "no frame limit"),
    "a limit beyond reason": (plan(limit=1 << 62), "no frame limit"),
    "a register out of bounds": (plan(Op(OpCode.LOAD, dst=16, width=1)), "op 0: no such register"),
    "a register below zero": (plan(WELL, Op(OpCode.SET, dst=-1)), "op 1: no such register"),
    "a source out of bounds": (plan(Op(OpCode.ALU, dst=13, a=99)), "op 0: no such register"),
    "a second source out of bounds": (plan(Op(OpCode.ALU, dst=13, a=13, b=16)), "op 0: no such register"),
    "a length out of bounds": (plan(Op(OpCode.SKIP, a=16)), "op 0: no such register"),
    "a section's length out of bounds": (plan(Op(OpCode.ENTER, a=16)), "op 0: no such register"),
    "an offset's register out of bounds": (plan(Op(OpCode.LOAD, dst=13, b=16, width=1, flags=AT)), "op 0: no such register"),
    "a slot out of bounds": (plan(Op(OpCode.SKIP, x=1, b=4)), "op 0: no such slot"),
    "a slot below zero": (plan(Op(OpCode.REST, b=-1)), "op 0: no such slot"),
    "a text's slot out of bounds": (plan(Op(OpCode.HESSIAN_TEXT, b=4)), "op 0: no such slot"),
    "a descriptor's slot out of bounds": (plan(Op(OpCode.HESSIAN_ARGS, a=4)), "op 0: no such slot"),
    "a key's slot out of bounds": (plan(Op(OpCode.KEYVALUES, width=4, keys=((b"k", 4),))), "op 0: no such slot"),
    "a key without a slot": (plan(Op(OpCode.HESSIAN_MAP, keys=((b"k", NONE),))), "op 0: a key without a slot"),
    "a key where there are no slots": (plan(Op(OpCode.HESSIAN_MAP, keys=((b"k", 0),)), slots=0), "op 0: no such slot"),
    "arguments without a descriptor": (plan(Op(OpCode.HESSIAN_ARGS)), "op 0: no descriptor"),
    "a jump backwards": (plan(WELL, Op(OpCode.JUMP, x=0)), "op 1: a jump must go forward"),
    "a jump to itself": (plan(WELL, Op(OpCode.JEQ, a=13, x=1)), "op 1: a jump must go forward"),
    "a jump behind the end": (plan(Op(OpCode.JNE, a=13, x=2)), "op 0: a jump must go forward"),
    "a jump below zero": (plan(Op(OpCode.JUMP, x=-1)), "op 0: a jump must go forward"),
    "an integer of no bytes": (plan(Op(OpCode.LOAD, dst=13)), "op 0: a width of 0"),
    "an integer of nine bytes": (plan(Op(OpCode.LOAD, dst=13, width=9)), "op 0: a width of 9"),
    "lengths of no bytes": (plan(Op(OpCode.KEYVALUES)), "op 0: a width of 0"),
    "chunk lengths of eight bytes": (plan(Op(OpCode.CHUNKS, width=8)), "op 0: a width of 8"),
    "a varint of no bytes": (plan(Op(OpCode.VARINT, dst=13)), "op 0: a varint of 0 bytes"),
    "a varint of ten bytes": (plan(Op(OpCode.VARINT, dst=13, width=10)), "op 0: a varint of 10 bytes"),
    "a shift too far": (plan(Op(OpCode.BITS, dst=13, a=13, x=64)), "op 0: a shift of 64"),
    "a shift to the left": (plan(Op(OpCode.BITS, dst=13, a=13, x=-1)), "op 0: a shift of -1"),
    "a result for nobody": (plan(Op(OpCode.SET)), "op 0: writes to no register"),
    "a checksum for nobody": (plan(Op(OpCode.CRC32)), "op 0: writes to no register"),
    "a check of nothing": (plan(Op(OpCode.RANGE)), "op 0: reads no register"),
    "a table without an index": (plan(Op(OpCode.TABLE, dst=13)), "op 0: reads no register"),
    "a jump on nothing": (plan(Op(OpCode.JEQ, x=1)), "op 0: reads no register"),
    "an offset for nobody": (plan(Op(OpCode.LOAD, dst=13, width=1, flags=AT)), "op 0: notes its offset in no register"),
    "an unknown op": (plan(Op(99)), "op 0: no such operation"),
    "an unknown calculation": (plan(Op(OpCode.ALU, dst=13, a=13, flags=19)), "op 0: no such operation"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_malformed_plans(bad, message):
    with pytest.raises(ValueError, match=message):
        Program(bad)


@pytest.mark.parametrize(
    "bad",
    [
        plan(Op(OpCode.SET, dst=13, x=1 << 63)), plan(Op(OpCode.RANGE, a=13, y=1 << 64)), plan(Op(300)),
        plan(Op(OpCode.LOAD, dst=13, width=1, flags=256)), plan(Op(OpCode.LOAD, dst=1 << 20, width=1)), plan(limit=1 << 70),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit(bad):
    with pytest.raises((OverflowError, ValueError)):
        Program(bad)


@pytest.mark.parametrize("bad", [plan(Op(OpCode.KEYVALUES, width=4, keys=(("text", 0),))), plan(Op("LOAD")), object(), None])
def test_things_that_are_no_plans(bad):
    with pytest.raises((TypeError, AttributeError, ValueError)):
        Program(bad)


def test_a_scan_has_no_slots():
    lowered = lower(declare())
    with pytest.raises(ValueError, match="a scan has no slots"):
        Codec(replace(lowered, scan=replace(lowered.scan, slots=1)))


@pytest.mark.parametrize("sources", [((4, ()),), ((-1, ()),), ((NONE, ()),)])
def test_a_lookup_reads_only_slots_of_its_plan(sources):
    with pytest.raises(ValueError, match="a lookup reads a slot that its plan does not have"):
        Lookup(LookupPlan(plan(), ("k",), (sources,)))
    with pytest.raises(ValueError, match="a lookup needs sources for each of its keys"):
        Lookup(LookupPlan(plan(), ("k", "l"), ((Alternative(0),),)))


# What is caught at run


def enter(size):
    return Op(OpCode.ENTER, x=size, path="s", why="its length is out of bounds")


LEAVE, REST = Op(OpCode.LEAVE), Op(OpCode.REST, b=0)
RUNS = {
    "nothing": ((), b"", 0),
    "an empty frame": ((), b"more", 0),
    "a fail": ((Op(OpCode.FAIL),), b"", "bad"),
    "leave without enter": ((LEAVE,), b"", "bad"),
    "leave twice": ((enter(0), LEAVE, LEAVE), b"", "bad"),
    "enter without leave": ((enter(2),), b"abc", 0),
    "the deepest section": ((*[enter(1)] * MAX_SECTIONS, BYTE), b"a", 1),
    "too deep a section": ((*[enter(1)] * (MAX_SECTIONS + 1), BYTE), b"a", "bad"),
    "a section larger than the one around it": ((enter(1), enter(2)), b"ab", "bad"),
    "a section that is not all there": ((enter(3),), b"ab", "need"),
    "short in a section": ((enter(1), BYTE, BYTE), b"abc", "bad"),
    "short at the root": ((BYTE, BYTE), b"a", "need"),
    "a skip over the limit": ((Op(OpCode.SKIP, x=1001),), b"", "bad"),
    "a skip to the limit": ((Op(OpCode.SKIP, x=1000),), b"", "need"),
    "two skips over the limit": ((Op(OpCode.SKIP, x=1000), Op(OpCode.SKIP, a=13, x=1)), b"", "bad"),
    "a skip backwards": ((BYTE, Op(OpCode.SKIP, x=-1)), b"ab", "bad"),
    "a skip of a register backwards": ((BYTE, Op(OpCode.SKIP, a=13, x=-98)), b"ab", "bad"),
    "a skip of a register": ((BYTE, Op(OpCode.SKIP, a=13, x=-97)), b"ab", 1),
    "a skip that overflows": (
        (Op(OpCode.SET, dst=13, x=2**63 - 1), Op(OpCode.SKIP, a=13, x=2**63 - 1)), b"ab", "bad",
    ),
    "a section that overflows": (
        (Op(OpCode.SET, dst=13, x=2**63 - 1), Op(OpCode.ENTER, a=13, x=2**63 - 1)), b"ab", "bad",
    ),
    "a load behind a skip": ((Op(OpCode.SKIP, x=5), BYTE), b"ab", "need"),
    "a literal behind a skip": ((Op(OpCode.SKIP, x=5), Op(OpCode.LITERAL, data=b"x")), b"ab", "need"),
    "a rest behind a skip": ((Op(OpCode.SKIP, x=5), REST), b"ab", "need"),
    "a text behind a skip": ((Op(OpCode.SKIP, x=5), Op(OpCode.HESSIAN_TEXT, b=0)), b"ab", "need"),
    "chunks behind a skip": ((Op(OpCode.SKIP, x=5), Op(OpCode.CHUNKS, width=1)), b"ab", "need"),
    "pairs behind a skip": ((Op(OpCode.SKIP, x=5), Op(OpCode.KEYVALUES, width=4, keys=((b"k", 0),))), b"ab", "need"),
    "a rest": ((enter(2), REST, LEAVE), b"abc", 2),
    "a rest at the root": ((BYTE, REST), b"abc", 3),
    "a checksum past its section, then a rest": (
        (enter(1), Op(OpCode.CRC32, dst=3), REST, LEAVE), b"abcdef", "bad",
    ),
    "bytes left over": ((enter(2), BYTE, Op(OpCode.ENDED)), b"ab", "bad"),
    "no bytes left over": ((enter(1), BYTE, Op(OpCode.ENDED), LEAVE), b"ab", 1),
    "an index behind the table": ((BYTE, Op(OpCode.TABLE, dst=0, a=13, data=b"\x01" * 97)), b"a", "bad"),
    "the last index of a table": ((BYTE, Op(OpCode.TABLE, dst=0, a=13, data=b"\x01" * 98)), b"a", 1),
    "an empty entry of a table": ((BYTE, Op(OpCode.TABLE, dst=0, a=13, data=bytes(98))), b"a", "bad"),
    "an index below zero": ((Op(OpCode.SET, dst=13, x=-1), Op(OpCode.TABLE, dst=0, a=13, data=b"\x01")), b"", "bad"),
    "no table": ((Op(OpCode.TABLE, dst=0, a=13),), b"", "bad"),
    "a member of nothing": ((Op(OpCode.MEMBER, a=13),), b"", "bad"),
    "division by zero": (
        (Op(OpCode.ALU, dst=14, a=13, x=0, flags=Alu.DIV), Op(OpCode.ALU, dst=14, a=13, b=15, flags=Alu.MOD)), b"", 0,
    ),
    "the least number divided": (
        (Op(OpCode.SET, dst=13, x=-(2**63)), Op(OpCode.ALU, dst=14, a=13, x=-1, flags=Alu.DIV)), b"", 0,
    ),
    "a shift by a field": ((BYTE, Op(OpCode.ALU, dst=14, a=13, b=8, flags=Alu.SHL)), b"\xff", 1),
    "a jump over a fail": ((Op(OpCode.JUMP, x=2), Op(OpCode.FAIL)), b"", 0),
    "a jump to the end": ((BYTE, Op(OpCode.JEQ, a=13, x=3, y=97), Op(OpCode.FAIL)), b"a", 1),
    "a varint that does not end": ((Op(OpCode.VARINT, dst=13, width=2, y=2**20),), b"\x80\x80\x00", "bad"),
    "a varint that is cut": ((Op(OpCode.VARINT, dst=13, width=3, y=2**20),), b"\x80\x80", "need"),
    "arguments of a slot that nothing filled": ((Op(OpCode.HESSIAN_ARGS, a=0),), b"", 0),
}  # fmt: skip


@pytest.mark.parametrize(("ops", "data", "outcome"), RUNS.values(), ids=RUNS.keys())
def test_runs(ops, data, outcome):
    assert run(*ops, data=data) == outcome


def test_a_refusal_names_the_op_and_the_offset():
    bad = running(plan(BYTE, Op(OpCode.RANGE, a=13, x=1, y=2, path="x", why="must be in 1..2")))
    with pytest.raises(MalformedError, match=r"t: x: must be in 1\.\.2, at offset 0"):
        bad.verify_bytes(b"\x05")


def test_the_limit_is_known_before_the_bytes_are_there():
    under_test = running(plan(Op(OpCode.SKIP, x=9), limit=9))
    assert under_test.verify_bytes(bytes(9)) == 9
    assert under_test.verify_bytes(b"") == NeedMore(9)
    for data in (bytes(10), bytes(9)):
        assert run(Op(OpCode.SKIP, x=9), BYTE, data=data, limit=9) == "bad"


CODES = st.sampled_from(list(OpCode))
REGISTER = st.sampled_from([NONE, 8, 9, 10, 11, 15])
NUMBER = st.integers(-3, 12) | st.sampled_from([2**63 - 1, -(2**63), 255, 2**31, 2**62])
ANY_OP = st.builds(
    Op,
    code=CODES,
    dst=st.sampled_from([8, 9, 10, 3]),
    a=REGISTER,
    b=st.sampled_from([NONE, 0, 1, 8]),
    x=NUMBER,
    y=NUMBER,
    width=st.integers(0, 9),
    flags=st.integers(0, 31),
    data=st.binary(max_size=24),
    keys=st.sampled_from([(), ((b"k", 0),), ((b"", 1), (b"a", 2))]),
)


@settings(deadline=None, max_examples=2 * settings.default.max_examples)
@given(st.lists(ANY_OP, max_size=12), st.binary(max_size=24), st.sampled_from([1, 16, 300]))
def test_any_plan_ends_and_stays_within_the_bytes(ops, data, limit):
    """Whatever passes the checks runs to an end; a sanitizer build shows that it reads nothing outside."""
    kept = []
    for op in ops:
        forward = replace(op, x=len(kept) + 1 + abs(op.x) % 3) if op.code in {OpCode.JUMP, OpCode.JEQ, OpCode.JNE} else op
        try:
            Program(plan(*kept, forward, *[WELL] * 3))
        except ValueError:
            continue
        kept.append(forward)
    whole = plan(*kept, *[WELL] * 3, limit=limit, slots=16)
    found = actual(running(whole), data)
    assert found in {"bad", "need"} or 0 <= found <= min(len(data), limit)
    lookup = Lookup(LookupPlan(whole, ("k",), (tuple(Alternative(i) for i in range(16)),)))
    try:
        (value,) = lookup.find_bytes(data)
    except MalformedError:
        return
    assert value is None or len(value) <= len(data)


def test_a_lowered_plan_passes_its_own_checks():
    under_test = codec()
    for product in (under_test.lowered.scan, under_test.lowered.verify, under_test.lowered.lookup(("service",)).plan):
        assert Program(product).plan is product
        assert product.ops[-1].code is OpCode.END
    assert under_test.scan_bytes(LEAD).size == len(LEAD)
