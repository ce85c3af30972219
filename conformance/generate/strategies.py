"""Valid frames, drawn from a layout: hypothesis strategies that read the same construct tree as the lowering does.

Each field gets values that its construct can build: bounds and labels from the layout, lengths from `Rebuild`, what an
`If` leaves out as None. A field whose values depend on another in a way that the tree does not say (Dubbo's arguments
on the descriptor) gets a strategy of its own, by path. Frames that the layout's own `Check`s refuse are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import construct as c
from hypothesis import reject
from hypothesis import strategies as st

from conformance.judges.oracle import Oracle
from conformance.outcome import Complete
from xproto.lower import Lowered
from xproto.plan import SIGNED
from xproto.templates import build_frame
from xproto.wire import (
    Bounded,
    Chunked,
    HessianArguments,
    HessianMap,
    HessianText,
    KeyValues,
    Known,
    Raw,
    TrailingCrc32,
    Until,
)
from xproto.wire.integers import integer_shape

Draw = Callable[[st.SearchStrategy[Any]], Any]
Override = Callable[[Draw, c.Container], Any]
MAX_BYTES = 40
"""Bytes drawn for a field: enough to cross lengths of one byte's varint in a block of several."""

TEXTS = st.text(max_size=12) | st.sampled_from(["", "service", "com.test.Echo:1.0", "\N{SNOWMAN}", "\U0001f600x"])
KEYS = ("service", "method", "group", "version", "path", "sofa_head_method_name")
"""Header names that roles and routes ask for."""
PAIRS = st.lists(st.tuples(st.sampled_from(KEYS) | TEXTS, TEXTS), max_size=5)


def frames(lowered: Lowered, overrides: Mapping[str, Override] | None = None) -> st.SearchStrategy[bytes]:
    """Whole frames of the protocol."""
    oracle = Oracle(lowered.protocol)
    known = overrides or {}

    @st.composite
    def frame(draw: Draw) -> bytes:
        fields = _struct(lowered.protocol.frame, draw, c.Container(), "", known)
        try:
            return build_frame(lowered, fields)
        except c.ConstructError:  # what the layout's own checks, limits and lengths refuse
            reject()

    return frame().filter(lambda data: isinstance(oracle.outcome(data), Complete))


def edges(lo: int, hi: int) -> st.SearchStrategy[int]:
    """Integers in lo..hi, often at an end or next to zero."""
    near = [n for n in (lo, lo + 1, hi - 1, hi, 0, 1, -1) if lo <= n <= hi]
    return st.sampled_from(near) | st.integers(lo, hi)


def _struct(con: Any, draw: Draw, outer: c.Container, path: str, known: Mapping[str, Override]) -> c.Container:
    context = c.Container(_=outer)
    context["_root"] = outer.get("_root", context)
    fields = c.Container()
    for sub in con.subcons:
        name = sub.name
        here = f"{path}.{name}" if path else str(name)
        value = known[here](draw, context) if here in known else _value(sub, draw, context, here, known)
        if name is not None:
            context[name] = fields[name] = value
    return fields


def _value(con: Any, draw: Draw, context: c.Container, path: str, known: Mapping[str, Override]) -> Any:
    while type(con) in {c.Renamed, c.Default}:
        con = con.subcon
    if type(con) in {c.Const, c.Rebuild, c.Check, c.Padded, TrailingCrc32} or con in (c.Pass, c.Terminated):
        return None
    if type(con) is c.Computed:
        return _evaluate(con.func, context)
    if type(con) is c.IfThenElse:
        side = con.thensubcon if _evaluate(con.condfunc, context) else con.elsesubcon
        return _value(side, draw, context, path, known)
    if type(con) is c.Switch:
        return _value(con.cases.get(_evaluate(con.keyfunc, context), con.default), draw, context, path, known)
    if type(con) is c.Struct:
        return _struct(con, draw, context, path, known)
    if type(con) is c.Transformed:
        return _struct(con.subcon, draw, context, path, known)
    if type(con) in {c.FixedSized, c.Prefixed}:
        return _value(con.subcon, draw, context, path, known)
    leaf = _leaf(con, context)
    return reject() if leaf.is_empty else draw(leaf)


def _evaluate(expression: Any, context: c.Container) -> Any:
    return expression(context) if callable(expression) else expression


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
    }
    if type(con) not in simple:
        raise TypeError(f"no values are known for {type(con).__name__}: give this field a strategy of its own")
    return simple[type(con)]()


def _bytes(con: c.Bytes, context: c.Container) -> st.SearchStrategy[bytes]:
    size = con.length
    if callable(size):
        try:
            size = size(context)
        except (KeyError, TypeError):  # a length that a Rebuild will compute
            size = None
    if size is None:
        return st.binary(max_size=MAX_BYTES)
    return st.binary(min_size=size, max_size=size) if size >= 0 else st.nothing()
