# Finds entries of an encoder's dynamic table by their hashes. It is zeroed and given back by whoever has it.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from xproto.kernel.hpack_table cimport table_t

cdef enum:
    MOST_ENTRIES = 128        # of a table of 4,096 bytes
    BUCKETS = 128
    RECENT = 32

cdef struct link_t:           # of an entry
    uint32_t[2] hashes        # of the field, of its name
    uint32_t[2] older         # the number of the next one in the same bucket
    bint used                 # it was written as an index since it was entered

cdef struct index_t:
    uint32_t[2][BUCKETS] newest        # the number of an entry
    link_t[MOST_ENTRIES] links         # of the entry of a number, modulo their count
    uint64_t[RECENT] recent            # marks of fields that did not enter

cdef enum By:
    FIELD = 0
    NAME = 1

cdef struct wanted_t:
    const uint8_t* name       # in lower case
    const uint8_t* value
    int64_t name_size
    int64_t value_size
    uint32_t[2] hashes        # of the field, of its name

# The age of the newest entry that has the field, or its name; 0: none.
cdef uint32_t find_entry(const table_t* table, const index_t* index, const wanted_t* wanted, By by) noexcept nogil
# Is it one of those that this was asked of lately?
cdef bint was_recent(index_t* index, const wanted_t* wanted) noexcept nogil
# The entry that is inserted next.
cdef void enter(const table_t* table, index_t* index, const wanted_t* wanted) noexcept nogil


cdef inline link_t* link_of(const table_t* table, index_t* index, uint32_t age) noexcept nogil:
    return &index.links[(table.inserted - age) % MOST_ENTRIES]
