"""Thrift values, passed over: what an unframed message ends with, and THeader's headers.

A struct is walked without recursion, on a stack of its own. What always holds: a run is linear in the bytes that are
there, since every value has at least one, and what a container claims to hold is compared with what may still come; it
goes no deeper than MAX_LEVELS. A walk at the frame's root that runs out of bytes is kept in `progress`, and goes on
there when more have come: nothing is walked twice.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memcmp

from xproto.kernel.integers cimport xp_load
from xproto.kernel.run cimport BAD, DONE, MAX_LEVELS, SHORT, cursor_t, key_t, level_t, progress_t, walk_t

cdef enum:
    BOOL = 2
    I8 = 3
    DOUBLE = 4
    I16 = 6
    I32 = 8
    I64 = 10
    STRING = 11
    STRUCT = 12
    MAP = 13
    SET = 14
    LIST = 15
    UUID = 16
    TRUE = 17             # of the compact protocol: a field whose value is in its type

# The compact protocol's types as the binary protocol's.
cdef uint8_t[14] COMPACT = [0, TRUE, TRUE, I8, I16, I32, I64, DOUBLE, STRING, LIST, SET, MAP, STRUCT, UUID]


cdef inline int pass_over(cursor_t* c, int64_t size, int64_t limit) noexcept nogil:
    if size > limit - c.at:
        return BAD
    c.at += size
    return SHORT if c.at > c.stop else DONE


cdef int read_varint(cursor_t* c, int most, uint64_t* value) noexcept nogil:
    cdef int i
    cdef uint8_t b
    value[0] = 0
    for i in range(most):
        if c.at >= c.stop:
            c.at += 1
            return SHORT
        b = c.data[c.at]
        c.at += 1
        value[0] |= <uint64_t>(b & 0x7F) << 7 * i
        if b < 0x80:
            return DONE
    return BAD


cdef int fixed_size(int type, bint compact) noexcept nogil:
    """Of a value whose bytes are always as many; 0 for others."""
    if type == BOOL or type == I8:
        return 1
    if type == DOUBLE:
        return 8
    if type == UUID:
        return 16
    if compact:
        return 0
    return 2 if type == I16 else 4 if type == I32 else 8 if type == I64 else 0


cdef int least_size(int type, bint compact) noexcept nogil:
    """The fewest bytes that a value of this type takes: never none; 0 where there is no such type."""
    cdef int size = fixed_size(type, compact)
    if size:
        return size
    if type == STRUCT:
        return 1
    if compact:
        return 1 if type in (I16, I32, I64, STRING, MAP, SET, LIST) else 0
    return 4 if type == STRING else 6 if type == MAP else 5 if type == SET or type == LIST else 0


cdef inline int element(int type, bint compact) noexcept nogil:
    """What an element of a container is: a bool there takes a byte."""
    if not compact:
        return type
    if type >= 14:
        return 0
    return BOOL if COMPACT[type] == TRUE else COMPACT[type]


cdef int enter(walk_t* w, int key, int value, int64_t left) noexcept nogil:
    """A container of `left` values, keys and values in turn, or (-1) a struct, which ends with a stop."""
    if w.depth == MAX_LEVELS:
        return BAD
    w.levels[w.depth].key, w.levels[w.depth].value, w.levels[w.depth].left = <uint8_t>key, <uint8_t>value, left
    w.depth += 1
    return DONE


cdef int begin_container(cursor_t* c, walk_t* w, int type, bint compact, int64_t limit) noexcept nogil:
    """Its head: the types of what is in it, and how many."""
    cdef uint64_t count = 0
    cdef int key = 0, value, outcome, least
    cdef uint8_t head
    if compact and type == MAP:
        outcome = read_varint(c, 5, &count)
        if outcome != DONE or count == 0:
            return outcome
        if c.at >= c.stop:
            c.at += 1
            return SHORT
        head = c.data[c.at]
        c.at += 1
        key, value = element(head >> 4, True), element(head & 15, True)
    elif compact:
        if c.at >= c.stop:
            c.at += 1
            return SHORT
        head = c.data[c.at]
        c.at += 1
        value = element(head & 15, True)
        count = head >> 4
        if count == 15:
            outcome = read_varint(c, 5, &count)
            if outcome != DONE:
                return outcome
    else:
        least = 6 if type == MAP else 5
        if c.stop - c.at < least:
            c.at += least
            return SHORT
        value = c.data[c.at + least - 5]
        if type == MAP:
            key = c.data[c.at]
        count = xp_load(c.data + c.at + least - 4, 4, False)
        c.at += least
        if count >> 31:
            return BAD
    if count == 0:
        return DONE             # of no elements the types may be anything
    least = least_size(value, compact)
    if least == 0 or type == MAP and least_size(key, compact) == 0:
        return BAD
    if type == MAP:
        least += least_size(key, compact)
    if <int64_t>count > (limit - c.at) // least:
        return BAD
    if type != MAP and fixed_size(value, compact):
        return pass_over(c, <int64_t>count * fixed_size(value, compact), limit)
    return enter(w, key, value, 2 * <int64_t>count) if type == MAP else enter(w, value, value, <int64_t>count)


cdef int pass_value(cursor_t* c, walk_t* w, int type, bint compact, int64_t limit) noexcept nogil:
    """Past a value, or into it."""
    cdef int size = fixed_size(type, compact)
    cdef uint64_t number = 0
    cdef int outcome
    if size:
        return pass_over(c, size, limit)
    if type == STRUCT:
        return enter(w, 0, 0, -1)
    if type == MAP or type == SET or type == LIST:
        return begin_container(c, w, type, compact, limit)
    if type == STRING:
        if compact:
            outcome = read_varint(c, 5, &number)
            if outcome != DONE:
                return outcome
        else:
            if c.stop - c.at < 4:
                c.at += 4
                return SHORT
            number = xp_load(c.data + c.at, 4, False)
            c.at += 4
        return BAD if number >> 31 else pass_over(c, <int64_t>number, limit)
    if compact and (type == I16 or type == I32 or type == I64):
        return read_varint(c, 10 if type == I64 else 5, &number)
    return BAD


cdef int field_head(cursor_t* c, bint compact, int* type) noexcept nogil:
    """0 for the end of the struct."""
    cdef uint8_t head
    cdef uint64_t number
    if c.at >= c.stop:
        c.at += 1
        return SHORT
    head = c.data[c.at]
    type[0] = head
    if head == 0:
        c.at += 1
        return DONE
    if not compact:
        if head > UUID:           # beyond are types of ours
            return BAD
        c.at += 3
        return SHORT if c.at > c.stop else DONE
    type[0] = COMPACT[head & 15] if head & 15 < 14 else 0
    c.at += 1
    if type[0] == 0:
        return BAD
    return DONE if head >> 4 else read_varint(c, 3, &number)


cdef int walk_some(cursor_t* c, walk_t* w, bint compact, int64_t limit) noexcept nogil:
    """To the struct's end. Where it stops before, `w` is as it was after the last value that is whole."""
    cdef level_t* level
    cdef int type = 0, outcome = DONE
    while w.depth:
        w.at = c.at
        level = &w.levels[w.depth - 1]
        if level.left < 0:
            outcome = field_head(c, compact, &type)
            if outcome == DONE and type == 0:
                w.depth -= 1
                continue
            if outcome == DONE and type == TRUE:
                continue
        elif level.left == 0:
            w.depth -= 1
            continue
        else:
            outcome, type = DONE, level.value if level.left & 1 else level.key
        if outcome == DONE:
            outcome = pass_value(c, w, type, compact, limit)
        if outcome != DONE:
            return outcome
        if level.left > 0:
            level.left -= 1
    return DONE


cdef int walk_struct(cursor_t* c, bint compact, int64_t limit, progress_t* progress) noexcept nogil:
    cdef walk_t w
    cdef int outcome
    w.depth = 0
    if progress != NULL and progress.walk != NULL and c.at < progress.walk.at <= c.stop:
        w = progress.walk[0]
        c.at = w.at
    else:
        enter(&w, 0, 0, -1)
    outcome = walk_some(c, &w, compact, limit)
    if outcome == SHORT and progress != NULL:
        if progress.walk == NULL:
            progress.walk = <walk_t*>malloc(sizeof(walk_t))
        if progress.walk != NULL:          # without memory the next look begins anew
            progress.walk[0] = w
    return outcome


cdef int walk_info(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil:
    cdef uint64_t number = 0, count, size = 0
    cdef int outcome, i
    cdef int64_t key_at, key_size
    while c.at < c.stop:
        outcome = read_varint(c, 5, &number)
        if outcome != DONE:
            return outcome
        if number == 0:
            c.at = c.stop            # padding
            return DONE
        if number > 2:
            return BAD
        outcome = read_varint(c, 5, &count)
        if outcome != DONE:
            return outcome
        if count > <uint64_t>(c.stop - c.at):
            return BAD
        while count:
            count -= 1
            outcome = read_varint(c, 5, &size)
            if outcome != DONE or <int64_t>size > c.stop - c.at:
                return outcome or SHORT
            key_at, key_size = c.at, <int64_t>size
            c.at += key_size
            outcome = read_varint(c, 5, &size)
            if outcome != DONE or <int64_t>size > c.stop - c.at:
                return outcome or SHORT
            c.at += <int64_t>size
            for i in range(nkeys):
                if keys[i].size == key_size and memcmp(keys[i].name, c.data + key_at, <size_t>key_size) == 0:
                    c.slots[keys[i].slot].data = c.data + c.at - size
                    c.slots[keys[i].slot].size = <int64_t>size
    return DONE
