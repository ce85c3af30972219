"""Layouts that nobody wrote: construct trees drawn at random, for what no list of odd layouts thinks of.

Each field may be a number, bytes whose length an earlier field gives, a branch on an earlier field, a section, a block of
a wire primitive or bits, nested a few deep. The lowering may refuse one (`SpecError`); what it accepts must agree.
"""

from __future__ import annotations

import random

import construct as c
from construct import this

from xproto.spec import Kind, Limits, Protocol
from xproto.wire import Bounded, Chunked, HessianMap, HessianText, KeyValues, Known, TrailingCrc32, Until

_INTS = (c.Int8ub, c.Int8sb, c.Int16ub, c.Int16ul, c.Int16sb, c.Int24ul, c.Int32ub, c.Int32sl, c.Int64ub, c.Int64sl)
_LENGTHS = (c.Int8ub, c.Int16ub, c.Int16sl, c.Int24ul, c.Int32ul, c.Int64sb)


class LayoutMaker:
    """One protocol for each random number generator."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names = 0

    def protocol(self) -> Protocol:
        numbers: list[object] = []
        fields = ["id" / self.rng.choice((c.Int16ub, c.Int16ul, c.Int32ul, c.Int64ub)), "type" / Bounded(c.Int8ub, 1, 3)]
        for _ in range(self.rng.randrange(1, 7)):
            fields += self.field(numbers, 0, "")
        if self.rng.random() < 0.3:
            fields.append("crc" / TrailingCrc32(little=self.rng.random() < 0.5))
        kinds = {Kind.REQUEST: this.type == 1, Kind.ONEWAY: this.type == 2, Kind.RESPONSE: this.type == 3}
        return Protocol("random", c.Struct(*fields), kinds, this.id, limits=Limits(frame=self.rng.choice((90, 500, 5000))))

    def name(self) -> str:
        self.names += 1
        return f"f{self.names}"

    def field(self, numbers: list[object], depth: int, up: str) -> list[object]:
        """One field and what must stand before it; appends expressions for it to `numbers`."""
        rng, name = self.rng, self.name()
        makers = [self._integer, self._integer, self._length, self._conditional, self._either, self._bits, self._computed]
        makers += [self._primitive, self._const, self._enum]
        if depth < 3:
            makers += [self._section, self._struct, self._switch]
        return rng.choice(makers)(name, numbers, depth)

    def _integer(self, name, numbers, depth):
        con = self.rng.choice(_INTS)
        if self.rng.random() < 0.5:
            numbers.append(this[name])
            return [name / self._bounded(con, self.rng.choice((3, 90, 200)))]
        return [name / con]

    def _bounded(self, con, top):
        if self.rng.random() < 0.15:
            return Bounded(c.VarInt, self.rng.choice((0, 1)), top)
        lows = (0, 0, 1, -3) if con in (c.Int8sb, c.Int16sb, c.Int32sl, c.Int64sl) else (0, 0, 2)
        return Bounded(con, self.rng.choice(lows), min(top, 127) if con is c.Int8sb else top)

    def _size(self, numbers):
        """An expression for a length, of what has been read."""
        rng = self.rng
        if not numbers or rng.random() < 0.15:
            return rng.randrange(4)
        one = rng.choice(numbers)
        return rng.choice((one, one, one + 1, one - 1, one * 2, one + rng.choice(numbers), one // 3, one % 7))

    def _test(self, numbers):
        rng = self.rng
        if not numbers:
            return this._root.type == rng.randrange(1, 4)
        one, number = rng.choice(numbers), rng.randrange(4)
        test = rng.choice((one == number, one != number, one > number, one <= number, this._root.type == 2))
        if rng.random() < 0.3:
            other = rng.choice(numbers) < rng.randrange(9)
            test = rng.choice((test & other, test | other, ~test))
        return test

    def _length(self, name, numbers, depth):
        return [name / c.Bytes(self._size(numbers))]

    def _one(self, name, numbers, depth):
        """A field that may stand in a branch; what it defines stays inside."""
        return self.field([*numbers], 3, "")[0].subcon

    def _conditional(self, name, numbers, depth):
        test, con = self._test(numbers), self._one(name, numbers, depth)
        return [name / c.If(test, con)]

    def _either(self, name, numbers, depth):
        test = self._test(numbers)
        if self.rng.random() < 0.5:
            one, two = (self._bounded(self.rng.choice(_INTS), 60) for _ in range(2))
            numbers.append(this[name])
            return [name / c.IfThenElse(test, one, two)]
        return [name / c.IfThenElse(test, self._one(name, numbers, depth), self._one(name, numbers, depth))]

    def _switch(self, name, numbers, depth):
        key = self.rng.choice(numbers) if numbers else this._root.type
        cases = {n: self._one(name, numbers, depth) for n in self.rng.sample(range(5), self.rng.randrange(1, 4))}
        default = self._one(name, numbers, depth) if self.rng.random() < 0.5 else c.Pass
        return [name / c.Switch(key, cases, default=default)]

    def _bits(self, name, numbers, depth):
        widths, left = [], self.rng.choice((8, 16, 24))
        while left:
            widths.append(self.rng.randrange(1, min(left, 9) + 1))
            left -= widths[-1]
        fields = []
        for i, width in enumerate(widths):
            top = (1 << width) - 1
            inner = c.Flag if width == 1 and self.rng.random() < 0.5 else c.BitsInteger(width)
            if inner is not c.Flag and self.rng.random() < 0.3:
                inner = Bounded(inner, 0, self.rng.randrange(top + 1))
            fields.append(f"b{i}" / inner if self.rng.random() < 0.9 else c.Padding(width))
            if fields[-1].name:
                numbers.append(this[name][f"b{i}"])
        return [name / c.BitStruct(*fields)]

    def _computed(self, name, numbers, depth):
        expr = self._size(numbers)
        numbers.append(this[name])
        return [name / c.Computed(expr)]

    def _const(self, name, numbers, depth):
        if self.rng.random() < 0.5:
            return [name / c.Const(self.rng.randbytes(self.rng.randrange(1, 4)))]
        return [name / c.Const(self.rng.randrange(120), self.rng.choice(_INTS))]

    def _enum(self, name, numbers, depth):
        enum = c.Enum(self.rng.choice((c.Int8ub, c.Int16ul, c.Int8sb)), a=0, b=self.rng.randrange(1, 5), z=100)
        con = Known(enum) if self.rng.random() < 0.6 else enum
        return [name / con, self.name() / c.If(this[name] == self.rng.choice("abz"), c.Int8ub)]

    def _primitive(self, name, numbers, depth):
        length = self.rng.choice((c.Int8ub, c.Int16ul, c.Int32sb, c.Int24ub))
        if self.rng.random() < 0.4 and length is not c.Int32sb:
            return [name / Chunked(length)]
        if self.rng.random() < 0.3:
            return [name / Until(self.rng.choice((b"\n", b"\r\n", b"aab")), self.rng.choice((0, 3, 60)))]
        if self.rng.random() < 0.5:
            return [name / self.rng.choice((HessianText, HessianMap))()]
        return [name / c.Prefixed(self._bounded(c.Int16ub, 200), KeyValues(length))]

    def _section(self, name, numbers, depth):
        inner = self.rng.choice((self._struct, self._struct, self._greedy))(name, numbers, depth)[-1].subcon
        if self.rng.random() < 0.4:
            return [name / c.FixedSized(self._size(numbers), inner)]
        length = self.rng.choice(_LENGTHS)
        counts_itself = self.rng.random() < 0.2
        return [name / c.Prefixed(self._bounded(length, 120), inner, includelength=counts_itself)]

    def _greedy(self, name, numbers, depth):
        return [name / c.GreedyBytes]

    def _struct(self, name, numbers, depth):
        inner: list[object] = []
        known: list[object] = [this._root.type]
        for _ in range(self.rng.randrange(1, 4)):
            inner += self.field(known, depth + 1, "")
        return [name / c.Struct(*inner)]
