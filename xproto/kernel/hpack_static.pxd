# The static table of HPACK, and the hashes by which its fields and the dynamic table's are found.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from *:
    """
    #include <stdint.h>
    /* Every bit of both counts in each half of the product, and so in every bit of what they add up to. */
    static inline uint64_t xp_mixed(uint64_t hash, uint64_t word) {
        unsigned __int128 product = (unsigned __int128)(hash ^ word ^ 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    """
    uint64_t xp_mixed(uint64_t hash, uint64_t word) noexcept nogil

cdef enum:
    STATIC_FIELDS = 61
    STATIC_TEXT = 1024        # bytes, slack included
    STATIC_SLOTS = 256
    LONGEST_STATIC = 13       # bytes of a value
    AUTHORIZATION = 23        # indices
    COOKIE = 32
    PROXY_AUTHORIZATION = 49

cdef struct static_t:
    uint16_t at               # of its name in STATICS_TEXT; the value follows
    uint8_t name_size
    uint8_t value_size
    uint8_t last              # the last field of this name; fields of one name follow each other

cdef static_t[STATIC_FIELDS + 1] STATICS            # by their index, from 1 on
cdef uint8_t[STATIC_TEXT] STATICS_TEXT
cdef uint8_t[STATIC_SLOTS] STATICS_BY_NAME          # by the name's hash: an index of the first field of a name, 0: none


cdef inline uint64_t word_of(const uint8_t* text, int64_t size) noexcept nogil:
    """All bytes of a text of eight at most."""
    cdef uint64_t word = 0
    cdef uint32_t low, high
    if size == 8:
        memcpy(&word, text, 8)
        return word
    if size >= 4:
        memcpy(&low, text, 4)
        memcpy(&high, text + size - 4, 4)
        return low | <uint64_t>high << 32
    if size:
        return text[0] | <uint64_t>text[size >> 1] << 8 | <uint64_t>text[size - 1] << 16
    return 0


cdef inline uint64_t hash_of(const uint8_t* text, int64_t size, uint64_t seed) noexcept nogil:
    cdef uint64_t hash = xp_mixed(seed, <uint64_t>size), word
    cdef const uint8_t* last = text + size - 8
    if size < 8:
        return xp_mixed(hash, word_of(text, size))
    while text < last:
        memcpy(&word, text, 8)
        hash = xp_mixed(hash, word)
        text += 8
    memcpy(&word, last, 8)
    return xp_mixed(hash, word)


cdef inline bint is_same(const uint8_t* a, const uint8_t* b, int64_t size) noexcept nogil:
    return memcmp(a, b, <size_t>size) == 0


cdef inline int static_name(const uint8_t* name, int64_t size, uint64_t hash) noexcept nogil:
    """The index of the first field of that name; 0: there is none."""
    cdef uint32_t slot = <uint32_t>hash % STATIC_SLOTS
    cdef int index = STATICS_BY_NAME[slot]
    while index:
        if STATICS[index].name_size == size and is_same(STATICS_TEXT + STATICS[index].at, name, size):
            return index
        slot = (slot + 1) % STATIC_SLOTS
        index = STATICS_BY_NAME[slot]
    return 0


cdef inline int static_field(int index, const uint8_t* value, int64_t size) noexcept nogil:
    """The index of the field of that value, of those of a name; 0: there is none."""
    if size > LONGEST_STATIC:
        return 0
    for index in range(index, STATICS[index].last + 1):
        if STATICS[index].value_size == size and (
                is_same(STATICS_TEXT + STATICS[index].at + STATICS[index].name_size, value, size)):
            return index
    return 0
