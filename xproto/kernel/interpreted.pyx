"""The interpreted path: a part of a frame that only construct can read, read by it.

What always holds: construct is given just the bytes of that part, and whatever it raises, they are malformed. It takes
the GIL and some microseconds (docs/decisions/0014-construct-in-the-data-path.md).
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from xproto.kernel.run cimport BAD, DONE, cursor_t, key_t, span_t

cdef enum:
    NO_SLOT = 0xFFFF


cdef int _keep_text(cursor_t* c, int slot, bytes text) except -1:
    # A text that is not in the frame goes to the scratch space; where it does not fit its slot says so, size -1.
    cdef span_t* kept = &c.slots[slot]
    cdef int64_t size
    kept.data, kept.size = NULL, 0
    if text is None:
        return 0
    size = len(text)
    if size > c.scratch_left:
        kept.size = -1
        return 0
    memcpy(c.scratch, <const char*>text, <size_t>size)
    kept.data, kept.size = c.scratch, size
    c.scratch += size
    c.scratch_left -= size
    return 0


cdef class Interpreter:
    """The readers of one Plan, by the index of their op."""

    def __cinit__(self, list readers not None):
        self.readers = readers

    cdef int read(self, Py_ssize_t index, cursor_t* c, int64_t size, int direction, int slot, const key_t* keys,
                  int nkeys) noexcept with gil:
        """Has construct read `size` bytes; keeps the whole in a slot (or in none), and the values of keys in theirs."""
        cdef int i
        try:
            reader = self.readers[index]
            value = reader.parse((<const char*>c.data)[c.at:c.at + size], direction)
            if slot != NO_SLOT:
                _keep_text(c, slot, reader.text(value))
            if nkeys:
                block = reader.block(value)
                for i in range(nkeys):
                    _keep_text(c, keys[i].slot, reader.pick(block, (<const char*>keys[i].name)[:keys[i].size]))
        except BaseException:
            return BAD
        return DONE
