"""Walks through header blocks, pair by pair, in each of the forms that can be edited.

What always holds: the pairs of a block that a lookup can read are the same here, by the same readers; a pair whose texts are
not in one piece has them in the scratch space until the next one.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from xproto.kernel.hessian cimport pass_type_name, skip_values
from xproto.kernel.hessian_text cimport is_text, read_text
from xproto.kernel.jce cimport begin_map_field, pair_field
from xproto.kernel.keyvalues cimport read_sized
from xproto.kernel.run cimport DONE, classes_t, cursor_t, span_t
from xproto.kernel.thrift cimport read_varint

from xproto.plan import OpCode

if (KEYVALUES, HESSIAN_MAP, THRIFT_INFO, JCE_MAP, HTTP_HEAD) != (
        OpCode.KEYVALUES, OpCode.HESSIAN_MAP, OpCode.THRIFT_INFO, OpCode.JCE_MAP, OpCode.HTTP_HEAD):
    raise ImportError("the kernel and xproto.plan differ: build again")


cdef int begin_pairs(const block_t* kind, pairs_t* walk, const uint8_t* data, int64_t start, int64_t stop,
                     const classes_t* classes, uint8_t* scratch, int64_t scratch_size) noexcept nogil:
    cdef cursor_t* c = &walk.c
    cdef uint8_t lead
    c.data, c.at, c.stop, c.slots = data, start, stop, NULL
    c.scratch, c.scratch_left = scratch, scratch_size
    c.chunked = c.classes = 0
    walk.kept, walk.kept_left = scratch, scratch_size
    walk.left = walk.number = 0
    if kind.code == JCE_MAP:
        if begin_map_field(c, kind.width, &walk.left) != DONE:
            return -1
        return 0 if walk.left < 0 else 1
    if kind.code != HESSIAN_MAP:
        return 1
    if classes != NULL:
        c.classes = classes.count
        memcpy(c.fields, classes.fields, <size_t>classes.count * sizeof(classes.fields[0]))
    if start >= stop:
        return -1
    lead = data[start]
    c.at += 1
    if lead == 0x4E:
        return 0
    if lead == 0x48:
        return 1
    return 1 if lead == 0x4D and pass_type_name(c) == DONE else -1


cdef int next_pair(const block_t* kind, pairs_t* walk, pair_t* out) noexcept nogil:
    walk.c.scratch, walk.c.scratch_left = walk.kept, walk.kept_left
    out.key.data = out.value.data = NULL
    out.key.size = out.value.size = 0
    out.plain = True
    if kind.code == KEYVALUES:
        return next_sized(kind, &walk.c, out)
    if kind.code == HESSIAN_MAP:
        return next_hessian(&walk.c, out)
    if kind.code == THRIFT_INFO:
        return next_info(walk, out)
    if walk.left <= 0:
        return 0
    walk.left -= 1
    out.at = walk.c.at
    if pair_field(&walk.c, &out.key, &out.value) != DONE:
        return -1
    out.end = walk.c.at
    return 1


cdef void keep_pair(pairs_t* walk) noexcept nogil:
    walk.kept, walk.kept_left = walk.c.scratch, walk.c.scratch_left


cdef int next_sized(const block_t* kind, cursor_t* c, pair_t* out) noexcept nogil:
    cdef int64_t key_size = 0, value_size = 0, key_at
    if c.at >= c.stop:
        return 0
    out.at = c.at
    if read_sized(c, kind.width, kind.little, kind.signed, &key_size) != DONE:
        return -1
    key_at = c.at - key_size
    if read_sized(c, kind.width, kind.little, kind.signed, &value_size) != DONE:
        return -1
    out.end = c.at
    if key_size >= 0 and value_size >= 0:      # one with a null is no pair
        out.key.data, out.key.size = c.data + key_at, key_size
        out.value.data, out.value.size = c.data + c.at - value_size, value_size
    return 1


cdef int next_hessian(cursor_t* c, pair_t* out) noexcept nogil:
    """A value that is no text may be what a later one refers to by its place: then it is not `plain`."""
    if c.at >= c.stop:
        return -1
    if c.data[c.at] == 0x5A:
        return 0
    out.at = c.at
    if is_text(c.data[c.at]):
        if read_text(c, &out.key) != DONE or out.key.data == NULL:
            return -1
    elif skip_values(c, 1) != DONE:
        return -1
    if c.at >= c.stop:
        return -1
    if is_text(c.data[c.at]):
        if read_text(c, &out.value) != DONE:
            return -1
    else:
        out.plain = c.data[c.at] == 0x4E
        if skip_values(c, 1) != DONE:
            return -1
    out.end = c.at
    return 1


cdef int next_info(pairs_t* walk, pair_t* out) noexcept nogil:
    cdef cursor_t* c = &walk.c
    cdef uint64_t number = 0
    cdef span_t* text = &out.key
    cdef int i
    while walk.left == 0:
        if c.at >= c.stop:
            return 0
        if read_varint(c, 5, &number) != DONE or number > 2:
            return -1
        if number == 0:                        # padding
            return 0
        walk.number = <int64_t>number
        if read_varint(c, 5, &number) != DONE or number > <uint64_t>(c.stop - c.at):
            return -1
        walk.left = <int64_t>number
    walk.left -= 1
    out.at = c.at
    for i in range(2):
        if read_varint(c, 5, &number) != DONE or <int64_t>number > c.stop - c.at:
            return -1
        text.data, text.size = c.data + c.at, <int64_t>number
        c.at += <int64_t>number
        text = &out.value
    out.end = c.at
    return 1
