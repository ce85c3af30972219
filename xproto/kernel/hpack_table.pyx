"""The dynamic table of HPACK: a ring of entries, and their texts one behind the other.

Source: RFC 7541 sections 2.3.2, 4.1, 4.3 and 4.4. Texts are appended; where the end is reached, those that still count
move to the start, which the room's being twice what they take makes rare. So each text lies in one piece, and entering and
evicting take constant time on average.

What always holds: nothing is allocated before the first entry; the texts' memory is less than four times the limit, or 512
bytes, the ring's half the limit at most; what the table has does not exceed its limit.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

cdef enum:
    FIRST_ROOM = 512          # bytes
    FIRST_SLOTS = 8


cdef inline uint32_t begin_of(const table_t* table) noexcept nogil:
    return entry_of(table, table.count).at if table.count else table.end


cdef bint more_slots(table_t* table) noexcept nogil:
    cdef uint32_t slots = max(table.slots * 2, <uint32_t>FIRST_SLOTS), age
    cdef entry_t* entries = <entry_t*>malloc(slots * sizeof(entry_t))
    if entries == NULL:
        return False
    for age in range(1, table.count + 1):
        entries[table.inserted - age & slots - 1] = entry_of(table, age)[0]
    free(table.entries)
    table.entries, table.slots = entries, slots
    return True


cdef bint more_bytes(table_t* table, uint32_t size) noexcept nogil:
    cdef uint32_t begin = begin_of(table), live = table.end - begin, room = max(table.room, <uint32_t>FIRST_ROOM)
    cdef uint8_t* bytes = table.bytes
    while room < 2 * (live + size):
        room *= 2
    if room == table.room:
        memmove(bytes, bytes + <uint32_t>(begin - table.base), live)
        table.base = begin
        return True
    bytes = <uint8_t*>malloc(room + SLACK)
    if bytes == NULL:
        return False
    if live:
        memcpy(bytes, table.bytes + <uint32_t>(begin - table.base), live)
    free(table.bytes)
    table.bytes, table.room, table.base = bytes, room, begin
    return True


cdef bint make_room(table_t* table, uint32_t size) noexcept nogil:
    evict(table, <int64_t>table.limit - size)
    if table.count == table.slots and not more_slots(table):
        return False
    size -= ENTRY_MORE
    return table.bytes != NULL and table.room - (table.end - table.base) >= size or more_bytes(table, size)


cdef void insert(table_t* table, const uint8_t* name, uint32_t name_size, const uint8_t* value,
                 uint32_t value_size) noexcept nogil:
    cdef entry_t* entry = &table.entries[table.inserted & table.slots - 1]
    cdef uint8_t* into = table.bytes + <uint32_t>(table.end - table.base)
    entry.at = table.end
    entry.name_size, entry.value_size = <uint16_t>name_size, <uint16_t>value_size
    memcpy(into, name, name_size)
    memcpy(into + name_size, value, value_size)
    table.end += name_size + value_size
    table.size += name_size + value_size + ENTRY_MORE
    table.inserted += 1
    table.count += 1


cdef void set_limit(table_t* table, uint32_t limit) noexcept nogil:
    table.limit = min(limit, <uint32_t>MAX_LIMIT)
    evict(table, table.limit)
    if table.limit == 0:
        release(table)


cdef void release(table_t* table) noexcept nogil:
    free(table.bytes)
    free(table.entries)
    table.bytes, table.entries = NULL, NULL
    table.slots = table.room = table.count = table.size = 0
    table.base = table.end
