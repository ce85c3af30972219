"""What the kernel's editor makes of frames, held against construct: the headers asked for, and nothing else changed.

The reference is the frame that construct builds from the same fields with other pairs, byte for byte, where it builds the
frame itself as it was; elsewhere the pairs that it reads. A role that is rewritten must be found again by the lookups that
routes use.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from conformance.bench import Bench
from conformance.checks.edits import ADDED, VALUES, Block, Pairs, source_of
from conformance.outcome import Complete, DisagreementError
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.kernel.edit_face import edit, rewrite
from xproto.kernel.editor import Editor
from xproto.spec import Kind

if TYPE_CHECKING:
    from xproto.kernel.edit_face import Op

    Edit = tuple[Op, str, str]

MOST_FRAMES = 24
"""Of each direction."""
EXISTING = 2
"""Headers of a frame that are edited: the first ones."""
ROLE_VALUES = {
    "service": b"com.conformance.Other", "method": b"conform", "version": b"9.9.9", "path": b"/conformance/other",
    "host": b"conformance.example:8080",
}  # fmt: skip


def sources_of(bench: Bench, direction: int) -> list[Any]:
    """The expressions of the blocks that a frame of this direction may have, the first that it has counts."""
    answers = bench.protocol.answer_headers if direction else None
    if answers is False:
        return []
    return [source for source in (answers, source_of(bench)) if source is not None]


def block_of(sources: list[Any], fields: Any) -> Block | None:
    """The frame's block, with its pairs; None where it has none that is there."""
    for source in sources:
        try:
            block = Block(source, fields)
        except (AttributeError, KeyError, TypeError):
            continue
        if block.pairs is not None:
            return block
    return None


def edited(block: Block, change: Edit) -> Pairs:
    """The pairs after one edit: those of the edited name go behind the others."""
    op, name, value = change
    assert block.pairs is not None
    mine = [pair for pair in block.pairs if _same(block, pair[0], name)]
    others = [pair for pair in block.pairs if not _same(block, pair[0], name)]
    written = (block.text(name), block.text(value))
    if op == "remove":
        return others
    if op == "set" or not mine:
        return _behind(block, others, written)
    if op == "add":
        return block.pairs
    if block.is_head:
        return _behind(block, block.pairs, written)
    return [*others, (written[0], f"{mine[-1][1]},{value}")]


def _behind(block: Block, pairs: Pairs, written: tuple[Any, Any]) -> Pairs:
    """In a head a timeout of gRPC's that is the last field stays it."""
    last = len(pairs) - bool(block.is_head and pairs and pairs[-1][0].lower() == b"grpc-timeout")
    return [*pairs[:last], written, *pairs[last:]]


def _same(block: Block, key: Any, name: str) -> bool:
    return bool(key.lower() == name.encode().lower() if block.is_head else key == name)


def check_headers(subject: Subject, editor: Editor, sources: list[Any], change: Edit, frame: bytes) -> None:
    """One edit of one frame by the kernel, then by construct."""
    outcome, fields = subject.oracle.parse(frame)
    if outcome != Complete(len(frame)) or not isinstance(subject.scan(frame), Frame):
        return
    block = block_of(sources, fields)
    if block is None:
        return
    op, name, value = change
    try:
        made = edit(editor, frame, [(op, name.encode("utf-8", "surrogateescape"), value.encode())], subject.direction)
    except (OverflowError, ValueError):  # over a limit; a name that is not to be edited
        return
    pairs = edited(block, change)
    judged, after = subject.oracle.parse(made)
    if judged != Complete(len(made)) or subject.verify(made) != judged:
        what = f"{block.path}: what the editor made is no frame: construct: {judged}, plan: {subject.verify(made)}"
        raise DisagreementError(what, frame, field=block.path, made=made)
    again = block_of(sources, after)
    if (again.pairs if again else []) != pairs:
        what = f"{block.path}: {op} {name}: the headers are others than were asked for"
        raise DisagreementError(what, frame, pairs, again and again.pairs, field=block.path, made=made)
    layout, upstream = subject.protocol.frame, subject.direction
    if layout.build(fields, from_upstream=upstream) == frame:
        wanted = bytes(layout.build(block.replaced(fields, pairs), from_upstream=upstream))
        if made not in {wanted, frame}:
            what = f"{block.path}: the editor and construct build different frames"
            raise DisagreementError(what, frame, field=block.path, made=made, wanted=wanted)
        _undone(subject, editor, block, change, frame, made)


def _undone(subject: Subject, editor: Editor, block: Block, change: Edit, frame: bytes, made: bytes) -> None:
    """A header that was not there, set and removed: the frame is what it was."""
    assert block.pairs is not None
    if change[0] != "set" or not block.pairs or any(_same(block, key, change[1]) for key, _ in block.pairs):
        return
    back = edit(editor, made, [("remove", change[1].encode(), b"")], subject.direction)
    if back != frame:
        what = f"{block.path}: a header set and removed leaves another frame"
        raise DisagreementError(what, frame, field=block.path, made=back, wanted=frame)


def check_role(subject: Subject, editor: Editor, role: str, frame: bytes) -> None:
    """A role rewritten, and looked up."""
    before = subject.scan(frame)
    if subject.oracle.outcome(frame) != Complete(len(frame)) or not isinstance(before, Frame):
        return
    try:
        made = rewrite(editor, frame, role, ROLE_VALUES[role])
    except (LookupError, OverflowError, ValueError):  # not said there; over a limit; another part of the same text
        return
    except MalformedError as error:
        if subject.lookup((role,), frame) == (None,) or not isinstance(subject.lookup((role,), frame), tuple):
            return
        raise DisagreementError(f"{role}: it can be looked up, and not be rewritten: {error}", frame, field=role) from error
    after = subject.scan(made)
    judged = subject.oracle.outcome(made)
    if judged != Complete(len(made)) or subject.verify(made) != judged or not isinstance(after, Frame):
        raise DisagreementError(f"{role}: what the editor made is no frame: {judged}", frame, field=role, made=made)
    if (after.kind, after.id, after.variant, after.timeout) != (before.kind, before.id, before.variant, before.timeout):
        raise DisagreementError(f"{role}: its rewrite changes what frame it is", frame, before, after, field=role, made=made)
    wanted = ROLE_VALUES[role].partition(b":")[0] if role == "host" else ROLE_VALUES[role]
    found = subject.lookup((role,), made)
    if found != (wanted,):
        what = f"{role}: it is looked up as another value than was written"
        raise DisagreementError(what, frame, (wanted,), found, field=role, made=made)
    if role in {"service", "method"}:
        other = ("method",) if role == "service" else ("service",)
        if subject.lookup(other, made) != subject.lookup(other, frame):
            what = f"{role}: its rewrite changes the {other[0]}"
            raise DisagreementError(what, frame, subject.lookup(other, frame), subject.lookup(other, made), made=made)


def _cases(bench: Bench) -> Iterator[Case]:
    editor = Editor(bench.registered.codec)
    count = [0, 0]
    for direction, name, data in bench.good():
        subject = bench.subjects[direction]
        outcome, fields = subject.oracle.parse(data)
        found = subject.scan(data)
        if count[direction] == MOST_FRAMES or not isinstance(outcome, Complete) or not isinstance(found, Frame):
            continue
        count[direction] += 1
        if found.kind in (Kind.REQUEST, Kind.ONEWAY):
            for role in sorted(editor.roles):
                yield Case(f"{name}, {role} rewritten", data, partial(check_role, subject, editor, role))
        if not (editor.answers if direction else editor.calls):
            continue
        sources = sources_of(bench, direction)
        block = block_of(sources, fields)
        for change in _changes(block) if block else ():
            test = partial(check_headers, subject, editor, sources, change)
            yield Case(f"{name}, {change[0]} {change[1]} ({len(change[2])})", data, test, direction)


def _changes(block: Block) -> Iterator[Edit]:
    yield from (("set", ADDED, value) for value in VALUES)
    yield from ((op, ADDED, "v") for op in ("add", "append", "remove"))
    for key, old in (block.pairs or [])[:EXISTING]:
        if isinstance(key, str | bytes) and isinstance(old, str | bytes) and key:
            name = key if isinstance(key, str) else key.decode("latin-1")
            yield from ((op, name, "v") for op in ("set", "add", "append", "remove"))


def _lacks(bench: Bench) -> str:
    editor = Editor(bench.registered.codec)
    return "" if editor.calls or editor.roles else "nothing of it can be edited"


CHECK = Check("editing", "headers and roles edited by the kernel are those asked for, and nothing else changes", _cases, _lacks)
