from libc.stdint cimport int64_t

from xproto.kernel.run cimport cursor_t, key_t

cdef class Interpreter:
    cdef list readers
    cdef int read(self, Py_ssize_t index, cursor_t* c, int64_t size, int direction, int slot, const key_t* keys,
                  int nkeys) noexcept with gil
