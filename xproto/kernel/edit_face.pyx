"""Edits for Python: what tests, tools and filters call where the datapath calls `Editor` itself. Nothing here decides anything."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from xproto.kernel.codec cimport Codec
from xproto.kernel.edit_pairs cimport begin_pairs, next_pair, pair_t, pairs_t
from xproto.kernel.editor cimport EDIT_SCRATCH, Editor
from xproto.kernel.edits cimport (
    EDIT_ABSENT, EDIT_DONE, EDIT_MEMORY, EDIT_OVER, EDIT_SAME, EDIT_UNREADABLE, EDIT_VALUE, MAX_EDITS, edit_t,
)
from xproto.kernel.frame cimport SCAN_OK, Direction, frame_t
from xproto.kernel.region cimport place_t

from xproto.errors import MalformedError
from xproto.kernel.editor import ROLES

OPS = ("set", "add", "append", "remove")


cdef int begin(Editor editor, bytes frame, int direction, frame_t* scanned) except -1:
    cdef const uint8_t* data = <const uint8_t*>frame
    cdef int outcome
    memset(scanned, 0, sizeof(frame_t))
    scanned.crc_at = -1
    if not editor.codec.headed and (
            editor.codec.scan(<Direction>direction, data, len(frame), scanned) != SCAN_OK or scanned.size != len(frame)):
        raise MalformedError(editor.codec.name, "frame", 0, "not one whole frame")
    outcome = editor.begin(<Direction>direction, data, len(frame), scanned.crc_at, True)
    if outcome != EDIT_DONE:
        told(editor, outcome)
    return 0


cdef object told(Editor editor, int outcome):
    name = editor.codec.name
    if outcome == EDIT_DONE or outcome == EDIT_SAME:
        return (<const char*>editor.data)[:editor.size]
    if outcome == EDIT_ABSENT:
        raise LookupError(f"{name}: this frame has no place for it")
    if outcome == EDIT_OVER:
        raise OverflowError(f"{name}: the frame would be over a limit")
    if outcome == EDIT_VALUE:
        raise ValueError(f"{name}: a name or a value that cannot be written there")
    if outcome == EDIT_MEMORY:
        raise MemoryError
    raise MalformedError(name, "headers", 0, "they cannot be read, or not be taken away")


cdef object finished(Editor editor, int outcome, const frame_t* before):
    cdef frame_t after
    if outcome == EDIT_DONE and not editor.codec.headed:
        outcome = editor.finish(before, &after)
    return told(editor, outcome)


def edit(Editor editor not None, bytes frame not None, edits, int direction=0):
    """The whole frame (or message of HTTP, or its head) after edits of its headers, each (op, name, value).

    op: set, add, append, remove. Raises `LookupError` where the frame has no headers, `OverflowError` where a limit is in the
    way, `ValueError` for what cannot be written, `MalformedError` for what cannot be read.
    """
    cdef edit_t[MAX_EDITS] made
    cdef bytes name, value
    cdef frame_t before
    cdef int count = 0
    kept = [(OPS.index(op), bytes(name), bytes(value)) for op, name, value in edits]
    if len(kept) > MAX_EDITS:
        raise ValueError(f"{len(kept)} edits at a time; at most {MAX_EDITS}")
    for op, name, value in kept:
        made[count].op = op
        made[count].name, made[count].name_size = <const uint8_t*>name, len(name)
        made[count].value, made[count].value_size = <const uint8_t*>value, len(value)
        count += 1
    begin(editor, frame, direction, &before)
    return finished(editor, editor.edit(made, count), &before)


def rewrite(Editor editor not None, bytes frame not None, str role not None, bytes value not None, int direction=0):
    """The whole frame with another service, method, version, path or host; raises as `edit` does."""
    cdef frame_t before
    begin(editor, frame, direction, &before)
    return finished(editor, editor.rewrite(ROLES.index(role), <const uint8_t*>value, len(value)), &before)


def headers(Editor editor not None, bytes frame not None, int direction=0):
    """The pairs of texts in the frame's headers, in their order, as bytes; None where it has none."""
    cdef place_t place
    cdef pairs_t walk
    cdef pair_t pair
    cdef int which, more, i
    cdef const uint8_t* data
    cdef frame_t scanned
    begin(editor, frame, direction, &scanned)
    data = editor.data
    found = []
    if editor.headed:
        for i in range(editor.head.count):
            pair.key.data, pair.key.size = data + editor.head.fields[i].name_at, editor.head.fields[i].name_size
            pair.value.data, pair.value.size = data + editor.head.fields[i].value_at, editor.head.fields[i].value_size
            found.append((pair.key.data[:pair.key.size], pair.value.data[:pair.value.size]))
        return found
    which = editor.locate_block(&place)
    if which < 0:
        return None
    more = begin_pairs(&editor.kinds[which], &walk, data, place.start, place.end, &editor.classes, editor.scratch, EDIT_SCRATCH)
    more = next_pair(&editor.kinds[which], &walk, &pair) if more == 1 else more
    while more == 1:
        if pair.key.data != NULL and pair.value.data != NULL:
            found.append((pair.key.data[:pair.key.size], pair.value.data[:pair.value.size]))
        more = next_pair(&editor.kinds[which], &walk, &pair)
    if more < 0:
        told(editor, EDIT_UNREADABLE)
    return found


def measure(Editor editor not None, bytes frame not None, int rounds, edits=(), str role=None, bytes value=b"", int direction=0):
    """Edits the frame `rounds` times, for benchmarks; returns the sum of sizes."""
    cdef edit_t[MAX_EDITS] made
    cdef bytes name, text
    cdef int count = 0, i, which = -1 if role is None else ROLES.index(role)
    cdef int64_t total = 0
    cdef frame_t scanned
    kept = [(OPS.index(op), bytes(name), bytes(text)) for op, name, text in edits][:MAX_EDITS]
    for op, name, text in kept:
        made[count].op = op
        made[count].name, made[count].name_size = <const uint8_t*>name, len(name)
        made[count].value, made[count].value_size = <const uint8_t*>text, len(text)
        count += 1
    begin(editor, frame, direction, &scanned)
    for i in range(rounds):
        editor.begin(<Direction>direction, <const uint8_t*>frame, len(frame), scanned.crc_at, True)
        if count:
            editor.edit(made, count)
        if which >= 0:
            editor.rewrite(which, <const uint8_t*>value, len(value))
        total += editor.size
    return total
