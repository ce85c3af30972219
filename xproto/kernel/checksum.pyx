"""CRC-32 (zlib's) by table, and by how much it changes when a few bytes in the middle do.

The checksum is affine over GF(2): for two messages of one length, crc(a) ^ crc(b) is the raw remainder of a ^ b. So a
rewritten id costs a few table steps and one multiplication by a power of x, never a pass over the body, and a checksum
that was wrong before stays wrong by the same difference.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef uint32_t _POLYNOMIAL = 0xEDB88320u
cdef uint32_t[256] _TABLE
cdef uint32_t[4][256] _POWERS    # [i][n] is x**(8 * n * 256**i), reflected


cdef uint32_t _multiply(uint32_t a, uint32_t b) noexcept nogil:
    # a * b modulo the polynomial, both reflected; without branches, since the bits are random.
    cdef uint32_t product = 0
    cdef int i
    for i in range(32):
        product ^= b & (0 - (a >> 31))
        a <<= 1
        b = (b >> 1) ^ (_POLYNOMIAL & (0 - (b & 1)))
    return product


cdef void _prepare() noexcept:
    cdef uint32_t value
    cdef uint32_t step = 0x00800000u    # x**8
    cdef int i, k
    for i in range(256):
        value = <uint32_t>i
        for k in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        _TABLE[i] = value
    for i in range(4):
        _POWERS[i][0] = 0x80000000u     # 1
        for k in range(1, 256):
            _POWERS[i][k] = _multiply(_POWERS[i][k - 1], step)
        step = _multiply(_POWERS[i][255], step)


_prepare()


cdef uint32_t crc32(const uint8_t* data, int64_t size) noexcept nogil:
    cdef uint32_t value = 0xFFFFFFFFu
    cdef int64_t i
    for i in range(size):
        value = (value >> 8) ^ _TABLE[(value ^ data[i]) & 0xFF]
    return value ^ 0xFFFFFFFFu


cdef uint32_t crc32_change(const uint8_t* delta, int64_t size, int64_t after) noexcept nogil:
    # By what to xor the checksum when `delta` is xored onto `size` bytes that `after` more bytes follow.
    cdef uint32_t value = 0
    cdef int64_t i
    cdef int k = 0
    for i in range(size):
        value = (value >> 8) ^ _TABLE[(value ^ delta[i]) & 0xFF]
    while after > 0 and k < 4:
        if after & 0xFF:
            value = _multiply(_POWERS[k][after & 0xFF], value)
        after >>= 8
        k += 1
    return value
