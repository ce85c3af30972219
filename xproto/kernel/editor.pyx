"""Edits of one protocol's frames: headers set, added, appended and removed, and what a call says of where it goes rewritten.

All of it follows from the declaration: `headers` is the block that is edited, in the form of its wire primitive; `service`,
`method` and `version` are rewritten where the protocol reads them. What a call says in two places at once (a header that
overrides a field) is written in both. Of a text that is a part of another (``service:method``) the rest stays.

What always holds: after `rewrite` a lookup of that role finds the new value; what was not edited is the bytes that it was;
lengths and checksums follow (`Region`); what cannot be written is refused, and the frame is what it was before.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

from xproto.kernel.codec cimport Codec
from xproto.kernel.edit_blocks cimport edit_block, find_value
from xproto.kernel.edit_http1 cimport PART_METHOD, PART_SERVICE, edit_head, has_field, is_call, rewrite_head
from xproto.kernel.edit_pairs cimport block_t
from xproto.kernel.edit_spots cimport Spot
from xproto.kernel.edits cimport (
    EDIT_ABSENT, EDIT_DONE, EDIT_MEMORY, EDIT_SAME, EDIT_SET, EDIT_UNREADABLE, EDIT_VALUE, MAX_VALUE, edit_t,
)
from xproto.kernel.frame cimport FROM_UPSTREAM, SCAN_OK, Direction, frame_t
from xproto.kernel.http1 cimport FINE, head_end, head_t, read_head
from xproto.kernel.region cimport Region, place_t
from xproto.kernel.room cimport empty, put_bytes, room_t
from xproto.kernel.run cimport OVERRIDDEN, span_t

from xproto.errors import SpecError
from xproto.plan import LITTLE, SIGNED, OpCode

ROLES = ("service", "method", "version", "path", "host")
BLOCKS = (OpCode.KEYVALUES, OpCode.HESSIAN_MAP, OpCode.THRIFT_INFO, OpCode.JCE_MAP)
"""Forms of header blocks that can be edited, beside heads of HTTP."""

if ROLE_COUNT != len(ROLES):
    raise ImportError("editor: a name for each role")


cdef class Editor:
    """For one protocol; not for two edits at a time."""

    def __cinit__(self, Codec codec not None):
        cdef int i
        self.codec, self.headed = codec, codec.headed
        texts = codec.lowered.texts
        if self.headed:
            self.calls = self.answers = True
        else:
            self.call_block = self.find_block(&self.kinds[0], texts.block)
            self.answer_block = self.find_block(&self.kinds[1], texts.answer_block)
            self.calls = self.call_block is not None
            self.answers = self.answer_block is not None
        self.ways = tuple([self.ways_of(texts, role) for role in ROLES])
        self.roles = frozenset([role for role, ways in zip(ROLES, self.ways, strict=True) if ways])
        self.scratch = <uint8_t*>malloc(EDIT_SCRATCH)
        self.head = <head_t*>malloc(sizeof(head_t)) if self.headed else NULL
        if self.scratch == NULL or self.headed and self.head == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.rooms[0].data)
        free(self.rooms[1].data)
        free(self.block.data)
        free(self.text.data)
        free(self.head)
        free(self.scratch)

    cdef Region find_block(self, block_t* kind, path):
        """None: there is none, or it is of a form or a place that cannot be edited."""
        cdef Region region
        if path is None:
            return None
        try:
            region = Region(self.codec.lowered, path)
        except SpecError:
            return None
        plan = region.plan
        if plan.opcode not in BLOCKS:
            return None
        kind.code, kind.width = int(plan.opcode), plan.width
        kind.little, kind.signed = bool(plan.flags & LITTLE), bool(plan.flags & SIGNED)
        kind.unit = max([length.scale for length in plan.lengths], default=1)
        return region

    cdef Region block_at(self, int which):
        return self.answer_block if which else self.call_block

    def ways_of(self, texts, str role):
        """The ways to say a role. None, if there is one that cannot be written: a call may say it in that one."""
        declared = texts.roles.get(role)
        if declared is None and role == "version" and role in texts.defaults:
            declared = texts.header(role)
        if declared is None and self.headed and role in ("path", "host"):
            declared = texts.header(role)
        if declared is None:
            return ()
        found = []
        for way in texts.ways(declared, role):
            try:
                spots = tuple([Spot(self.codec.lowered, source, self.headed) for source in way])
            except SpecError:
                return ()
            if not self.headed and self.call_block is None and any([source.key is not None for source in way]):
                return ()
            found.append(spots)
        return tuple(found)

    # -- a frame ------------------------------------------------------------------------------------------------

    cdef int begin(self, Direction direction, const uint8_t* data, int64_t size, int64_t crc_at, bint cut=False) noexcept:
        cdef int64_t seen = 0, wrong_at = 0
        self.direction, self.data, self.size, self.crc_at = direction, data, size, crc_at
        self.body_at = size
        self.free_room = 0
        empty(&self.rooms[0])
        empty(&self.rooms[1])
        empty(&self.block)
        if not self.headed:
            return EDIT_DONE
        if cut:
            self.body_at = head_end(data, size, &seen)
        if self.body_at <= 0 or read_head(data, self.body_at, direction == FROM_UPSTREAM, self.head, &wrong_at) != FINE:
            return EDIT_UNREADABLE
        return EDIT_DONE

    cdef int finish(self, const frame_t* before, frame_t* after) noexcept:
        """A name can be one that makes a handshake, or a heartbeat, of a call."""
        if self.codec.scan(self.direction, self.data, self.size, after) != SCAN_OK or after.size != self.size:
            return EDIT_VALUE
        if after.kind != before.kind or after.id != before.id or after.variant != before.variant:
            return EDIT_VALUE
        return EDIT_DONE

    cdef room_t* target(self) noexcept:
        """Where the next form of the frame is written: not where it stands now."""
        cdef room_t* room = &self.rooms[self.free_room]
        room.size = 0
        return room

    cdef void taken(self, room_t* room) noexcept:
        self.data, self.size = room.data, room.size
        self.free_room = 1 - self.free_room

    cdef int take_head(self, int outcome, room_t* room) noexcept:
        cdef int64_t body_at = room.size
        if outcome != EDIT_DONE:
            return outcome
        if not put_bytes(room, self.data + self.body_at, self.size - self.body_at):
            return EDIT_MEMORY
        self.body_at = body_at
        self.taken(room)
        return EDIT_DONE

    cdef int put(self, Region region, const place_t* place, const room_t* bytes_) noexcept:
        cdef room_t* room = self.target()
        cdef int64_t before = self.size
        cdef int outcome = region.put(self.data, self.size, place, bytes_.data, bytes_.size, self.crc_at,
                                      self.codec.crc_little, room, NULL, NULL)
        if outcome != EDIT_DONE:
            return outcome
        self.taken(room)
        if self.crc_at >= 0:
            self.crc_at += self.size - before
        return EDIT_DONE

    # -- headers ------------------------------------------------------------------------------------------------

    cdef int edit(self, const edit_t* edits, int count) noexcept:
        cdef room_t* room
        if not self.headed:
            return self.edit_in_block(edits, count)
        room = self.target()
        return self.take_head(edit_head(self.data, self.head, self.direction == FROM_UPSTREAM, edits, count, room), room)

    cdef int locate_block(self, place_t* place) noexcept:
        """Which of the two blocks this frame has; -1: none."""
        self.classes.count = 0
        cdef Region block = self.answer_block
        if self.direction == FROM_UPSTREAM and block is not None and block.find(
                self.direction, self.data, self.size, place, &self.classes):
            return 1
        block = self.call_block
        if block is not None and (self.answers or self.direction != FROM_UPSTREAM) and block.find(
                self.direction, self.data, self.size, place, &self.classes):
            return 0
        return -1

    cdef int edit_in_block(self, const edit_t* edits, int count) noexcept:
        cdef place_t place
        cdef int which = self.locate_block(&place), outcome
        if which < 0:
            return EDIT_ABSENT
        empty(&self.block)
        outcome = edit_block(&self.kinds[which], self.data, place.start, place.end, &self.classes, edits, count,
                             self.scratch, EDIT_SCRATCH, &self.block)
        return outcome if outcome != EDIT_DONE else self.put(self.block_at(which), &place, &self.block)

    # -- roles --------------------------------------------------------------------------------------------------

    cdef int rewrite(self, int role, const uint8_t* value, int64_t size) noexcept:
        """At the first of its ways that the frame says it in, or where it says it in none, at the first that there can be."""
        cdef tuple way
        cdef Spot spot
        cdef span_t text
        cdef int outcome
        if not 0 < size <= MAX_VALUE:
            return EDIT_VALUE
        for way in <tuple>self.ways[role]:
            for spot in way:
                outcome = self.read_spot(spot, &text)
                if outcome == EDIT_UNREADABLE:
                    return outcome
                if outcome == EDIT_DONE and spot.counts(&text) or text.size == OVERRIDDEN:
                    return self.write_way(way, value, size)
        for way in <tuple>self.ways[role]:
            outcome = self.write_way(way, value, size)
            if outcome != EDIT_ABSENT:
                return outcome
        return EDIT_ABSENT

    cdef int write_way(self, tuple way, const uint8_t* value, int64_t size) noexcept:
        """In all of its places: fields that there are, headers that there are, and a header alone in any case."""
        cdef Spot spot
        cdef span_t text
        cdef bint written = False
        cdef int outcome
        for spot in way:
            outcome = self.read_spot(spot, &text)
            if outcome == EDIT_ABSENT and text.size != OVERRIDDEN and (
                    spot.key is None or spot.part >= 0 or len(way) > 1):
                continue
            if outcome == EDIT_UNREADABLE:
                return outcome
            outcome = self.write_spot(spot, &text, value, size)
            if outcome not in (EDIT_DONE, EDIT_SAME):
                return outcome
            written = True
        return EDIT_DONE if written else EDIT_ABSENT

    cdef int read_spot(self, Spot spot, span_t* text) noexcept:
        cdef place_t place
        text.data, text.size = NULL, 0
        if spot.region is None:
            return self.read_key(spot, text)
        if not spot.region.find(self.direction, self.data, self.size, &place, NULL):
            return EDIT_ABSENT
        return spot.read(self.data, place.start, place.end, self.scratch, EDIT_SCRATCH, text)

    cdef int read_key(self, Spot spot, span_t* text) noexcept:
        cdef place_t place
        cdef span_t name
        cdef int which
        name.data, name.size = <const uint8_t*>spot.key, len(spot.key)
        text.data = <const uint8_t*>b""
        if spot.part == PART_SERVICE or spot.part == PART_METHOD:
            return EDIT_DONE if is_call(self.data, self.head) else EDIT_ABSENT
        if self.headed:
            return EDIT_DONE if spot.part >= 0 or has_field(self.data, self.head, &name) else EDIT_ABSENT
        which = self.locate_block(&place)
        if which < 0:
            return EDIT_ABSENT
        if not find_value(&self.kinds[which], self.data, place.start, place.end, &self.classes, &name, self.scratch,
                          EDIT_SCRATCH, text):
            return EDIT_UNREADABLE
        return EDIT_DONE if text.data != NULL else EDIT_ABSENT

    cdef int write_spot(self, Spot spot, const span_t* text, const uint8_t* value, int64_t size) noexcept:
        cdef place_t place
        cdef room_t* room
        cdef edit_t edit
        cdef int outcome
        if spot.part >= 0:
            room = self.target()
            return self.take_head(rewrite_head(self.data, self.head, spot.part, value, size, room), room)
        outcome = spot.compose(text, value, size, &self.text)
        if outcome != EDIT_DONE:
            return outcome
        if spot.region is None:
            edit.op, edit.name, edit.name_size = EDIT_SET, <const uint8_t*>spot.key, len(spot.key)
            edit.value, edit.value_size = self.text.data, self.text.size
            return self.edit(&edit, 1)
        if not spot.region.find(self.direction, self.data, self.size, &place, NULL):
            return EDIT_ABSENT
        empty(&self.block)
        outcome = spot.encode(&self.text, self.data, place.start, place.end, &self.block)
        return outcome if outcome != EDIT_DONE else self.put(spot.region, &place, &self.block)
