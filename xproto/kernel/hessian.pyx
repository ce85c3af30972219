"""Hessian2, skipped without making a value, following a reference or recursing.

Nesting is a list of counters, one for each map or open list that is not finished; values of known count only add to the
innermost counter. A count is compared with the bytes that remain, since each value takes at least one. `wire.hessian`
has the same walk in Python as the reference.

SHORT means that the bytes end inside a value, BAD that they are none; on either the cursor's position means nothing.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcmp

from xproto.kernel.hessian_text cimport is_text, read_integer, read_text
from xproto.kernel.run cimport BAD, DONE, MAX_CLASSES, MAX_DEPTH, OVERRIDDEN, SHORT, cursor_t, key_t, span_t


cdef inline int _take(cursor_t* c, int64_t size) noexcept nogil:
    if size > c.stop - c.at:
        return SHORT
    c.at += size
    return DONE


cdef int _binary(cursor_t* c, uint8_t lead) noexcept nogil:
    cdef int64_t size
    while True:
        if 0x20 <= lead < 0x30:
            size = lead - 0x20
        elif 0x34 <= lead < 0x38:
            if c.at >= c.stop:
                return SHORT
            size = (<int64_t>(lead - 0x34) << 8) | c.data[c.at]
            c.at += 1
        elif lead == 0x41 or lead == 0x42:
            if c.stop - c.at < 2:
                return SHORT
            size = (<int64_t>c.data[c.at] << 8) | c.data[c.at + 1]
            c.at += 2
        else:
            return BAD
        if size > c.stop - c.at:
            return SHORT
        c.at += size
        if lead != 0x41:
            return DONE
        if c.at >= c.stop:
            return SHORT
        lead = c.data[c.at]
        c.at += 1


cdef int _count(cursor_t* c, int64_t* value) noexcept nogil:
    cdef int outcome = read_integer(c, value)
    if outcome != DONE:
        return outcome
    if value[0] < 0:
        return BAD
    return SHORT if value[0] > c.stop - c.at else DONE


cdef int pass_type_name(cursor_t* c) noexcept nogil:
    cdef int64_t ignored = 0
    if c.at >= c.stop:
        return SHORT
    if is_text(c.data[c.at]):
        return read_text(c, NULL)
    return read_integer(c, &ignored)


cdef int _definition(cursor_t* c) noexcept nogil:
    cdef int64_t fields = 0, i
    cdef int outcome = read_text(c, NULL)
    if outcome == DONE:
        outcome = _count(c, &fields)
    if outcome != DONE:
        return outcome
    for i in range(fields):
        if c.at < c.stop and c.data[c.at] == 0x4E:
            return BAD
        outcome = read_text(c, NULL)
        if outcome != DONE:
            return outcome
    if c.classes >= MAX_CLASSES:
        return BAD
    c.fields[c.classes] = <int32_t>fields
    c.classes += 1
    return DONE


cdef inline int _fields(cursor_t* c, int64_t reference, int64_t* more) noexcept nogil:
    if reference < 0 or reference >= c.classes:
        return BAD
    more[0] = c.fields[reference]
    return DONE


cdef int _fixed(uint8_t lead) noexcept nogil:
    # Bytes after the lead byte of a value of fixed size, -1 where it has none.
    if lead >= 0x80:
        if lead < 0xC0 or 0xD8 <= lead < 0xF0:
            return 0
        return 2 if 0xD0 <= lead < 0xD8 else 1
    if lead == 0x4E or lead == 0x54 or lead == 0x46 or lead == 0x5B or lead == 0x5C:
        return 0
    if lead == 0x5D:
        return 1
    if lead == 0x5E or 0x38 <= lead < 0x40:
        return 2
    if lead == 0x49 or lead == 0x59 or lead == 0x4B or lead == 0x5F:
        return 4
    if lead == 0x4C or lead == 0x44 or lead == 0x4A:
        return 8
    return -1


cdef int _one(cursor_t* c, bint* opened, int64_t* more) noexcept nogil:
    # Past one value's own bytes: whether it is open until Z, and how many values follow that belong to it.
    cdef uint8_t lead
    cdef int64_t number = 0
    cdef int outcome, width
    opened[0] = False
    more[0] = 0
    if c.at >= c.stop:
        return SHORT
    lead = c.data[c.at]
    width = _fixed(lead)
    if width >= 0:
        return _take(c, 1 + width)
    if is_text(lead):
        return read_text(c, NULL)
    c.at += 1
    if 0x20 <= lead < 0x38 or lead == 0x41 or lead == 0x42:
        return _binary(c, lead)
    if lead == 0x48 or lead == 0x57:
        opened[0] = True
        return DONE
    if lead == 0x4D or lead == 0x55:
        opened[0] = True
        return pass_type_name(c)
    if lead == 0x56:
        outcome = pass_type_name(c)
        return outcome if outcome != DONE else _count(c, more)
    if lead == 0x58:
        return _count(c, more)
    if 0x70 <= lead < 0x78:
        more[0] = lead - 0x70
        return pass_type_name(c)
    if 0x78 <= lead < 0x80:
        more[0] = lead - 0x78
        return DONE
    if lead == 0x43:
        more[0] = 1
        return _definition(c)
    if lead == 0x4F:
        outcome = read_integer(c, &number)
        return outcome if outcome != DONE else _fields(c, number, more)
    if 0x60 <= lead < 0x70:
        return _fields(c, lead - 0x60, more)
    if lead == 0x51:
        return read_integer(c, &number)
    return BAD


cdef int skip_values(cursor_t* c, int64_t count) noexcept nogil:
    # `pending` values are still to come at this level; `outer` holds what is pending around each open map or list.
    cdef int64_t outer[MAX_DEPTH]
    cdef int64_t pending = count, more = 0
    cdef int depth = 0, outcome
    cdef bint opened = False
    while pending > 0 or depth > 0:
        if pending == 0:
            if c.at >= c.stop:
                return SHORT
            if c.data[c.at] == 0x5A:
                c.at += 1
                depth -= 1
                pending = outer[depth]
                continue
            pending = 1
        pending -= 1
        outcome = _one(c, &opened, &more)
        if outcome != DONE:
            return outcome
        if opened:
            if depth >= MAX_DEPTH:
                return BAD
            outer[depth] = pending
            depth += 1
            pending = 0
        pending += more
        if pending > c.stop - c.at:
            return SHORT
    return DONE


cdef int64_t _class_name(const span_t* descriptor, int64_t i) noexcept nogil:
    # Behind the ; of a class name that begins at `i`, -1 when it is none. Providers search a descriptor for what looks
    # like types, so in `L1II;` they find two ints: only names that their pattern takes as a whole are names here.
    cdef uint8_t b
    cdef bint first = True
    while i < descriptor.size:
        b = descriptor.data[i]
        i += 1
        if b == 0x5F or b == 0x24 or 0x41 <= (b & 0xDF) <= 0x5A:
            first = False
        elif first:
            return -1
        elif b == 0x3B:
            return i
        elif b == 0x2F:
            first = True
        elif not 0x30 <= b <= 0x39:
            return -1
    return -1


cdef int64_t _types(const span_t* descriptor) noexcept nogil:
    # How many types a JVM descriptor names, -1 when it is none.
    cdef int64_t i = 0, count = 0
    cdef uint8_t b
    while i < descriptor.size:
        b = descriptor.data[i]
        i += 1
        if b == 0x5B:
            if i >= descriptor.size:
                return -1
            continue
        if b == 0x4C:
            i = _class_name(descriptor, i)
            if i < 0:
                return -1
        elif not (b == 0x56 or b == 0x5A or b == 0x42 or b == 0x43 or b == 0x44
                  or b == 0x46 or b == 0x49 or b == 0x4A or b == 0x53):
            return -1
        count += 1
    return count


cdef int walk_arguments(cursor_t* c, const span_t* descriptor, span_t* first) noexcept nogil:
    cdef int64_t count = _types(descriptor)
    cdef int outcome
    if count < 0:
        return BAD
    if count > c.stop - c.at:
        return SHORT
    if first != NULL and count > 0 and c.at < c.stop and is_text(c.data[c.at]):
        outcome = read_text(c, first)
        if outcome != DONE:
            return outcome
        count -= 1
    return skip_values(c, count)


cdef int walk_map(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil:
    # A map or null. Of a repeated key the last pair counts; one that is no string still hides what it overrides.
    cdef span_t key, value
    cdef int outcome, i
    cdef uint8_t lead
    cdef bint text
    cdef uint8_t* scratch
    cdef int64_t scratch_left
    if c.at >= c.stop:
        return SHORT
    lead = c.data[c.at]
    c.at += 1
    if lead == 0x4E:
        return DONE
    if lead == 0x4D:
        outcome = pass_type_name(c)
        if outcome != DONE:
            return outcome
    elif lead != 0x48:
        return BAD
    while True:
        if c.at >= c.stop:
            return SHORT
        if c.data[c.at] == 0x5A:
            c.at += 1
            return DONE
        text = is_text(c.data[c.at])
        key.data = NULL
        key.size = 0
        value.data = NULL
        value.size = OVERRIDDEN
        scratch = c.scratch
        scratch_left = c.scratch_left
        outcome = read_text(c, &key) if text and nkeys > 0 else skip_values(c, 1)
        if outcome != DONE:
            return outcome
        if c.at >= c.stop:
            return SHORT
        i = 0
        if key.data == NULL and key.size == -1:
            return BAD                   # it does not fit in the scratch space: nobody knows which key it is
        if key.data != NULL:
            while i < nkeys and (keys[i].size != key.size or memcmp(keys[i].name, key.data, <size_t>key.size) != 0):
                i += 1
        else:
            i = nkeys
        c.scratch = scratch
        c.scratch_left = scratch_left
        if i < nkeys and is_text(c.data[c.at]):
            outcome = read_text(c, &value)
        else:
            outcome = skip_values(c, 1)
        if outcome != DONE:
            return outcome
        if i < nkeys:
            if value.size == -1:
                return BAD
            c.slots[keys[i].slot] = value
