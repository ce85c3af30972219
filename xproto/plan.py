"""The Plan: a short, forward-only list of ops that the kernel runs over the bytes of one frame.

Plans are printable data. They never jump backwards, so a run ends; every op that reads checks bounds first; every
length is checked against its limit before it is added. What running past the end means depends on where the op stands:
need-more at the root, malformed inside a section whose bytes are all there.

Three products come from one lowering: *verify* checks everything and equals construct; *scan* finds the end, id and
kind and skips what nobody needs; *lookup* reads the asked-for keys and stops after the last.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

NONE = 0xFFFF
"""No register, no slot."""
MAX_REGISTERS = 128
MAX_SLOTS = 64
MAX_SECTIONS = 8
MAX_CHUNKED = 4
"""Chunked parts of one frame: a scan that goes on where it stopped keeps an offset for each."""
MAX_UNTIL = 65_536
"""Bytes that may be looked through for a delimiter: text that comes byte by byte is looked through again each time."""


class OpCode(enum.IntEnum):
    """The kernel's own list; it refuses to load when the two differ."""

    END = 0
    LOAD = 1  # dst = integer of `width` bytes; with CHECK: x <= dst <= y; with AT: register b = its offset
    VARINT = 2  # dst = LEB128 of at most `width` bytes, x <= dst <= y
    BITS = 3  # dst = (a >> x) & y
    RANGE = 4  # x <= a <= y
    MEMBER = 5  # a is one of the int64s in data
    LITERAL = 6  # the bytes are data
    SET = 7  # dst = x
    ALU = 8  # dst = a (flags) b, or a (flags) x when b is NONE
    TABLE = 9  # dst = data[a]; zero refuses
    JUMP = 10  # to x
    JEQ = 11  # to x when a == y
    JNE = 12  # to x when a != y
    FAIL = 13
    SKIP = 14  # a + x bytes (a may be NONE); slot b = those bytes
    ENTER = 15  # a section of a + x bytes
    LEAVE = 16  # to the section's end
    REST = 17  # to the section's end; slot b = those bytes
    ENDED = 18  # the section must be at its end
    POS = 19  # dst = offset
    KEYVALUES = 20  # length-prefixed pairs until the section's end; lengths as LOAD; keys
    HESSIAN_TEXT = 21  # one string or null; slot b = its text
    HESSIAN_ARGS = 22  # as many values as the descriptor in slot a has types; slot b = the first, when a text
    HESSIAN_MAP = 23  # a map or null; keys
    CHUNKS = 24  # length-prefixed chunks (lengths as LOAD) until an empty one
    CRC32 = 25  # a trailing CRC-32 of all before it; dst = its offset
    THRIFT_STRUCT = 26  # one struct; width 1: in the compact protocol
    THRIFT_INFO = 27  # THeader's headers until the section's end; keys
    JCE_INTEGER = 28  # dst = the integer field whose tag is `width`, or register a; x <= dst <= y
    JCE_TEXT = 29  # a text field; slot b = its bytes
    JCE_BYTES = 30  # a field of bytes; slot b
    JCE_MAP = 31  # a field with a map of texts, or none; keys
    JCE_REST = 32  # fields until the section's end
    AHEAD = 33  # dst = whether the next bytes are data (at the root: waits for as many)
    TTWITTER_HEADER = 34  # the struct before a message of TTwitter; keys
    HTTP_HEAD = 35  # dst = what a head says, packed (see `xproto.wire.http1`); register a = a counted body's length; keys
    HTTP_BODY = 36  # the body that register a (what the head said) and register b (its length) stand for
    UNTIL = 37  # at most x bytes, then those of data; slot b = what is before them
    INTERPRET = 38  # x bytes, or (x < 0) the rest of the section, read by `reader`; slot b = it as a text; keys


class Alu(enum.IntEnum):
    ADD = 0
    SUB = 1
    MUL = 2
    AND = 3
    OR = 4
    XOR = 5
    SHL = 6
    SHR = 7
    DIV = 8
    MOD = 9
    EQ = 10
    NE = 11
    LT = 12
    LE = 13
    GT = 14
    GE = 15
    LAND = 16
    LOR = 17
    NOT = 18


class Form(enum.IntEnum):
    """How an integer lies on the wire."""

    FIXED = 0  # as many bytes as its type has
    VARINT = 1  # LEB128
    JCE = 2  # a jce field: tag and type, then the narrowest integer that holds it


LITTLE, SIGNED, CHECK, AT = 1, 2, 4, 8
VERIFY = 16
"""On CRC32: compute and compare; without it the checksum is only located."""


class Result(enum.IntEnum):
    """Registers that a scan leaves its results in."""

    KIND = 0
    ID = 1
    ID_AT = 2
    CRC_AT = 3
    VARIANT = 4
    TIMEOUT = 5
    ECHO = 6
    TIMEOUT_AT = 7
    ID_END = 8
    AGAIN = 9
    AGAIN_AT = 10
    AGAIN_END = 11
    DIRECTION = 12


FIRST_FREE = 13


@dataclass(frozen=True, slots=True)
class Op:
    """One step. `path` is the field it stands for and `why` what a frame did wrong when the op refuses it.

    reader: of INTERPRET, the `xproto.lower.interpreted.Reader` that is given the bytes.
    """

    code: OpCode
    dst: int = NONE
    a: int = NONE
    b: int = NONE
    x: int = 0
    y: int = 0
    width: int = 0
    flags: int = 0
    data: bytes = b""
    keys: tuple[tuple[bytes, int], ...] = ()
    reader: object = None
    path: str = ""
    why: str = ""

    def to(self, target: int) -> Op:
        return replace(self, x=target)


@dataclass(frozen=True, slots=True)
class Plan:
    """A program for the kernel. `limit` is the frame limit in bytes, `registers` and `slots` what a run needs."""

    protocol: str
    product: str
    ops: tuple[Op, ...]
    limit: int
    registers: int
    slots: int = 0

    def __str__(self) -> str:
        lines = [f"{self.protocol} {self.product}: {len(self.ops)} ops, {self.registers} registers"]
        lines += [f"  {i:3}  {describe(op):52} {op.path}" for i, op in enumerate(self.ops)]
        return "\n".join(lines)


def _reg(n: int) -> str:
    if n == NONE:
        return "-"
    return Result(n).name.lower() if n < len(Result) else f"r{n}"


def _integer(op: Op) -> str:
    sign = "s" if op.flags & SIGNED else "u"
    end = "le" if op.flags & LITTLE else "be"
    return f"{sign}{op.width * 8}{end if op.width > 1 else ''}"


def _amount(op: Op) -> str:
    return str(op.x) if op.a == NONE else _reg(op.a) + (f"{op.x:+}" if op.x else "")


def _slot(op: Op) -> str:
    return "" if op.b == NONE else f" -> slot {op.b}"


def _keys(op: Op) -> str:
    return "".join(f" {key.decode(errors='replace')}->slot {slot}" for key, slot in op.keys)


def describe(op: Op) -> str:
    """One op as a line of text."""
    code, name = op.code, op.code.name.lower()
    match code:
        case OpCode.LOAD:
            at = f", {_reg(op.b)} = its offset" if op.flags & AT else ""
            check = f" in {op.x}..{op.y}" if op.flags & CHECK else ""
            return f"{_reg(op.dst)} = {_integer(op)}{check}{at}"
        case OpCode.VARINT:
            return f"{_reg(op.dst)} = varint({op.width}) in {op.x}..{op.y}"
        case OpCode.BITS:
            return f"{_reg(op.dst)} = {_reg(op.a)} >> {op.x} & {op.y:#x}"
        case OpCode.RANGE:
            return f"require {_reg(op.a)} in {op.x}..{op.y}"
        case OpCode.MEMBER:
            values = [int.from_bytes(op.data[i : i + 8], "little", signed=True) for i in range(0, len(op.data), 8)]
            return f"require {_reg(op.a)} in {values}"
        case OpCode.LITERAL:
            return f"require bytes {op.data.hex()}"
        case OpCode.SET:
            return f"{_reg(op.dst)} = {op.x}"
        case OpCode.ALU:
            right = str(op.x) if op.b == NONE else _reg(op.b)
            return f"{_reg(op.dst)} = {_reg(op.a)} {Alu(op.flags).name.lower()} {right}"
        case OpCode.TABLE:
            return f"{_reg(op.dst)} = table[{_reg(op.a)}] of {len(op.data)}"
        case OpCode.JUMP:
            return f"jump {op.x}"
        case OpCode.JEQ | OpCode.JNE:
            return f"jump {op.x} if {_reg(op.a)} {'==' if code is OpCode.JEQ else '!='} {op.y}"
        case OpCode.SKIP | OpCode.ENTER:
            return f"{name} {_amount(op)}{_slot(op)}"
        case OpCode.POS | OpCode.CRC32:
            return f"{_reg(op.dst)} = {name}{' verified' if op.flags & VERIFY else ''}"
        case OpCode.JCE_INTEGER:
            return f"{_reg(op.dst)} = {name} {op.width if op.a == NONE else _reg(op.a)} in {op.x}..{op.y}"
        case OpCode.JCE_TEXT | OpCode.JCE_BYTES | OpCode.JCE_MAP:
            return f"{name} {op.width}{_slot(op)}{_keys(op)}"
        case OpCode.UNTIL:
            return f"{name} {op.data.hex()} within {op.x}{_slot(op)}"
        case OpCode.INTERPRET:
            return f"{name} {'the rest' if op.x < 0 else op.x} by {op.reader!r}{_slot(op)}{_keys(op)}"
        case OpCode.THRIFT_STRUCT:
            return f"{name}{' compact' if op.width else ''}"
        case OpCode.AHEAD:
            return f"{_reg(op.dst)} = ahead {op.data.hex()}"
        case OpCode.HTTP_HEAD:
            return f"{_reg(op.dst)} = {name}, {_reg(op.a)} = its length{_keys(op)}"
        case OpCode.HTTP_BODY:
            return f"{name} {_reg(op.a)} {_reg(op.b)}"
        case OpCode.KEYVALUES | OpCode.CHUNKS:
            return f"{name} {_integer(op)}{_keys(op)}"
        case _:
            return f"{name}{_slot(op)}{_keys(op)}"
