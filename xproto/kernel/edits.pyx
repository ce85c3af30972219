"""Edits of headers, put together: what several of them, one after the other, make of each name.

What always holds: the outcome is what it would be if each edit were done by itself, in their order; a block is walked once to
see what it has and once to be written, however many edits there are.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from xproto.kernel.http1_text cimport same


cdef inline bint is_name(const edit_t* edit, bint fold, const uint8_t* name, int64_t size) noexcept nogil:
    if edit.name_size != size:
        return False
    return same(edit.name, name, size) if fold else memcmp(edit.name, name, <size_t>size) == 0


cdef bint group_edits(const edit_t* edits, int count, bint fold, settled_t* out) noexcept nogil:
    cdef int i, j
    if count > MAX_EDITS:
        return False
    for i in range(count):
        if not 0 < edits[i].name_size <= MAX_NAME or not 0 <= edits[i].value_size <= MAX_VALUE:
            return False
        out[i].first = i
        for j in range(i):
            if is_name(&edits[j], fold, edits[i].name, edits[i].name_size):
                out[i].first = j
                break
        out[i].written = False
        out[i].keeps = True
        out[i].there = 0
        out[i].old.data, out[i].old.size = NULL, 0
    return True


cdef int edit_of(const edit_t* edits, int count, bint fold, const settled_t* settled, const uint8_t* name, int64_t size) noexcept nogil:
    cdef int i
    for i in range(count):
        if settled[i].first == i and is_name(&edits[i], fold, name, size):
            return i
    return -1


cdef bint has_written(const settled_t* settled, int count, int first) noexcept nogil:
    cdef int i
    for i in range(first, count):
        if settled[i].written and settled[i].first == first:
            return True
    return False


cdef bint settle_edits(const edit_t* edits, int count, settled_t* settled) noexcept nogil:
    cdef settled_t* all_of
    cdef int i, j
    cdef bint changes = False
    for i in range(count):
        all_of = &settled[settled[i].first]
        if edits[i].op == EDIT_SET or edits[i].op == EDIT_REMOVE:
            all_of.keeps = False
            for j in range(i):
                if settled[j].first == settled[i].first:
                    settled[j].written = False
        if edits[i].op == EDIT_ADD:
            settled[i].written = not (all_of.keeps and all_of.there) and not has_written(settled, i, settled[i].first)
        else:
            settled[i].written = edits[i].op != EDIT_REMOVE
    for i in range(count):
        changes = changes or settled[i].written or settled[i].first == i and settled[i].there and not settled[i].keeps
    return changes
