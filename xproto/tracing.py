"""Where construct reads each field: a parse by a copy of the layout whose members note their places.

construct parses a section, or the bits of a BitStruct, from a stream of their own that starts at zero. What such a stream
holds was just read from the stream around it, so its place in the frame is found by looking there: the same bytes right
before the position, or their bits. What is found in neither form (decompressed, say) has no place of its own.

Places are counted in bits from the frame's first bit, so that fields narrower than a byte are like all others.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import construct as c
from construct.lib import bits2bytes, bytes2bits

_REPEATED = (c.Array, c.GreedyRange, c.RepeatUntil)


@dataclass
class Visit:
    """A member of the layout that was read. start, end: in bits. fault: what stopped the parse here, in construct's words.

    placed: whether its bits stand in the frame as they were read.
    """

    name: str
    start: int
    end: int = 0
    value: Any = None
    fault: str = ""
    refused: bool = False
    placed: bool = True
    inner: list[Visit] = field(default_factory=list)


@dataclass(frozen=True)
class _Place:
    """A stream's origin in bits, and how many bits of the frame each of its bytes stands for: 8, 1, or 0 for none."""

    stream: Any
    origin: int
    scale: int

    @property
    def at(self) -> int:
        """The position in the stream's own bytes; the stream of a FixedSized counts from the one around it."""
        return int(self.stream.tell()) - int(getattr(self.stream, "parent_stream_offset", 0))

    @property
    def here(self) -> int:
        return self.origin + self.at * self.scale


def trace(layout: c.Construct, data: bytes, direction: int = 0) -> Visit:
    """Parses the frame that `data` begins with. A refused frame gives the members read before, and the one that refused.

    direction: 0 for a frame from a client, 1 for one from a server.
    """
    tracer = _Tracer(data)
    root = tracer.root
    try:
        root.value = _noted(layout, tracer).parse_stream(tracer.stream, from_upstream=direction)
        tracer.close(root, root.start)
    except Exception as error:  # noqa: BLE001 - whatever a declaration raises is to be shown, not to be passed on
        tracer.refuse(root, error)
    return root


class _Tracer:
    def __init__(self, data: bytes) -> None:
        self.stream = io.BytesIO(data)
        self.root = Visit("", 0)
        self._open = [(self.root, _Place(self.stream, 0, 8))]
        self._places = {id(self.stream): self._open[0][1]}
        self._refusing: BaseException | None = None

    def read(self, name: str, stream: Any, parse: Callable[[], Any]) -> Any:
        """What `parse` gives, noted as a member of the one that is being read."""
        place = self._places.get(id(stream)) or self._placed(stream)
        visit = Visit(name, place.here, placed=place.scale > 0)
        around = self._open[-1][0]
        # A second try from where an earlier one began: an alternative, or a look ahead that was taken back.
        around.inner = [each for each in around.inner if each.end <= visit.start or each.end == each.start]
        around.inner.append(visit)
        self._open.append((visit, place))
        try:
            visit.value = parse()
        except Exception as error:
            self.refuse(visit, error)
            raise
        else:
            self.close(visit, place.here)
            return visit.value
        finally:
            self._open.pop()

    def close(self, visit: Visit, end: int) -> None:
        visit.inner = [each for each in visit.inner if not _has_refused(each)]
        visit.end = max(visit.start, end, *(each.end for each in visit.inner))

    def refuse(self, visit: Visit, error: Exception) -> None:
        """Marks the innermost member that the error went through."""
        here = next((place.here for open_, place in self._open if open_ is visit), visit.start)
        visit.end = max(visit.start, here)
        if error is self._refusing:
            return
        self._refusing = error
        visit.refused, visit.fault = True, _words(error)

    def _placed(self, stream: Any) -> _Place:
        visit, around = self._open[-1]
        found = _inside(around, stream, visit.start)
        # Kept, so that no other stream gets its id.
        self._places[id(stream)] = found
        return found


def _has_refused(visit: Visit) -> bool:
    """Whether the parse went on after this member refused: it was optional, or one of several forms."""
    return visit.refused or any(_has_refused(each) for each in visit.inner)


def _inside(around: _Place, stream: Any, start: int) -> _Place:
    try:
        inner, outer = stream.getvalue(), around.stream.getvalue()
    except AttributeError:
        return _Place(stream, start, 0)
    here = around.at
    began = (start - around.origin) // around.scale if around.scale else here
    at = here - len(inner) if inner == outer[max(0, here - len(inner)) : here] else outer.find(inner, began, here)
    if at >= 0:
        return _Place(stream, around.origin + at * around.scale, around.scale)
    packed = here - len(inner) // 8
    if around.scale == 8 and packed >= 0 and bytes2bits(outer[packed:here]) == inner:
        return _Place(stream, around.origin + packed * 8, 1)
    unpacked = here - len(inner) * 8
    if around.scale == 1 and unpacked >= 0 and bits2bytes(outer[unpacked:here]) == inner:
        return _Place(stream, around.origin + unpacked, 8)
    return _Place(stream, start, 0)


def _words(error: Exception) -> str:
    """The error without construct's path, which the field's place says better."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("Error in path ")]
    return f"{type(error).__name__}: {' '.join(lines)}" if lines else type(error).__name__


class _Noted(c.Subconstruct):  # type: ignore[misc]
    """A member that tells the tracer when it is read."""

    def __init__(self, sub: c.Construct, tracer: _Tracer, label: Callable[[Any], str]) -> None:
        super().__init__(sub)
        self.name = sub.name
        self._tracer = tracer
        self._label = label

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return self._tracer.read(self._label(context), stream, lambda: self.subcon._parsereport(stream, context, path))  # noqa: SLF001


def _noted(node: c.Construct, tracer: _Tracer) -> c.Construct:
    """The node with all its members noted: a copy, or the node itself where it has none."""
    changed = {name: new for name, old in vars(node).items() if name[0] != "_" and (new := _within(old, tracer)) is not old}
    if isinstance(node, c.Struct | c.Sequence):
        changed["subcons"] = [_member(sub, tracer) for sub in changed.get("subcons", node.subcons)]
    elif isinstance(node, _REPEATED):
        changed["subcon"] = _Noted(changed.get("subcon", node.subcon), tracer, lambda context: f"[{context.get('_index', 0)}]")
    if changed:
        node = copy.copy(node)
        vars(node).update(changed)
    return node


def _member(sub: c.Construct, tracer: _Tracer) -> c.Construct:
    named = sub.name or f"({_kind(sub)})"
    return _Noted(sub, tracer, lambda _context: named)


def _kind(sub: c.Construct) -> str:
    return _kind(sub.thensubcon) if isinstance(sub, c.IfThenElse) else type(sub).__name__


def _within(value: Any, tracer: _Tracer) -> Any:
    match value:
        case c.Construct():
            return _noted(value, tracer)
        case list():
            new = [_within(each, tracer) for each in value]
            return new if any(a is not b for a, b in zip(new, value, strict=True)) else value
        case dict():
            changed = {key: _within(each, tracer) for key, each in value.items()}
            return changed if any(changed[key] is not value[key] for key in value) else value
    return value
