"""Places where frames say a role: how a text is read there, what becomes of it with another value, and how that is written.

What always holds: a value is written so that the lookup of its role finds it there, or it is refused.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcmp

from xproto.kernel.edit_http1 cimport PART_HOST, PART_METHOD, PART_PATH, PART_SERVICE
from xproto.kernel.edit_write cimport put_jce_text
from xproto.kernel.edits cimport EDIT_ABSENT, EDIT_DONE, EDIT_MEMORY, EDIT_UNREADABLE, EDIT_VALUE
from xproto.kernel.hessian_text cimport is_text, read_text
from xproto.kernel.hessian_write cimport put_hessian_text
from xproto.kernel.jce cimport read_text_field
from xproto.kernel.region cimport Region
from xproto.kernel.room cimport empty, put_byte, put_bytes, room_t
from xproto.kernel.run cimport DONE, cursor_t, span_t

from xproto.errors import SpecError
from xproto.plan import OpCode

PARTS = {"path:service": PART_SERVICE, "path:method": PART_METHOD, "path": PART_PATH, "host": PART_HOST}
"""Keys of heads of HTTP that are no fields."""

cdef enum:
    PLAIN = 0
    HESSIAN_TEXT = 21
    HESSIAN_ARGS = 22
    JCE_TEXT = 29
    UNTIL = 37

FIELDS = (OpCode.HESSIAN_TEXT, OpCode.HESSIAN_ARGS, OpCode.JCE_TEXT, OpCode.UNTIL)
if (HESSIAN_TEXT, HESSIAN_ARGS, JCE_TEXT, UNTIL) != FIELDS:
    raise ImportError("the kernel and xproto.plan differ: build again")


cdef class Spot:
    """Raises `SpecError` where the source is a field that cannot get another size."""

    def __init__(self, lowered, source, bint headed):
        self.part = -1
        self.unless = source.unless
        if source.separator:
            self.parted, self.behind, self.separator = True, source.behind, source.separator[0]
        if source.key is not None:
            self.key = source.key.encode()
            self.part = PARTS.get(source.key, -1) if headed else -1
            return
        self.region = Region(lowered, source.path)
        plan = self.region.plan
        if plan.opcode is not None and plan.opcode not in FIELDS:
            raise SpecError(source.path, f"a text in the form of {plan.opcode.name} cannot be rewritten", "use another field")
        self.code = 0 if plan.opcode is None else int(plan.opcode)
        self.tag, self.delimiter, self.most = plan.width, plan.data, plan.most

    cdef int read(self, const uint8_t* data, int64_t start, int64_t end, uint8_t* scratch, int64_t room, span_t* text) noexcept:
        cdef cursor_t c
        if self.code == PLAIN or self.code == UNTIL:
            text.data, text.size = data + start, end - start
            if self.code == UNTIL:
                text.size -= len(self.delimiter)
            return EDIT_DONE
        c.data, c.at, c.stop, c.slots = data, start, end, NULL
        c.scratch, c.scratch_left, c.classes, c.chunked = scratch, room, 0, 0
        if self.code == JCE_TEXT:
            return EDIT_DONE if read_text_field(&c, self.tag, text) == DONE else EDIT_UNREADABLE
        if self.code == HESSIAN_ARGS and (start == end or not is_text(data[start])):
            return EDIT_ABSENT
        if read_text(&c, text) != DONE or text.size < 0:
            return EDIT_UNREADABLE
        return EDIT_DONE if text.data != NULL else EDIT_ABSENT

    cdef bint counts(self, const span_t* text) noexcept:
        """Does it say the role, as lookups have it?"""
        cdef bytes value
        if self.parted and not self.behind and (
                text.size == 0 or memchr(text.data, self.separator, <size_t>text.size) == NULL):
            return False
        for value in self.unless:
            if len(value) == text.size and memcmp(<const uint8_t*>value, text.data, <size_t>text.size) == 0:
                return False
        return True

    cdef int compose(self, const span_t* text, const uint8_t* value, int64_t size, room_t* into) noexcept:
        """The whole new text. A value that would be read as another part than it is meant for is refused."""
        cdef const uint8_t* at = NULL
        cdef bytes each
        cdef bint fine = True
        empty(into)
        for each in self.unless:
            if len(each) == size and memcmp(<const uint8_t*>each, value, <size_t>size) == 0:
                return EDIT_VALUE
        if self.parted:
            if text.size:
                at = <const uint8_t*>memchr(text.data, self.separator, <size_t>text.size)
            if memchr(value, self.separator, <size_t>size) != NULL and (not self.behind or at == NULL):
                return EDIT_VALUE
            if self.behind and at != NULL:
                fine = put_bytes(into, text.data, at + 1 - text.data)
        fine = fine and put_bytes(into, value, size)
        if self.parted and not self.behind:
            if at == NULL:
                fine = fine and put_byte(into, self.separator) and put_bytes(into, text.data, text.size)
            else:
                fine = fine and put_bytes(into, at, text.size - (at - text.data))
        return EDIT_DONE if fine else EDIT_MEMORY

    cdef int encode(self, const room_t* composed, const uint8_t* data, int64_t start, int64_t end, room_t* into) noexcept:
        cdef span_t text
        cdef cursor_t c
        cdef int outcome
        text.data, text.size = composed.data, composed.size
        if self.code == PLAIN:
            return EDIT_DONE if put_bytes(into, text.data, text.size) else EDIT_MEMORY
        if self.code == JCE_TEXT:
            return put_jce_text(into, self.tag, &text, 1)
        if self.code == UNTIL:
            if text.size > self.most or self.delimiter in text.data[:text.size]:
                return EDIT_VALUE
            return EDIT_DONE if put_bytes(into, text.data, text.size) and put_bytes(
                into, <const uint8_t*>self.delimiter, len(self.delimiter)) else EDIT_MEMORY
        outcome = put_hessian_text(into, &text, 1)
        if outcome != EDIT_DONE or self.code != HESSIAN_ARGS:
            return outcome
        c.data, c.at, c.stop, c.slots = data, start, end, NULL
        c.scratch, c.scratch_left, c.classes, c.chunked = NULL, 0, 0, 0
        if read_text(&c, NULL) != DONE:          # the first argument, which the new text is instead of
            return EDIT_UNREADABLE
        return EDIT_DONE if put_bytes(into, data + c.at, end - c.at) else EDIT_MEMORY
