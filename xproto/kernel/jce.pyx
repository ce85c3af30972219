"""Fields of jce, Tars' serialization: a head of tag and type, then the value. Only inside a section.

What always holds: nothing is read behind `stop`; a value that nobody needs is passed over on a stack of its own, no
deeper than MAX_LEVELS, in a time that is linear in its bytes, since every value has at least its head.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from xproto.kernel.integers cimport xp_load, xp_signed
from xproto.kernel.run cimport BAD, DONE, MAX_LEVELS, cursor_t, key_t, span_t

cdef enum:
    I8, I16, I32, I64, FLOAT, DOUBLE, STRING1, STRING4, MAP, LIST, BEGIN, END, ZERO, BYTES
    NO_TAG = 256

cdef uint8_t[6] WIDTHS = [1, 2, 4, 8, 4, 8]


cdef inline int head(cursor_t* c, int* tag, int* type) noexcept nogil:
    cdef uint8_t first
    if c.at >= c.stop:
        return BAD
    first = c.data[c.at]
    type[0], tag[0] = first & 15, first >> 4
    c.at += 1
    if tag[0] == 15:
        if c.at >= c.stop:
            return BAD
        tag[0] = c.data[c.at]
        c.at += 1
        if tag[0] < 15:
            return BAD               # the long form of a short tag: nobody writes it, and ids are written anew in place
    return DONE


cdef inline int next_tag(const cursor_t* c) noexcept nogil:
    """Of the next field; NO_TAG at the section's end. Below all others where `head` refuses it."""
    cdef int tag = NO_TAG
    if c.at < c.stop and c.data[c.at] >> 4 < 15:
        tag = c.data[c.at] >> 4
    elif c.at + 1 < c.stop:
        tag = c.data[c.at + 1]
        if tag < 15:
            tag = -1
    return tag


cdef inline int expect(cursor_t* c, int tag, int* type) noexcept nogil:
    cdef int found = 0
    if head(c, &found, type) != DONE or found != tag:
        return BAD
    return DONE


cdef int integer_value(cursor_t* c, int type, int64_t* value) noexcept nogil:
    cdef int width
    if type == ZERO:
        value[0] = 0
        return DONE
    if type > I64:
        return BAD
    width = WIDTHS[type]
    if width > c.stop - c.at:
        return BAD
    value[0] = xp_signed(xp_load(c.data + c.at, width, False), width)
    c.at += width
    return DONE


cdef int text_value(cursor_t* c, int type, span_t* out) noexcept nogil:
    cdef int width = 1 if type == STRING1 else 4
    cdef int64_t size
    if type != STRING1 and type != STRING4 or width > c.stop - c.at:
        return BAD
    size = <int64_t>xp_load(c.data + c.at, width, False)
    c.at += width
    if size > c.stop - c.at:
        return BAD
    if out != NULL:
        out.data, out.size = c.data + c.at, size
    c.at += size
    return DONE


cdef int count_field(cursor_t* c, int64_t* count) noexcept nogil:
    """How many: an integer of tag 0, and no more than there are bytes."""
    cdef int type = 0
    if expect(c, 0, &type) != DONE or integer_value(c, type, count) != DONE:
        return BAD
    return DONE if 0 <= count[0] <= c.stop - c.at else BAD


cdef int bytes_value(cursor_t* c, span_t* out) noexcept nogil:
    """A list of bytes without their heads: the head of one, how many, and they."""
    cdef int type = 0
    cdef int64_t count = 0
    if expect(c, 0, &type) != DONE or type != I8 or count_field(c, &count) != DONE:
        return BAD
    if out != NULL:
        out.data, out.size = c.data + c.at, count
    c.at += count
    return DONE


cdef int skip_value(cursor_t* c, int first) noexcept nogil:
    cdef int64_t[MAX_LEVELS] left         # fields still to come of each value that we are in; -1: until its end
    cdef int depth = 0, type = first, tag = 0
    cdef int64_t count = 0
    while True:
        if type <= DOUBLE:
            if WIDTHS[type] > c.stop - c.at:
                return BAD
            c.at += WIDTHS[type]
        elif type == STRING1 or type == STRING4:
            if text_value(c, type, NULL) != DONE:
                return BAD
        elif type == BYTES:
            if bytes_value(c, NULL) != DONE:
                return BAD
        elif type == MAP or type == LIST or type == BEGIN:
            if depth == MAX_LEVELS or type != BEGIN and count_field(c, &count) != DONE:
                return BAD
            left[depth] = -1 if type == BEGIN else 2 * count if type == MAP else count
            depth += 1
        elif type == END:
            if depth == 0 or left[depth - 1] >= 0:
                return BAD
            depth -= 1
        elif type != ZERO:
            return BAD
        while depth and left[depth - 1] == 0:
            depth -= 1
        if depth == 0:
            return DONE
        if left[depth - 1] > 0:
            left[depth - 1] -= 1
        if head(c, &tag, &type) != DONE:
            return BAD


cdef int read_integer_field(cursor_t* c, int tag, int64_t* value) noexcept nogil:
    cdef int type = 0
    return integer_value(c, type, value) if expect(c, tag, &type) == DONE else BAD


cdef int read_text_field(cursor_t* c, int tag, span_t* out) noexcept nogil:
    cdef int type = 0
    return text_value(c, type, out) if expect(c, tag, &type) == DONE else BAD


cdef int read_bytes_field(cursor_t* c, int tag, span_t* out) noexcept nogil:
    """A list of integers with their heads is bytes as well, but not in one piece: it is passed over."""
    cdef int type = 0
    if expect(c, tag, &type) != DONE:
        return BAD
    if type == BYTES:
        return bytes_value(c, out)
    return skip_value(c, type) if type == LIST else BAD


cdef int begin_map_field(cursor_t* c, int tag, int64_t* count) noexcept nogil:
    """To its first pair; `count` -1: there is no such field, which the next one's higher tag says."""
    cdef int type = 0
    if next_tag(c) > tag:
        count[0] = -1
        return DONE
    return count_field(c, count) if expect(c, tag, &type) == DONE and type == MAP else BAD


cdef int pair_field(cursor_t* c, span_t* key, span_t* value) noexcept nogil:
    """`data` of either is NULL where it is no text."""
    cdef int type = 0
    key.data = value.data = NULL
    if expect(c, 0, &type) != DONE or one_of_pair(c, type, key) != DONE:
        return BAD
    return one_of_pair(c, type, value) if expect(c, 1, &type) == DONE else BAD


cdef int walk_map_field(cursor_t* c, int tag, const key_t* keys, int nkeys) noexcept nogil:
    """Texts by texts; others are passed over. Where the next field has a higher tag, there is none."""
    cdef int i
    cdef int64_t count = 0
    cdef span_t key, value
    if begin_map_field(c, tag, &count) != DONE:
        return BAD
    while count > 0:
        count -= 1
        if pair_field(c, &key, &value) != DONE:
            return BAD
        if key.data == NULL or value.data == NULL:
            continue
        for i in range(nkeys):
            if keys[i].size == key.size and memcmp(keys[i].name, key.data, <size_t>key.size) == 0:
                c.slots[keys[i].slot] = value
    return DONE


cdef int one_of_pair(cursor_t* c, int type, span_t* out) noexcept nogil:
    if type == STRING1 or type == STRING4:
        return text_value(c, type, out)
    return skip_value(c, type)


cdef int skip_fields(cursor_t* c) noexcept nogil:
    """All that the section still has."""
    cdef int tag = 0, type = 0
    while c.at < c.stop:
        if head(c, &tag, &type) != DONE or skip_value(c, type) != DONE:
            return BAD
    return DONE
