"""Asks the signatures of one listener, by rank: a signature is a few cubes, a cube one set of byte values an offset.

The first byte picks the cubes that are looked at, which are one or two as a rule, so that the number of protocols hardly
matters. A protocol of which one cube fits is committed to when no protocol of a higher rank may still turn out to fit.

What always holds: the answer depends on the bytes alone, so a name or NOBODY stays the answer whatever follows; nothing
behind `longest` is looked at; `need` is more than there is.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free

cdef enum:
    MOST = 0xFFFF        # cubes


cdef inline bint fits(const cube_t* cube, const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """Do the bytes that are there lie in the cube?"""
    cdef Py_ssize_t i
    cdef const uint8_t* sets = cube.sets
    for i in range(min(<Py_ssize_t>cube.size, size)):
        if not sets[32 * i + (data[i] >> 3)] >> (data[i] & 7) & 1:
            return False
    return True


cdef inline Py_ssize_t refuted(const cube_t* cube, Py_ssize_t size) noexcept nogil:
    """With how many bytes, at the least, it may turn out that a cube which fits so many does not fit after all."""
    cdef Py_ssize_t i
    cdef int part
    for i in range(size, cube.size):
        for part in range(32):
            if cube.sets[32 * i + part] != 0xFF:
                return i + 1
    return cube.size


cdef inline Py_ssize_t sooner(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    """The smaller of two needs; 0 is none."""
    return b if not a or (b and b < a) else a


cdef class Judge:
    def __cinit__(self, names, forms):
        self.names = tuple(names)
        if len(self.names) != len(forms):
            raise ValueError("every name has its cubes")
        ranked = [(owner, cube) for owner, cubes in enumerate(forms) for cube in sorted(cubes, key=len)]
        if len(ranked) > MOST:
            raise ValueError(f"more than {MOST} cubes")
        self._sets = b"".join(allowed.to_bytes(32, "little") for _, cube in ranked for allowed in cube)
        self.cubes = <cube_t*>calloc(len(ranked) + 1, sizeof(cube_t))
        self._enter(ranked)
        self._index(ranked)

    cdef int _enter(self, list ranked) except -1:
        cdef const uint8_t* at = <const uint8_t*>self._sets
        if self.cubes == NULL:
            raise MemoryError
        for owner, cube in ranked:
            self.cubes[self.count].owner, self.cubes[self.count].size = owner, len(cube)
            self.cubes[self.count].sets = at
            at += 32 * <Py_ssize_t>len(cube)
            self.count += 1
            self.longest = max(self.longest, <Py_ssize_t>len(cube))
        return 0

    cdef int _index(self, list ranked) except -1:
        cdef Py_ssize_t at = 0
        cdef int byte
        picked = [[k for k, (_, cube) in enumerate(ranked) if not cube or cube[0] >> byte & 1] for byte in range(256)]
        self.order = <uint16_t*>calloc(sum(map(len, picked)) + 1, sizeof(uint16_t))
        if self.order == NULL:
            raise MemoryError
        for byte in range(256):
            self.starts[byte] = <int32_t>at
            for k in picked[byte]:
                self.order[at] = k
                at += 1
        self.starts[256] = <int32_t>at
        return 0

    def __dealloc__(self):
        free(self.cubes)
        free(self.order)

    cdef int judge(self, const uint8_t* data, Py_ssize_t size, Py_ssize_t* need) noexcept nogil:
        cdef Py_ssize_t k, first = 0, end = self.count
        cdef Py_ssize_t higher = 0, own = 0      # what those of a higher rank, and the one that is asked, wait for
        cdef Py_ssize_t until = 0, own_until = 0 # and how long they stand in the way of those of a lower rank
        cdef int32_t asked = -1
        cdef const cube_t* cube
        if size > 0:
            first, end = self.starts[data[0]], self.starts[data[0] + 1]
        for k in range(first, end):
            cube = &self.cubes[self.order[k] if size > 0 else k]
            if cube.owner != asked:
                higher, own, asked = sooner(higher, own), 0, cube.owner
                until, own_until = max(until, own_until), 0
            if not fits(cube, data, size):
                continue
            if cube.size > size:
                own, own_until = sooner(own, cube.size), max(own_until, refuted(cube, size))
            elif not higher:
                return asked
            else:
                own = until                     # then it is this one's, if it is none's of them
                break
        need[0] = sooner(higher, own)
        return MORE if need[0] else NOBODY

    def detect(self, bytes data not None):
        """The name; None when it is nobody's; or how many bytes in all are needed to say more."""
        cdef Py_ssize_t need = 0
        cdef int found = self.judge(<const uint8_t*>data, len(data), &need)
        if found >= 0:
            return self.names[found]
        return need if found == MORE else None
