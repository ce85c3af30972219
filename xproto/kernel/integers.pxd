# Loads and stores of fixed-width integers. The caller has checked that the bytes are there.
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static inline uint64_t xp_load(const uint8_t *p, int width, int little) {
        uint64_t v; uint32_t w; uint16_t h; int i;
        switch (width) {
        case 1: return p[0];
        case 2: memcpy(&h, p, 2); return little ? h : __builtin_bswap16(h);
        case 4: memcpy(&w, p, 4); return little ? w : __builtin_bswap32(w);
        case 8: memcpy(&v, p, 8); return little ? v : __builtin_bswap64(v);
        default:
            v = 0;
            for (i = 0; i < width; i++) v = little ? v | (uint64_t)p[i] << 8 * i : v << 8 | p[i];
            return v;
        }
    }
    /* The same where eight bytes may be read, whatever the width: no branch that depends on it. */
    static inline uint64_t xp_load_ahead(const uint8_t *p, int width, int little) {
        uint64_t v;
        int rest = 64 - 8 * width;
        memcpy(&v, p, 8);
        return little ? v << rest >> rest : __builtin_bswap64(v) >> rest;
    }
    static inline void xp_store(uint8_t *p, int width, int little, uint64_t v) {
        for (int i = 0; i < width; i++) p[little ? i : width - 1 - i] = (uint8_t)(v >> 8 * i);
    }
    static inline int64_t xp_signed(uint64_t v, int width) {
        int shift = 64 - 8 * width;
        return (int64_t)(v << shift) >> shift;
    }
    """
    uint64_t xp_load(const uint8_t* p, int width, int little) noexcept nogil
    uint64_t xp_load_ahead(const uint8_t* p, int width, int little) noexcept nogil
    void xp_store(uint8_t* p, int width, int little, uint64_t value) noexcept nogil
    int64_t xp_signed(uint64_t value, int width) noexcept nogil
