from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef uint32_t crc32(const uint8_t* data, int64_t size) noexcept nogil
cdef uint32_t crc32_change(const uint8_t* delta, int64_t size, int64_t after) noexcept nogil
