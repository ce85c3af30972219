"""Valid frames, drawn from a layout: hypothesis strategies that read the same construct tree as the lowering does.

Each field gets values that its construct can build: bounds and labels from the layout, lengths from `Rebuild`, what an
`If` leaves out as None. A field whose values depend on another in a way that the tree does not say (Dubbo's arguments
on the descriptor) gets a strategy of its own, by path. Frames that the layout's own `Check`s refuse are drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import construct as c
from hypothesis import reject
from hypothesis import strategies as st

from conformance.generate.http1_values import BODILESS, HttpWriter
from conformance.generate.jce_values import JceWriter
from conformance.generate.kinds import kind_values
from conformance.generate.thrift_values import ThriftWriter
from conformance.judges.oracle import Oracle
from conformance.outcome import Complete
from xproto.lower import Lowered
from xproto.plan import SIGNED
from xproto.templates import build_frame
from xproto.wire import (
    Ahead,
    Bounded,
    Chunked,
    FromUpstream,
    HessianArguments,
    HessianMap,
    HessianText,
    HttpBody,
    HttpHead,
    JceBytes,
    JceInteger,
    JceMap,
    JceRest,
    JceText,
    KeyValues,
    Known,
    Raw,
    ThriftInfo,
    ThriftStruct,
    TrailingCrc32,
    TTwitterHeader,
    Until,
)
from xproto.wire.integers import integer_shape
from xproto.wire.ttwitter import Pairs

Draw = Callable[[st.SearchStrategy[Any]], Any]
Override = Callable[[Draw, c.Container], Any]
MAX_BYTES = 40
"""Bytes drawn for a field: enough to cross lengths of one byte's varint in a block of several."""

MAX_RECORDS = 3
"""Drawn for a field, where nothing else decides how many."""

TEXTS = st.text(max_size=12) | st.sampled_from(["", "service", "com.test.Echo:1.0", "\N{SNOWMAN}", "\U0001f600x"])
KEYS = ("service", "method", "group", "version", "path", "sofa_head_method_name")
"""Header names that roles and routes ask for."""
BYTES = st.binary(max_size=MAX_BYTES) | st.sampled_from([b"com.test.Echo:echo", b"echo", b"a:b:c", b":"])
"""Of a length that nothing else decides: names with and without the separators that roles look for among them."""
PAIRS = st.lists(st.tuples(st.sampled_from(KEYS) | TEXTS, TEXTS), max_size=5)


def frames(lowered: Lowered, overrides: Mapping[str, Override] | None = None, direction: int = 0) -> st.SearchStrategy[bytes]:
    """Whole frames of the protocol, as a client (0) or a server (1) sends them."""
    oracle, kinds = Oracle(lowered.protocol, direction), kind_values(lowered.protocol)

    @st.composite
    def frame(draw: Draw) -> bytes:
        drawing = _Drawing(draw, overrides or {}, kinds, direction)
        fields = drawing.struct(lowered.protocol.frame, c.Container(), "")
        try:
            return build_frame(lowered, fields, from_upstream=bool(direction))
        except c.ConstructError:  # what the layout's own checks, limits and lengths refuse
            reject()

    return frame().filter(lambda data: isinstance(oracle.outcome(data), Complete))


def edges(lo: int, hi: int) -> st.SearchStrategy[int]:
    """Integers in lo..hi, often at an end or next to zero."""
    near = [n for n in (lo, lo + 1, hi - 1, hi, 0, 1, -1) if lo <= n <= hi]
    return st.sampled_from(near) | st.integers(lo, hi)


@dataclass(frozen=True)
class _Drawing:
    """Draws the fields of one frame, in the order of the layout."""

    draw: Draw
    known: Mapping[str, Override]
    kinds: Mapping[str, tuple[int, ...]]
    direction: int

    def struct(self, con: Any, outer: c.Container, path: str) -> c.Container:
        context = c.Container(_=outer)
        context["_root"] = outer.get("_root", context)
        fields = c.Container()
        for sub in con.subcons:
            name = sub.name
            here = f"{path}.{name}" if path else str(name)
            value = self.known[here](self.draw, context) if here in self.known else self.value(sub, context, here)
            if name is not None:
                context[name] = fields[name] = value
        return fields

    def value(self, con: Any, context: c.Container, path: str) -> Any:
        while type(con) in {c.Renamed, c.Default}:
            con = con.subcon
        if type(con) in {c.Const, c.Rebuild, c.Check, c.Padded, TrailingCrc32} or con in (c.Pass, c.Terminated, c.Tell):
            return None
        if con is FromUpstream:
            return self.direction
        if type(con) is c.Computed:
            return _known(con.func, context)
        if type(con) is c.IfThenElse:
            side = con.thensubcon if _evaluate(con.condfunc, context) else con.elsesubcon
            return self.value(side, context, path)
        if type(con) is c.Switch:
            return self.value(con.cases.get(_evaluate(con.keyfunc, context), con.default), context, path)
        if type(con) is c.Struct:
            return self.struct(con, context, path)
        if type(con) is c.Transformed:
            return self.struct(con.subcon, context, path)
        if type(con) is c.Array:
            count = _known(con.count, context)
            wanted = self.draw(st.integers(0, MAX_RECORDS)) if count is None else count
            return [self.value(con.subcon, context, path) for _ in range(wanted)]
        if type(con) in {c.FixedSized, c.Prefixed}:
            return self.value(con.subcon, context, path)
        leaf = _written(con, context, self.direction)
        leaf = _leaf(con, context) if leaf is None else leaf
        if path in self.kinds and con is not c.Flag:
            leaf |= st.sampled_from(self.kinds[path])
        return reject() if leaf.is_empty else self.draw(leaf)


def _written(con: Any, context: c.Container, direction: int) -> st.SearchStrategy[Any] | None:
    """Values that a writer of the format draws with a generator of its own; None for other constructs."""

    def body(rng: random.Random) -> bytes:
        head = con.head(context)
        return HttpWriter(rng).body(head.fields, none=bool(direction) and head.line[9:12] in BODILESS)

    def pairs(rng: random.Random) -> Pairs:
        found = Pairs()
        found.data = ThriftWriter(rng).header()
        return found

    writers: dict[type, Callable[[random.Random], Any]] = {
        ThriftStruct: lambda rng: Raw(ThriftWriter(rng, con.compact).struct()),
        TTwitterHeader: pairs,
        JceRest: lambda rng: JceWriter(rng).fields(11),
        HttpHead: lambda rng: HttpWriter(rng).head(response=bool(direction)),
        HttpBody: body,
    }
    write = writers.get(type(con))
    return st.integers(0, 1 << 32).map(lambda seed: write(random.Random(seed))) if write else None  # noqa: S311 - test data


def _evaluate(expression: Any, context: c.Container) -> Any:
    return expression(context) if callable(expression) else expression


def _known(expression: Any, context: c.Container) -> Any:
    """The value of an expression; None where it hangs on a length that a Rebuild will compute."""
    try:
        return _evaluate(expression, context)
    except (KeyError, TypeError):
        return None


def _leaf(con: Any, context: c.Container) -> st.SearchStrategy[Any]:
    shape = integer_shape(con)
    if shape is not None:
        bits = 8 * shape[0]
        return edges(-(1 << bits - 1), (1 << bits - 1) - 1) if shape[1] & SIGNED else edges(0, (1 << bits) - 1)
    if con is c.Flag:
        return st.booleans()
    if con is c.GreedyBytes:
        return st.binary(max_size=MAX_BYTES)
    simple: dict[type, Callable[[], st.SearchStrategy[Any]]] = {
        Bounded: lambda: edges(con.lo, con.hi),
        Known: lambda: st.sampled_from(sorted(map(str, con.subcon.encmapping))),
        c.Enum: lambda: st.sampled_from(sorted(map(str, con.encmapping))),
        c.BitsInteger: lambda: edges(0, (1 << con.length) - 1),
        c.Bytes: lambda: _bytes(con, context),
        KeyValues: lambda: PAIRS,
        Until: lambda: st.binary(max_size=min(con.most, MAX_BYTES)).filter(
            lambda text: (text + con.end).find(con.end) == len(text)
        ),
        Chunked: lambda: st.lists(st.binary(min_size=1, max_size=MAX_BYTES), max_size=3),
        HessianText: lambda: TEXTS | st.none(),
        HessianMap: lambda: PAIRS | st.none(),
        HessianArguments: lambda: st.just(Raw(b"")),
        Ahead: lambda: st.integers(0, 1),
        ThriftInfo: lambda: PAIRS,
        JceInteger: lambda: edges(con.lo, con.hi),
        JceText: lambda: BYTES,
        JceBytes: lambda: BYTES,
        JceMap: lambda: PAIRS,
    }
    if type(con) not in simple:
        raise TypeError(f"no values are known for {type(con).__name__}: add a vector, whose value of this field is taken")
    return simple[type(con)]()


def _bytes(con: c.Bytes, context: c.Container) -> st.SearchStrategy[bytes]:
    size = _known(con.length, context)
    if size is None:
        return BYTES
    return st.binary(min_size=size, max_size=size) if size >= 0 else st.nothing()
