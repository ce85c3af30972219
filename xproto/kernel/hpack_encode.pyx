"""Writes the header blocks of HTTP/2.

Source: RFC 7541 sections 4.2, 5, 6 and 7.1.3. What enters the table is learned, not listed. Once the table is half full, a
new value of a name enters unless the last one that did was of no use so far; then a value enters when it comes a second
time within a while. So a method's path, which comes again and again, soon has an index, while a request's id, a trace or a
path with a number in it does not push the others out. nghttp2 never enters paths, which costs gRPC's calls dear. Secrets,
as nghttp2 has it, never enter: authorization, and cookies so short that they might be guessed.

What always holds: no more than `FIELD_MORE` bytes are written besides the name and the value; the peer's table has all that
ours has, at the same places.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from xproto.kernel.hpack_block cimport INDEX, NEVER
from xproto.kernel.hpack_huffman cimport huffman_put, huffman_size
from xproto.kernel.hpack_index cimport FIELD, NAME, enter, find_entry, index_t, link_of, wanted_t, was_recent
from xproto.kernel.hpack_static cimport (
    AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, STATIC_FIELDS, hash_of, static_field, static_name,
)
from xproto.kernel.hpack_table cimport DEFAULT_LIMIT, ENTRY_MORE, insert, make_room, release, set_limit

cdef enum:
    LONGEST_NAME = 256        # bytes, of a name that is looked for in the tables
    SHORT_COOKIE = 20         # bytes

cdef uint64_t EACH = 0x0101010101010101


# -- integers and strings -----------------------------------------------------------------------------------------------

cdef inline uint8_t* put_integer(uint8_t* into, uint8_t kind, uint8_t mask, uint64_t value) noexcept nogil:
    if value < mask:
        into[0] = kind | <uint8_t>value
        return into + 1
    into[0] = kind | mask
    value -= mask
    into += 1
    while value >= 0x80:
        into[0] = 0x80 | <uint8_t>value
        value >>= 7
        into += 1
    into[0] = <uint8_t>value
    return into + 1


cdef uint8_t* put_string(uint8_t* into, const uint8_t* text, int64_t size) noexcept nogil:
    cdef int64_t coded = huffman_size(text, size)
    if coded < size:
        return huffman_put(put_integer(into, 0x80, 0x7F, <uint64_t>coded), text, size)
    into = put_integer(into, 0, 0x7F, <uint64_t>size)
    memcpy(into, text, <size_t>size)
    return into + size


cdef inline uint64_t lower_word(uint64_t word) noexcept nogil:
    """Eight bytes in lower case."""
    cdef uint64_t low = word & EACH * 0x7F
    cdef uint64_t upper = low + EACH * (0x80 - c'A') & ~(low + EACH * (0x7F - c'Z')) & ~word & EACH * 0x80
    return word | upper >> 2


cdef inline void lower(uint8_t* into, const uint8_t* text, int64_t size) noexcept nogil:
    cdef uint64_t word
    cdef int64_t at = 0
    while at + 8 <= size:
        memcpy(&word, text + at, 8)
        word = lower_word(word)
        memcpy(into + at, &word, 8)
        at += 8
    while at < size:
        into[at] = <uint8_t>lower_word(text[at])
        at += 1


# -- fields -------------------------------------------------------------------------------------------------------------

cdef uint8_t* put_long(uint8_t* into, const uint8_t* name, int64_t name_size, const uint8_t* value, int64_t value_size,
                       int how) noexcept nogil:
    """One with a name that is longer than any that comes twice."""
    into[0] = 0x10 if how == NEVER else 0
    into = put_integer(into + 1, 0, 0x7F, <uint64_t>name_size)
    lower(into, name, name_size)
    return put_string(into + name_size, value, value_size)


cdef inline bint is_secret(int index, int64_t value_size) noexcept nogil:
    return index == AUTHORIZATION or index == PROXY_AUTHORIZATION or index == COOKIE and value_size < SHORT_COOKIE


cdef bint is_worth(encoding_t* e, const wanted_t* wanted, uint32_t age) noexcept nogil:
    """Does the field enter the table? `age` is that of the newest entry of its name."""
    cdef int64_t size = wanted.name_size + wanted.value_size + ENTRY_MORE
    if size > e.table.limit - e.table.limit // 4:
        return False
    if age and e.table.size + size > e.table.limit // 2:
        if not link_of(&e.table, e.index, age).used and not was_recent(e.index, wanted):
            return False
    if e.index == NULL:
        e.index = <index_t*>calloc(1, sizeof(index_t))
    return e.index != NULL and make_room(&e.table, <uint32_t>size)


cdef uint8_t* put_field(encoding_t* e, uint8_t* into, const uint8_t* name, int64_t name_size, const uint8_t* value,
                        int64_t value_size, int how) noexcept nogil:
    cdef uint8_t[LONGEST_NAME] lowered
    cdef wanted_t wanted
    cdef uint64_t hash
    cdef uint32_t age = 0
    cdef bint enters = False
    cdef int index, found
    if name_size > LONGEST_NAME:
        return put_long(into, name, name_size, value, value_size, how)
    lower(lowered, name, name_size)
    hash = hash_of(lowered, name_size, 0)
    index = static_name(lowered, name_size, hash)
    if index and is_secret(index, value_size):
        how = NEVER
    if how != NEVER:
        found = static_field(index, value, value_size) if index else 0
        if found:
            into[0] = 0x80 | <uint8_t>found
            return into + 1
    wanted.name, wanted.name_size, wanted.value, wanted.value_size = lowered, name_size, value, value_size
    wanted.hashes[<int>NAME] = <uint32_t>hash
    if how != NEVER:
        wanted.hashes[<int>FIELD] = <uint32_t>hash_of(value, value_size, hash)
        age = find_entry(&e.table, e.index, &wanted, FIELD) if e.table.count else 0
        if age:
            link_of(&e.table, e.index, age).used = True
            return put_integer(into, 0x80, 0x7F, STATIC_FIELDS + age)
    if e.table.count and (how == INDEX or not index):
        age = find_entry(&e.table, e.index, &wanted, NAME)
    if how == INDEX:
        enters = is_worth(e, &wanted, age)
    if not index and age:
        index = <int>(STATIC_FIELDS + age)
    if enters:
        into = put_integer(into, 0x40, 0x3F, <uint64_t>index)
    else:
        into = put_integer(into, 0x10 if how == NEVER else 0, 0x0F, <uint64_t>index)
    if not index:
        into = put_string(into, lowered, name_size)
    into = put_string(into, value, value_size)
    if enters:
        enter(&e.table, e.index, &wanted)
        insert(&e.table, lowered, <uint32_t>name_size, value, <uint32_t>value_size)
    return into


# -- blocks -------------------------------------------------------------------------------------------------------------

cdef uint8_t* begin_block(encoding_t* e, uint8_t* into) noexcept nogil:
    """The smallest limit that the peer allowed meanwhile, where ours was above, and the last one."""
    if not e.changed:
        return into
    e.changed = False
    if e.lowest < e.allowed and e.lowest < e.table.limit:
        set_limit(&e.table, e.lowest)
        into = put_integer(into, 0x20, 0x1F, e.lowest)
    if e.allowed != e.table.limit:
        set_limit(&e.table, e.allowed)
        into = put_integer(into, 0x20, 0x1F, e.allowed)
    if e.allowed == 0:
        stop_encoding(e)
    return into


cdef void allow(encoding_t* e, int64_t size) noexcept nogil:
    e.allowed = <uint32_t>max(<int64_t>0, min(size, <int64_t>DEFAULT_LIMIT))
    e.lowest = min(e.lowest, e.allowed) if e.changed else e.allowed
    e.changed = True


cdef void start_encoding(encoding_t* e) noexcept nogil:
    e.table.limit, e.table.inserted = DEFAULT_LIMIT, 1      # none is a number that is too old


cdef void stop_encoding(encoding_t* e) noexcept nogil:
    release(&e.table)
    free(e.index)
    e.index = NULL
