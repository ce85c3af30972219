"""Where an encoder finds a field, or a name, in its dynamic table: two hash tables of chains, from newer entries to older.

An entry has a number, how many came before it. Nothing is taken out when an entry is evicted: a number that is too old
ends its chain, for all behind it are older.

What always holds: a look takes a bounded number of steps, whatever fields someone made up to collide; a number that was
left over from long ago leads to another entry at worst, whose texts are compared.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from xproto.kernel.hpack_static cimport is_same
from xproto.kernel.hpack_table cimport entry_of, entry_t, table_t, text_of

cdef enum:
    MOST_STEPS = 16


cdef uint32_t find_entry(const table_t* table, const index_t* index, const wanted_t* wanted, By by) noexcept nogil:
    cdef uint32_t hash = wanted.hashes[<int>by], number = index.newest[<int>by][hash % BUCKETS], passed = 0
    cdef uint32_t age = table.inserted - number
    cdef const link_t* link
    cdef const entry_t* entry
    cdef int step
    for step in range(MOST_STEPS):
        if not passed < age <= table.count:
            break
        link = &index.links[number % MOST_ENTRIES]
        if link.hashes[<int>by] == hash:
            entry = entry_of(table, age)
            if entry.name_size == wanted.name_size and is_same(text_of(table, entry), wanted.name, wanted.name_size) and (
                    by == NAME or entry.value_size == wanted.value_size and is_same(
                        text_of(table, entry) + entry.name_size, wanted.value, wanted.value_size)):
                return age
        passed, number = age, link.older[<int>by]
        age = table.inserted - number
    return 0


cdef bint was_recent(index_t* index, const wanted_t* wanted) noexcept nogil:
    """Four fields share a place, the newest in the lowest bits."""
    cdef uint64_t* place = &index.recent[wanted.hashes[<int>FIELD] % RECENT]
    cdef uint16_t mark = <uint16_t>(wanted.hashes[<int>FIELD] >> 16)
    cdef uint64_t marks = place[0]
    place[0] = marks << 16 | mark
    while marks:
        if <uint16_t>marks == mark:
            return True
        marks >>= 16
    return False


cdef void enter(const table_t* table, index_t* index, const wanted_t* wanted) noexcept nogil:
    cdef link_t* link = &index.links[table.inserted % MOST_ENTRIES]
    cdef uint32_t* newest
    cdef int by
    link.used = False
    for by in range(2):
        newest = &index.newest[by][wanted.hashes[by] % BUCKETS]
        link.hashes[by], link.older[by] = wanted.hashes[by], newest[0]
        newest[0] = table.inserted
