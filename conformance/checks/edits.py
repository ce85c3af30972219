"""Header edits: a header set, replaced or removed changes that header, the lengths around it, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import construct as c

from conformance.bench import Bench
from conformance.outcome import Complete, DisagreementError, Malformed
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.errors import MalformedError, SpecError
from xproto.kernel.codec import Frame
from xproto.kernel.splice import Splicer
from xproto.spec import View

ADDED = "x-conformance"
VALUES = ("", "v", "v" * 300)
MOST_FRAMES = 60

Pairs = list[tuple[Any, Any]]
Edit = Callable[[Pairs], Pairs]


class Block:
    """Where the pairs of headers stand in one frame's decoded fields.

    path: of the block, dotted. pairs: as construct gives them, texts, or bytes where the block is a head of HTTP. A block
    that only construct can read may be a dict.
    """

    def __init__(self, source: Any, fields: Any) -> None:
        block = source(fields)
        self.path = ".".join(_path_to(fields, block) or ())
        self.is_head = isinstance(block, c.Container) and "fields" in block
        self._mapped = type(block) is dict
        pairs = block["fields"] if self.is_head else list(block.items()) if self._mapped else block
        known = isinstance(pairs, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs)
        self.pairs: Pairs | None = list(pairs) if known and self.path else None

    def text(self, text: str) -> Any:
        """A name or value in the block's own type."""
        return text.encode() if self.is_head else text

    def replaced(self, fields: Any, pairs: Pairs) -> Any:
        """The fields with other pairs."""
        changed = copy.copy(fields)
        *outer, last = [*self.path.split("."), *(["fields"] if self.is_head else [])]
        at = changed
        for name in outer:
            at[name] = copy.copy(at[name])
            at = at[name]
        at[last] = dict(pairs) if self._mapped else pairs
        return changed


def _path_to(fields: Any, wanted: Any) -> tuple[str, ...] | None:
    for name, value in fields.items():
        if value is wanted and wanted is not None:
            return (name,)
        if isinstance(value, c.Container) and not name.startswith("_"):
            found = _path_to(value, wanted)
            if found is not None:
                return (name, *found)
    return None


def source_of(bench: Bench) -> Any:
    """The expression of the block that headers stand in, or None."""
    headers = bench.protocol.headers
    return headers.block if isinstance(headers, View) else headers


def check_edit(subject: Subject, source: Any, edit: Edit, names: tuple[str, ...], frame: bytes) -> None:
    """Edits the headers of one frame through construct, reads it again, and holds the kernel's splice against that.

    names: headers whose values are compared with what the edit made of them.
    """
    outcome, fields = subject.oracle.parse(frame)
    before = subject.scan(frame)
    if outcome != Complete(len(frame)) or not isinstance(before, Frame):
        return
    block = Block(source, fields)
    if block.pairs is None:
        return
    pairs = edit(block.pairs)
    layout = subject.protocol.frame
    if layout.build(fields, from_upstream=subject.direction) != frame:
        return  # what does not come back as it was says nothing of an edit
    changed = bytes(layout.build(block.replaced(fields, pairs), from_upstream=subject.direction))
    if len(changed) > subject.limit:
        return
    path = block.path
    judged, verified = subject.oracle.outcome(changed), subject.verify(changed)
    if block.is_head and _frames(subject, source, fields, changed):
        return
    if judged != Complete(len(changed)) or verified != judged:
        what = f"{path}: after a header is edited the frame is no longer one: a length around it does not follow, use Rebuild"
        raise DisagreementError(what, frame, f"construct: {judged}", f"plan: {verified}", field=path, made=changed)
    _compare(subject, before, changed, path, frame)
    again = Block(source, subject.oracle.parse(changed)[1]).pairs
    if again != pairs:
        raise DisagreementError(f"{path}: the headers read back are others", frame, pairs, again, field=path, made=changed)
    if not subject.direction:
        _looked_up(subject, changed, pairs, block, names)
        _spliced(subject, frame, changed, path)


def _frames(subject: Subject, source: Any, before: Any, changed: bytes) -> bool:
    """Whether the edit of a head changed how the message is framed, or took away a field that it must have."""
    outcome, after = subject.oracle.parse(changed)
    if isinstance(outcome, Malformed) and isinstance(subject.verify(changed), Malformed):
        return True
    old, new = source(before), None if after is None else source(after)
    return new is None or (new["facts"], new["length"]) != (old["facts"], old["length"])


def _compare(subject: Subject, before: Frame, changed: bytes, path: str, frame: bytes) -> None:
    after = subject.scan(changed)
    if not isinstance(after, Frame) or (after.kind, after.id, after.variant, after.timeout) != (
        before.kind, before.id, before.variant, before.timeout,
    ):  # fmt: skip
        what = f"{path}: a header's edit changes the kind, the id, the variant or the timeout"
        raise DisagreementError(what, frame, before, after, field=path, made=changed)


def _looked_up(subject: Subject, changed: bytes, pairs: Pairs, block: Block, names: tuple[str, ...]) -> None:
    for name in names:
        values = [value for key, value in pairs if key == block.text(name)]
        wanted = (
            None
            if not values
            else values[-1]
            if isinstance(values[-1], bytes)
            else str(values[-1]).encode("utf-8", "surrogateescape")
        )
        found = subject.lookup((name,), changed)
        if found != (wanted,):
            what = f"{block.path}: the header {name!r} is looked up as another value"
            raise DisagreementError(what, changed, (wanted,), found, field=block.path)


def _spliced(subject: Subject, frame: bytes, changed: bytes, path: str) -> None:
    try:
        splicer = Splicer(subject.codec, path)
    except SpecError:  # a field that cannot be spliced
        return
    replacement = splicer.find(changed)
    if replacement is None:
        return
    try:
        made = splicer.splice(frame, replacement)
    except (MalformedError, OverflowError) as error:
        raise DisagreementError(f"{path}: cannot be spliced: {error}", frame, field=path, wanted=changed) from error
    if made != changed:
        what = f"{path}: the kernel's splice and construct build different frames"
        raise DisagreementError(what, frame, field=path, made=made, wanted=changed)


def _cases(bench: Bench) -> Iterator[Case]:
    source, count = source_of(bench), 0
    for direction, name, data in bench.good():
        subject = bench.subjects[direction]
        outcome, fields = subject.oracle.parse(data)
        block = Block(source, fields) if isinstance(outcome, Complete) else None
        if block is None or block.pairs is None or not isinstance(subject.scan(data), Frame):
            continue
        for what, edit, names in _edits(block):
            yield Case(f"{name}, {what}", data, partial(check_edit, subject, source, edit, names), direction)
        count += 1
        if count == MOST_FRAMES:
            return


def _edits(block: Block) -> Iterator[tuple[str, Edit, tuple[str, ...]]]:
    assert block.pairs is not None
    for value in VALUES:
        added = (block.text(ADDED), block.text(value))
        yield f"set to {len(value)} bytes", partial(_put, len(block.pairs), added), (ADDED,)
    for index, (key, old) in enumerate(block.pairs[:4]):
        if not isinstance(key, str | bytes) or not isinstance(old, str | bytes):
            continue
        shown = key if isinstance(key, str) else key.decode("latin-1")
        for value in VALUES[1:]:
            yield f"{shown} replaced", partial(_put, index, (key, block.text(value))), ()
        yield f"{shown} removed", partial(_put, index, None), ()


def _put(at: int, pair: tuple[Any, Any] | None, pairs: Pairs) -> Pairs:
    """The pairs with another one at this place, or with none there."""
    return [*pairs[:at], *([] if pair is None else [pair]), *pairs[at + 1 :]]


CHECK = Check(
    "edits", "a header set, replaced or removed changes that header and the lengths around it", _cases,
    lambda bench: "" if source_of(bench) is not None else "the protocol has no headers",
)  # fmt: skip
