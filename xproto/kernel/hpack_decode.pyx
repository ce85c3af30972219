"""Reads the header blocks of HTTP/2.

Source: RFC 7541 sections 3.2, 4.2, 5 and 6. As nghttp2 does, an integer has five bytes behind its prefix at most, and
after we announced a smaller table the next block must begin with an update that is no larger than the smallest of what we
announced.

What always holds: no byte is read behind the block; a length is compared with the bytes that are there before anything is
done for it; a field without room is read all the same, so that the table stays in step; besides the table there is, while
one block is read, the memory of one more entry at most.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from xproto.kernel.hpack_block cimport HPACK_BAD, HPACK_OK, HPACK_TOO_MUCH, header_t, headers_t
from xproto.kernel.hpack_huffman cimport huffman_take
from xproto.kernel.hpack_static cimport STATIC_FIELDS, STATICS, STATICS_TEXT
from xproto.kernel.hpack_table cimport (
    DEFAULT_LIMIT, ENTRY_MORE, MAX_LIMIT, SLACK, entry_of, entry_t, evict, insert, make_room, set_limit, text_of,
)

cdef enum:
    CONTINUED = 5             # bytes behind an integer's prefix

cdef struct field_t:          # as it was read
    const uint8_t* text       # its name; the value follows
    int64_t name_size
    int64_t value_size

cdef struct output_t:
    headers_t* into
    int64_t most              # of `size`
    bint full                 # nothing more is given out
    uint8_t* scratch          # for an entry that is not given out


# -- integers and strings -----------------------------------------------------------------------------------------------

cdef const uint8_t* take_longer(const uint8_t* at, const uint8_t* stop, uint32_t* value) noexcept nogil:
    cdef uint64_t sum = value[0]
    cdef int i
    for i in range(CONTINUED):
        if at == stop:
            return NULL
        sum += <uint64_t>(at[0] & 0x7F) << 7 * i
        if at[0] < 0x80:
            value[0] = <uint32_t>sum
            if sum >> 32:
                return NULL
            return at + 1
        at += 1
    return NULL


cdef inline const uint8_t* take_integer(const uint8_t* at, const uint8_t* stop, uint8_t mask, uint32_t* value) noexcept nogil:
    """Where it ends; NULL: it is cut short or too large. The first byte is there."""
    value[0] = at[0] & mask
    if value[0] == mask:
        return take_longer(at + 1, stop, value)
    return at + 1


cdef const uint8_t* take_string(const uint8_t* at, const uint8_t* stop, uint8_t* into, int64_t room,
                                int64_t* size) noexcept nogil:
    """Where it ends. It is written as far as there is room; its size is whole."""
    cdef uint32_t length = 0
    cdef bint coded
    if at == stop:
        return NULL
    coded = at[0] >= 0x80
    at = take_integer(at, stop, 0x7F, &length)
    if at == NULL or length > stop - at:
        return NULL
    if coded:
        size[0] = huffman_take(at, length, into, room)
        if size[0] < 0:
            return NULL
        return at + length
    size[0] = length
    if length and length <= room:
        memcpy(into, at, length)
    return at + length


# -- fields -------------------------------------------------------------------------------------------------------------

cdef inline bint find_field(const decoding_t* d, uint32_t index, field_t* field) noexcept nogil:
    cdef const entry_t* entry
    if index <= STATIC_FIELDS:
        field.text = STATICS_TEXT + STATICS[index].at
        field.name_size, field.value_size = STATICS[index].name_size, STATICS[index].value_size
        return index != 0
    if index - STATIC_FIELDS > d.table.count:
        return False
    entry = entry_of(&d.table, index - STATIC_FIELDS)
    field.text = text_of(&d.table, entry)
    field.name_size, field.value_size = entry.name_size, entry.value_size
    return True


cdef inline bint claim(output_t* out, const field_t* field, uint8_t never) noexcept nogil:
    """Counts it, and gives out the next bytes of text as its own. False: no more is given out."""
    cdef headers_t* into = out.into
    cdef header_t* header
    cdef int64_t size = field.name_size + field.value_size
    into.size += size + ENTRY_MORE
    if out.full or into.size > out.most or into.count == into.most or size > into.room - into.used:
        out.full = True
        return False
    header = &into.fields[into.count]
    header.name_at, header.name_size = <uint32_t>into.used, <uint32_t>field.name_size
    header.value_at, header.value_size = <uint32_t>(into.used + field.name_size), <uint32_t>field.value_size
    header.never = never
    into.used += size
    into.count += 1
    return True


cdef inline void give(output_t* out, const field_t* field) noexcept nogil:
    """One from a table, where bytes may be read behind it: short ones are copied without a look at their size."""
    cdef headers_t* into = out.into
    cdef uint8_t* at = into.text + into.used
    cdef int64_t left = into.room - into.used
    if not claim(out, field, 0):
        return
    if left >= SLACK and field.name_size + field.value_size <= SLACK:
        memcpy(at, field.text, SLACK)
    else:
        memcpy(at, field.text, <size_t>(field.name_size + field.value_size))


cdef const uint8_t* take_literal(const decoding_t* d, const uint8_t* at, const uint8_t* stop, uint8_t mask, uint8_t* into,
                                 int64_t room, field_t* field) noexcept nogil:
    cdef uint32_t index = 0
    at = take_integer(at, stop, mask, &index)
    if at == NULL:
        return NULL
    if index == 0:
        at = take_string(at, stop, into, room, &field.name_size)
    elif not find_field(d, index, field):
        return NULL
    elif field.name_size <= room:
        memcpy(into, field.text, <size_t>field.name_size)
    if at == NULL:
        return NULL
    field.text = into
    room -= min(room, field.name_size)
    return take_string(at, stop, into + field.name_size if room else into, room, &field.value_size)


cdef const uint8_t* read_literal(decoding_t* d, const uint8_t* at, const uint8_t* stop, uint8_t mask, bint enters,
                                 uint8_t never, output_t* out) noexcept nogil:
    """It is read to where it is given out; if there is no room, and it enters the table, to the scratch space."""
    cdef field_t field
    cdef int64_t size, room = 0 if out.full else out.into.room - out.into.used
    cdef const uint8_t* end = take_literal(d, at, stop, mask, out.into.text + out.into.used, room, &field)
    if end == NULL:
        return NULL
    size = field.name_size + field.value_size
    if enters and size + ENTRY_MORE > d.table.limit:
        evict(&d.table, 0)
    elif enters:
        if size > room:
            if out.scratch == NULL:
                out.scratch = <uint8_t*>malloc(d.table.limit)
            if out.scratch == NULL:
                return NULL
            take_literal(d, at, stop, mask, out.scratch, d.table.limit, &field)
        if not make_room(&d.table, <uint32_t>(size + ENTRY_MORE)):
            return NULL
        insert(&d.table, field.text, <uint32_t>field.name_size, field.text + field.name_size, <uint32_t>field.value_size)
    claim(out, &field, never)
    return end


# -- blocks -------------------------------------------------------------------------------------------------------------

cdef const uint8_t* read_field(decoding_t* d, const uint8_t* at, const uint8_t* stop, output_t* out) noexcept nogil:
    cdef uint32_t index = 0
    cdef field_t field
    if at[0] >= 0x80:
        at = take_integer(at, stop, 0x7F, &index)
        if at == NULL or not find_field(d, index, &field):
            return NULL
        give(out, &field)
        return at
    if at[0] >= 0x40:
        return read_literal(d, at, stop, 0x3F, True, 0, out)
    if at[0] >= 0x20:
        return NULL           # an update behind a field
    return read_literal(d, at, stop, 0x0F, False, at[0] >> 4, out)


cdef const uint8_t* read_updates(decoding_t* d, const uint8_t* at, const uint8_t* stop) noexcept nogil:
    cdef uint32_t size = 0
    while at < stop and at[0] >> 5 == 1:
        at = take_integer(at, stop, 0x1F, &size)
        if at == NULL or size > d.allowed or d.due and size > d.smallest:
            return NULL
        d.due = False
        set_limit(&d.table, size)
    if d.due:
        return NULL
    return at


cdef int decode(decoding_t* d, const uint8_t* block, int64_t size, headers_t* into, int64_t most) noexcept nogil:
    cdef const uint8_t* stop = block + size
    cdef const uint8_t* next
    cdef const uint8_t* at = block
    cdef output_t out
    out.into, out.most, out.full, out.scratch = into, most, False, NULL
    into.used = into.size = into.count = 0
    d.at = 0
    if d.broken:
        return HPACK_BAD
    next = read_updates(d, at, stop)
    while next != NULL and next < stop:
        at = next
        next = read_field(d, at, stop, &out)
    free(out.scratch)
    if next == NULL:
        d.at = at - block
        d.broken = True
        return HPACK_BAD
    return HPACK_TOO_MUCH if out.full else HPACK_OK


cdef void announce(decoding_t* d, int64_t size) noexcept nogil:
    d.allowed = <uint32_t>max(<int64_t>0, min(size, <int64_t>MAX_LIMIT))
    if d.allowed < d.table.limit:
        d.smallest = min(d.smallest, d.allowed) if d.due else d.allowed
        d.due = True


cdef void start_decoding(decoding_t* d) noexcept nogil:
    d.table.limit = d.allowed = DEFAULT_LIMIT
