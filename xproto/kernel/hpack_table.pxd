# The dynamic table of HPACK. Whoever keeps one zeroes it, sets its limit, and gives it back by `release`.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef enum:
    ENTRY_MORE = 32           # what RFC 7541 section 4.1 adds to an entry's bytes
    MAX_LIMIT = 65536         # bytes: so that an entry's sizes fit into 16 bits
    DEFAULT_LIMIT = 4096
    SLACK = 64                # readable bytes behind all texts

cdef struct entry_t:
    uint32_t at               # of its name; the value follows. It counts all bytes that ever came, modulo 2^32
    uint16_t name_size
    uint16_t value_size

cdef struct table_t:
    uint8_t* bytes
    entry_t* entries          # a ring; the entry that came as the n-th is at n modulo `slots`
    uint32_t slots            # a power of two
    uint32_t room             # of bytes
    uint32_t base             # what bytes[0] counts as
    uint32_t end              # what the next byte counts as
    uint32_t inserted         # entries that ever came, modulo 2^32
    uint32_t count
    uint32_t size             # as section 4.1 has it
    uint32_t limit            # which it never exceeds


cdef inline const entry_t* entry_of(const table_t* table, uint32_t age) noexcept nogil:
    """By its age, from 1, the newest, to `count`."""
    return &table.entries[table.inserted - age & table.slots - 1]


cdef inline const uint8_t* text_of(const table_t* table, const entry_t* entry) noexcept nogil:
    return table.bytes + <uint32_t>(entry.at - table.base)


cdef inline void evict(table_t* table, int64_t most) noexcept nogil:
    """The oldest entries, until the others take no more than `most`."""
    cdef const entry_t* oldest
    while table.size > most:
        oldest = entry_of(table, table.count)
        table.size -= <uint32_t>oldest.name_size + oldest.value_size + ENTRY_MORE
        table.count -= 1

# Makes the limit what a table size update says, `MAX_LIMIT` at most.
cdef void set_limit(table_t* table, uint32_t limit) noexcept nogil
# Room for an entry that is no larger than the limit. False: there is no memory.
cdef bint make_room(table_t* table, uint32_t size) noexcept nogil
# The newest entry from now on; the caller has made room for it. The texts are not in the table.
cdef void insert(table_t* table, const uint8_t* name, uint32_t name_size, const uint8_t* value,
                 uint32_t value_size) noexcept nogil
cdef void release(table_t* table) noexcept nogil
