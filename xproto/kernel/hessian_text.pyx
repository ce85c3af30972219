"""Hessian2 strings and ints: what routing reads.

A string is a span of the frame wherever that is possible. In several chunks, or with surrogates written as three bytes
each (as Java does), it is put together in the scratch space; one that does not fit there is reported with size -1, so
that a peer cannot hide a key from routing by writing it long.

SHORT means that the bytes end inside a value, BAD that they are none; on either the cursor's position means nothing.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from xproto.kernel.integers cimport xp_load
from xproto.kernel.run cimport BAD, DONE, SHORT, cursor_t, span_t

cdef uint64_t _HIGH_BITS = 0x8080808080808080u


cdef inline bint _well_formed(const uint8_t* p, int64_t more) noexcept nogil:
    # The character whose lead byte is at `p`: neither overlong nor with a continuation byte that is none.
    cdef int64_t i
    for i in range(1, more + 1):
        if p[i] & 0xC0 != 0x80:
            return False
    if p[0] == 0xE0:
        return p[1] >= 0xA0
    if p[0] == 0xF0:
        return p[1] >= 0x90
    return p[0] != 0xF4 or p[1] < 0x90


cdef int _units(cursor_t* c, int64_t units, bint* surrogates) noexcept nogil:
    # Past so many UTF-16 units of Hessian's UTF-8. Java's reader takes overlong characters too, and would see a key here
    # that a comparison of bytes does not: those are BAD.
    cdef uint8_t b
    cdef int64_t more
    while units > 0:
        while units >= 8 and c.stop - c.at >= 8 and not xp_load(c.data + c.at, 8, 1) & _HIGH_BITS:
            units -= 8
            c.at += 8
        if units == 0:
            break
        if c.at >= c.stop:
            return SHORT
        b = c.data[c.at]
        c.at += 1
        units -= 1
        if b < 0x80:
            continue
        if 0xC2 <= b < 0xE0:
            more = 1
        elif 0xE0 <= b < 0xF0:
            more = 2
            if b == 0xED and c.at < c.stop and c.data[c.at] >= 0xA0:
                surrogates[0] = True
        elif 0xF0 <= b < 0xF5 and units > 0:
            more = 3
            units -= 1
        else:
            return BAD
        if more > c.stop - c.at:
            return SHORT
        if not _well_formed(c.data + c.at - 1, more):
            return BAD
        c.at += more
    return DONE


cdef int _text_length(cursor_t* c, uint8_t lead, int64_t* units) noexcept nogil:
    if lead < 0x20:
        units[0] = lead
    elif 0x30 <= lead < 0x34:
        if c.at >= c.stop:
            return SHORT
        units[0] = (<int64_t>(lead - 0x30) << 8) | c.data[c.at]
        c.at += 1
    elif lead == 0x53 or lead == 0x52:
        if c.stop - c.at < 2:
            return SHORT
        units[0] = (<int64_t>c.data[c.at] << 8) | c.data[c.at + 1]
        c.at += 2
    else:
        return BAD
    return DONE


cdef inline bint _copy(cursor_t* c, int64_t start, int64_t size, uint8_t** end) noexcept nogil:
    if size > c.scratch_left:
        return False
    memcpy(end[0], c.data + start, <size_t>size)
    end[0] += size
    c.scratch_left -= size
    return True


cdef int64_t _join_surrogates(uint8_t* text, int64_t size) noexcept nogil:
    # Turns each pair of three-byte surrogates (as Java writes) into the four bytes of UTF-8, in place.
    cdef int64_t i = 0, o = 0
    cdef int32_t hi, lo, point
    while i < size:
        if (size - i >= 6 and text[i] == 0xED and 0xA0 <= text[i + 1] < 0xB0
                and text[i + 3] == 0xED and 0xB0 <= text[i + 4] < 0xC0):
            hi = ((text[i + 1] & 0x0F) << 6) | (text[i + 2] & 0x3F)
            lo = ((text[i + 4] & 0x0F) << 6) | (text[i + 5] & 0x3F)
            point = 0x10000 + (hi << 10 | lo)
            text[o] = 0xF0 | <uint8_t>(point >> 18)
            text[o + 1] = 0x80 | <uint8_t>(point >> 12 & 0x3F)
            text[o + 2] = 0x80 | <uint8_t>(point >> 6 & 0x3F)
            text[o + 3] = 0x80 | <uint8_t>(point & 0x3F)
            i += 6
            o += 4
        else:
            text[o] = text[i]
            i += 1
            o += 1
    return o


cdef int read_text(cursor_t* c, span_t* out) noexcept nogil:
    # One string or null. `out` (may be NULL) gets its text: a span of the frame where that is possible, else a copy in
    # the scratch space; data NULL for null, and with size -1 for a text that the scratch space cannot hold.
    cdef uint8_t lead
    cdef int64_t units = 0, start
    cdef int outcome
    cdef bint surrogates = False, whole = True, fits = True
    cdef uint8_t* begin = c.scratch
    cdef uint8_t* end = c.scratch
    cdef int64_t left = c.scratch_left
    if c.at >= c.stop:
        return SHORT
    lead = c.data[c.at]
    c.at += 1
    if out != NULL:
        out.data = NULL
        out.size = 0
    if lead == 0x4E:
        return DONE
    while True:
        outcome = _text_length(c, lead, &units)
        if outcome != DONE:
            return outcome
        start = c.at
        outcome = _units(c, units, &surrogates)
        if outcome != DONE:
            return outcome
        if out != NULL:
            if lead != 0x52 and whole and not surrogates:
                out.data = c.data + start
                out.size = c.at - start
                return DONE
            whole = False
            fits = fits and begin != NULL and _copy(c, start, c.at - start, &end)
        if lead != 0x52:
            break
        if c.at >= c.stop:
            return SHORT
        lead = c.data[c.at]
        c.at += 1
    if out != NULL and fits:
        out.size = _join_surrogates(begin, end - begin) if surrogates else end - begin
        out.data = begin
        c.scratch = end
    elif out != NULL:
        out.size = -1
        c.scratch_left = left
    return DONE


cdef int read_integer(cursor_t* c, int64_t* value) noexcept nogil:
    cdef const uint8_t* p
    cdef uint8_t lead
    cdef int64_t left = c.stop - c.at
    if left < 1:
        return SHORT
    p = c.data + c.at
    lead = p[0]
    if 0x80 <= lead < 0xC0:
        value[0] = <int64_t>lead - 0x90
        c.at += 1
    elif 0xC0 <= lead < 0xD0:
        if left < 2:
            return SHORT
        value[0] = (<int64_t>lead - 0xC8) * 256 + p[1]
        c.at += 2
    elif 0xD0 <= lead < 0xD8:
        if left < 3:
            return SHORT
        value[0] = (<int64_t>lead - 0xD4) * 65536 + (<int64_t>p[1] << 8 | p[2])
        c.at += 3
    elif lead == 0x49:
        if left < 5:
            return SHORT
        value[0] = <int32_t>((<int64_t>p[1] << 24) | (<int64_t>p[2] << 16) | (<int64_t>p[3] << 8) | p[4])
        c.at += 5
    else:
        return BAD
    return DONE
