"""Bytes that last until a delimiter.

What always holds: never more than the text's limit and the delimiter are looked at, so bytes that come one by one cost at
most that much each.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcmp

from xproto.kernel.run cimport BAD, DONE, SHORT, cursor_t, span_t


cdef int walk_until(cursor_t* c, const uint8_t* end, int64_t end_size, int64_t most, span_t* out) noexcept nogil:
    cdef int64_t there = max(c.stop - c.at, 0)    # a skip at the root may have gone past what is there
    cdef const uint8_t* start = c.data + (c.stop - there)
    cdef int64_t places = min(there - end_size, most) + 1    # where the delimiter may begin
    cdef int64_t at = 0
    cdef const uint8_t* found
    while at < places:
        found = <const uint8_t*>memchr(start + at, end[0], <size_t>(places - at))
        if found == NULL:
            break
        at = found - start
        if memcmp(found, end, <size_t>end_size) == 0:
            if out != NULL:
                out.data, out.size = start, at
            c.at += at + end_size
            return DONE
        at += 1
    if there >= most + end_size:
        return BAD
    c.at = max(c.stop + 1, c.at + end_size)
    return SHORT
