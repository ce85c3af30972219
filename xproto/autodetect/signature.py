"""The signature of a protocol, taken from its Plan: which bytes can stand at which offset of a frame's beginning.

The scan Plan is walked symbolically. Each way through its branches gives a *cube*: one set of byte values for every
offset. A way ends behind the field that the declaration names, or where offsets begin to depend on data. A varint whose
bounds leave it one byte is a byte like any other.

What always holds: a cube may be wider than the Plan (checks of integers are projected onto their bytes), never narrower:
a frame that the Plan accepts is in one of its cubes, if it begins as `followed_by` promises, and writes a small integer of
jce as narrowly as every writer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from xproto.errors import SpecError
from xproto.lower.roles import apply
from xproto.plan import CHECK, LITTLE, NONE, SIGNED, Alu, Op, OpCode, Plan

ALL = (1 << 256) - 1
MAX_CUBES = 256

Cube = tuple[int, ...]
"""For each offset a set of byte values, as the bits of an integer."""

HTTP_METHODS = (
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "PURGE", "QUERY",
)  # fmt: skip
"""A head may have any other: a connection that begins with one is not detected."""
HTTP_REQUESTS: tuple[Cube, ...] = tuple(tuple(1 << byte for byte in f"{method} ".encode()) for method in HTTP_METHODS)

Table = tuple[int, ...]
"""What an expression of one byte is for each of the byte's 256 values."""


@dataclass(frozen=True)
class _Known:
    """A register that depends on at most one byte: its offset (None: on none) and its value for each byte value."""

    offset: int | None
    table: Table


@dataclass
class _Way:
    pc: int = 0
    at: int = 0
    sets: dict[int, int] = field(default_factory=dict)
    known: dict[int, _Known] = field(default_factory=dict)
    shapes: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def fork(self) -> _Way:
        return replace(self, sets=dict(self.sets), known=dict(self.known), shapes=dict(self.shapes))

    def allow(self, offset: int, values: int) -> bool:
        self.sets[offset] = self.sets.get(offset, ALL) & values
        return self.sets[offset] != 0

    def cube(self) -> Cube:
        return tuple(self.sets.get(i, ALL) for i in range(self.at))


@lru_cache(maxsize=64)
def signature(
    plan: Plan, through: str | None, followed_by: bytes = b"", *, reached: bool = False, within: Cube = ()
) -> tuple[Cube, ...]:
    """The cubes of a scan Plan, ending behind the field `through` (None: behind the last one whose place is fixed).

    followed_by: what the byte behind that field may be, where the Plan itself does not say. reached: only of frames that
    have that field. within: only of frames that begin with bytes of this cube. Raises `SpecError` where the place of the
    byte that follows depends on data, `ValueError` for more than MAX_CUBES cubes.
    """
    then = sum(1 << byte for byte in set(followed_by))
    cubes: dict[Cube, None] = {}
    pending = [_Way(sets=dict(enumerate(within)))]
    while pending:
        way = pending.pop()
        for behind, found in _walk(plan.ops, way, through, pending):
            if reached and through is not None and not behind:
                continue
            if then and not behind:
                wrong = f"the place of what follows {through} depends on data"
                raise SpecError(f"{plan.protocol}: detect", wrong, "leave followed_by out, or name an earlier field")
            cubes[(*found, then) if then else found] = None
        if len(cubes) > MAX_CUBES:
            raise ValueError(f"{plan.protocol}: the signature has more than {MAX_CUBES} forms")
    return tuple(cubes)


def _walk(ops: tuple[Op, ...], way: _Way, through: str | None, pending: list[_Way]) -> Iterator[tuple[bool, Cube]]:
    """The cube of one way, and whether it got behind `through`; none where no frame goes that way.

    Other ways are left in `pending`.
    """
    reached = False
    while True:
        op = ops[way.pc]
        way.pc += 1
        if reached and op.path != through:
            yield True, way.cube()
            return
        reached = reached or (through is not None and op.path == through)
        match op.code:
            case OpCode.LOAD:
                if not _load(op, way):
                    return
            case OpCode.LITERAL:
                if not _literal(op, way):
                    return
            case OpCode.VARINT if op.width == 1:
                if not _varint(op, way):
                    return
            case OpCode.JCE_INTEGER if op.a == NONE and op.width < 15 and 0 < op.x <= op.y < 128:
                if not _jce_integer(op, way):
                    return
            case OpCode.ENTER:  # what is in a section stands where it would without one
                pass
            case OpCode.SKIP if (size := _amount(op, way)) is not None:
                way.at += size
            case OpCode.HTTP_HEAD:
                yield from ((True, cube) for cube in HTTP_REQUESTS)
                return
            case OpCode.AHEAD:
                if not _ahead(op, way, pending):
                    return
            case OpCode.BITS | OpCode.ALU | OpCode.SET | OpCode.RANGE | OpCode.MEMBER | OpCode.JEQ | OpCode.JNE:
                if not _compute(op, way, pending):
                    return
            case OpCode.JUMP:
                way.pc = op.x
            case OpCode.FAIL:
                return
            case OpCode.TABLE | OpCode.POS | OpCode.CRC32:
                way.known.pop(op.dst, None)
            case _:  # offsets depend on data from here on
                yield reached, way.cube()
                return


def _amount(op: Op, way: _Way) -> int | None:
    """How far a skip goes, if that does not depend on data."""
    if op.a == NONE:
        return op.x
    known = way.known.get(op.a)
    if known is not None and known.offset is None:
        return max(known.table[0] + op.x, 0)
    start, width, flags = way.shapes.get(op.a, (0, 0, 0))
    sets = [way.sets.get(start + i, ALL) for i in range(width)]
    if not sets or any(values & (values - 1) for values in sets):
        return None
    data = bytes(values.bit_length() - 1 for values in sets)
    return max(int.from_bytes(data, "little" if flags & LITTLE else "big", signed=bool(flags & SIGNED)) + op.x, 0)


def _ahead(op: Op, way: _Way, pending: list[_Way]) -> bool:
    """The two ways from here: those bytes come next, or others."""
    found = way.fork()
    for each, value in ((way, 0), (found, 1)):
        each.shapes.pop(op.dst, None)
        each.known[op.dst] = _Known(None, (value,) * 256)
    if all(found.allow(found.at + i, 1 << byte) for i, byte in enumerate(op.data)):
        pending.append(found)
    return len(op.data) > 1 or way.allow(way.at, ALL & ~(1 << op.data[0]))


def _literal(op: Op, way: _Way) -> bool:
    start, way.at = way.at, way.at + len(op.data)
    allowed = [way.allow(start + i, 1 << byte) for i, byte in enumerate(op.data)]
    return all(allowed)


def _varint(op: Op, way: _Way) -> bool:
    way.shapes.pop(op.dst, None)
    way.known[op.dst] = _Known(way.at, tuple(range(256)))
    way.at += 1
    return _restrict(way, op.dst, lambda v: v < 0x80 and op.x <= v <= op.y)


def _jce_integer(op: Op, way: _Way) -> bool:
    """Of a small number only the narrowest writing counts, which is what every writer chooses: the head, one byte."""
    start, way.at = way.at, way.at + 2
    way.shapes.pop(op.dst, None)
    way.known[op.dst] = _Known(start + 1, tuple(range(256)))
    return way.allow(start, 1 << (op.width << 4)) and _restrict(way, op.dst, lambda v: op.x <= v <= op.y)


def _load(op: Op, way: _Way) -> bool:
    start, way.at = way.at, way.at + op.width
    way.shapes[op.dst] = (start, op.width, op.flags)
    way.known.pop(op.dst, None)
    if op.width == 1:
        values = [b - 256 if op.flags & SIGNED and b > 127 else b for b in range(256)]
        way.known[op.dst] = _Known(start, tuple(values))
    return not op.flags & CHECK or _project(way, op.dst, op.x, op.y)


def _project(way: _Way, reg: int, lo: int, hi: int) -> bool:
    """Narrows the bytes of an integer that was loaded to lo..hi."""
    start, width, flags = way.shapes[reg]
    if width == 1:
        return _restrict(way, reg, lambda v: lo <= v <= hi)
    if lo < 0 and flags & SIGNED:
        return True
    order = range(width) if not flags & LITTLE else range(width - 1, -1, -1)
    for rank, index in enumerate(order):
        shift = 8 * (width - 1 - rank)
        low, high = lo >> shift & 0xFF, hi >> shift & 0xFF
        values = sum(1 << b for b in range(256) if low <= b <= high)
        if not way.allow(start + index, values):
            return False
        if low != high:
            return True
    return True


def _restrict(way: _Way, reg: int, accept: Callable[[int], bool]) -> bool:
    found = way.known.get(reg)
    if found is None:
        return True
    if found.offset is None:
        return accept(found.table[0])
    return way.allow(found.offset, sum(1 << b for b in range(256) if accept(found.table[b])))


def _compute(op: Op, way: _Way, pending: list[_Way]) -> bool:
    source = way.known.get(op.a)
    match op.code:
        case OpCode.SET:
            way.known[op.dst] = _Known(None, (op.x,) * 256)
        case OpCode.BITS:
            _assign(way, op.dst, source, lambda v: (v & 0xFFFFFFFFFFFFFFFF) >> op.x & op.y)
        case OpCode.ALU:
            _alu(op, way)
        case OpCode.RANGE:
            if op.a in way.shapes and way.shapes[op.a][1] > 1:
                return _project(way, op.a, op.x, op.y)
            return _restrict(way, op.a, lambda v: op.x <= v <= op.y)
        case OpCode.MEMBER:
            return _members(op, way)
        case _:
            return _jump(op, way, pending)
    return True


def _assign(way: _Way, dst: int, source: _Known | None, change: Callable[[int], int]) -> None:
    way.shapes.pop(dst, None)
    if source is None:
        way.known.pop(dst, None)
    else:
        way.known[dst] = _Known(source.offset, tuple(change(v) for v in source.table))


def _alu(op: Op, way: _Way) -> None:
    left = way.known.get(op.a)
    right = _Known(None, (op.x,) * 256) if op.b == NONE else way.known.get(op.b)
    way.shapes.pop(op.dst, None)
    if left is None or right is None or (left.offset != right.offset and None not in {left.offset, right.offset}):
        way.known.pop(op.dst, None)
        return
    offset = right.offset if left.offset is None else left.offset
    values = tuple(apply(Alu(op.flags), a, b) for a, b in zip(left.table, right.table, strict=True))
    way.known[op.dst] = _Known(offset, values)


def _members(op: Op, way: _Way) -> bool:
    numbers = [int.from_bytes(op.data[i : i + 8], "little", signed=True) for i in range(0, len(op.data), 8)]
    start, width, flags = way.shapes.get(op.a, (0, 0, 0))
    if width <= 1:
        return _restrict(way, op.a, lambda v: v in numbers)
    columns = [n.to_bytes(width, "little" if flags & LITTLE else "big", signed=bool(flags & SIGNED)) for n in numbers]
    allowed = [way.allow(start + i, sum({1 << c[i] for c in columns})) for i in range(width)]
    return all(allowed)


def _jump(op: Op, way: _Way, pending: list[_Way]) -> bool:
    taken = way.fork()
    taken.pc = op.x
    equal = op.code is OpCode.JEQ
    if _restrict(taken, op.a, lambda v: (v == op.y) is equal):
        pending.append(taken)
    return _restrict(way, op.a, lambda v: (v == op.y) is not equal)
