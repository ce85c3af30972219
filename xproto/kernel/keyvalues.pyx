"""Length-prefixed pairs and chunks.

Every length is compared with the bytes that remain before it is added. Of a repeated key the last pair counts, so the
walk never stops early.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from xproto.kernel.integers cimport xp_load, xp_signed
from xproto.kernel.run cimport BAD, DONE, SHORT, cursor_t, key_t


cdef int read_sized(cursor_t* c, int width, bint little, bint signed_, int64_t* size) noexcept nogil:
    # Leaves the cursor behind the text; size -1 is null.
    cdef int64_t n
    if c.stop - c.at < width:
        return SHORT
    if signed_:
        n = xp_signed(xp_load(c.data + c.at, width, little), width)
    else:
        n = <int64_t>xp_load(c.data + c.at, width, little)
        if n < 0:
            return BAD
    c.at += width
    size[0] = n
    if n < 0:
        return DONE if n == -1 else BAD
    if n > c.stop - c.at:
        return SHORT
    c.at += n
    return DONE


cdef int walk_keyvalues(cursor_t* c, int width, bint little, bint signed_,
                        const key_t* keys, int nkeys) noexcept nogil:
    cdef int64_t key_size = 0, value_size = 0, key_at
    cdef int i, outcome
    while c.at < c.stop:
        outcome = read_sized(c, width, little, signed_, &key_size)
        if outcome != DONE:
            return outcome
        key_at = c.at - key_size
        outcome = read_sized(c, width, little, signed_, &value_size)
        if outcome != DONE:
            return outcome
        if key_size < 0 or value_size < 0:
            continue
        for i in range(nkeys):
            if keys[i].size == key_size and memcmp(keys[i].name, c.data + key_at, <size_t>key_size) == 0:
                c.slots[keys[i].slot].data = c.data + c.at - value_size
                c.slots[keys[i].slot].size = value_size
    return DONE


cdef int walk_chunks(cursor_t* c, int width, bint little, int64_t limit, int64_t* whole) noexcept nogil:
    # Past all chunks, the empty one included. SHORT leaves the cursor where the missing bytes must reach.
    # `whole`: offset of the last chunk that was looked at; all before it are whole.
    cdef int64_t n
    while True:
        whole[0] = c.at
        if c.stop - c.at < width:
            c.at += width
            return SHORT
        n = <int64_t>xp_load(c.data + c.at, width, little)
        c.at += width
        if n == 0:
            return DONE
        if n > limit - c.at:
            return BAD
        c.at += n
        if c.at > c.stop:
            c.at += width
            return SHORT
