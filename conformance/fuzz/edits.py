"""Edits of whatever frames come up: what the editor made is a frame, with the headers that a plain list of pairs would have."""

from __future__ import annotations

from contextlib import suppress
from random import Random

from conformance.outcome import DisagreementError
from conformance.subject import Subject
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.kernel.edit_face import OPS, edit, headers, rewrite
from xproto.kernel.editor import Editor
from xproto.spec import Kind

Pairs = list[tuple[bytes, bytes]]
REFUSED = (LookupError, OverflowError, ValueError, MalformedError)
"""What the editor says of what it cannot do; the frame is as it was then."""


def check_edits(subject: Subject, editor: Editor, frame: bytes, found: Frame, rng: Random) -> None:
    """A header edited, and of a call a role rewritten."""
    if editor.answers if subject.direction else editor.calls:
        with suppress(*REFUSED):
            _header(subject, editor, frame, rng)
    if found.kind in {Kind.REQUEST, Kind.ONEWAY} and not subject.direction and editor.roles:
        with suppress(*REFUSED):
            _role(subject, editor, frame, rng)


def _header(subject: Subject, editor: Editor, frame: bytes, rng: Random) -> None:
    before = headers(editor, frame, subject.direction)
    if before is None:
        return
    name = rng.choice([b"x-edited", *(key for key, _ in before[:8])])
    op, value = rng.choice(OPS), bytes(rng.choices(b"abc,:=%", k=rng.choice((0, 1, 31, 32, 127, 128, 300))))
    made = edit(editor, frame, [(op, name, value)], subject.direction)
    _is_frame(subject, frame, made)
    after = headers(editor, made, subject.direction)
    http = subject.codec.headed
    old = [pair for pair in before if _same(pair[0], name, http=http)]
    rest = [pair for pair in before if not _same(pair[0], name, http=http)]
    wanted = {
        "set": [value], "remove": [], "add": [text for _, text in old] or [value],
        "append": [*(text for _, text in old), value] if http else [b",".join([*(text for _, text in old[-1:]), value])],
    }[op]  # fmt: skip
    got = [text for key, text in after or () if _same(key, name, http=http)]
    if got != wanted or [pair for pair in after or () if not _same(pair[0], name, http=http)] != rest:
        what = f"{subject.name}: {op} {name!r} gives other headers"
        raise DisagreementError(what, frame, (before, wanted), after, made=made)


def _same(key: bytes, name: bytes, *, http: bool) -> bool:
    return key.lower() == name.lower() if http else key == name


def _role(subject: Subject, editor: Editor, frame: bytes, rng: Random) -> None:
    role = rng.choice(sorted(editor.roles))
    value = {"path": b"/edited/path", "host": b"edited.example"}.get(role, b"edited" * rng.choice((1, 6, 50)))
    if not isinstance(subject.lookup((role,), frame), tuple):
        return  # such a call cannot be routed, and is not edited
    made = rewrite(editor, frame, role, value)
    _is_frame(subject, frame, made)
    if subject.lookup((role,), made) != (value,):
        what = f"{subject.name}: a {role} that was rewritten is another one"
        raise DisagreementError(what, frame, value, subject.lookup((role,), made), made=made)


def _is_frame(subject: Subject, frame: bytes, made: bytes) -> None:
    before, after = subject.scan(frame), subject.scan(made)
    if not isinstance(before, Frame) or not isinstance(after, Frame) or after.size != len(made):
        raise DisagreementError(f"{subject.name}: an edit broke the frame", frame, before, after, made=made)
    if (after.kind, after.id, after.variant) != (before.kind, before.id, before.variant):
        raise DisagreementError(f"{subject.name}: an edit made another frame", frame, before, after, made=made)
