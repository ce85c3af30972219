from cython cimport final
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t

from xproto.kernel.interpreted cimport Interpreter
from xproto.kernel.run cimport key_t, progress_t, span_t

cdef enum:
    RUN_OK = 0
    RUN_NEED = 1
    RUN_BAD = 2

cdef enum:
    REGISTERS = 128
    SLOTS = 64

cdef struct op_t:
    uint8_t code
    uint8_t width
    uint8_t flags
    uint16_t dst
    uint16_t a
    uint16_t b
    int32_t size           # of data
    int32_t nkeys
    int64_t x
    int64_t y
    const uint8_t* data
    key_t* keys

cdef struct outcome_t:
    int64_t size           # OK: the frame's length; NEED: bytes needed in all; BAD: the offset
    int64_t body_at        # offset of the first chunk, -1 where the run met no chunks at the root
    int32_t op             # BAD: which op

@final
cdef class Program:
    cdef op_t* ops
    cdef int32_t count
    cdef int32_t registers
    cdef int64_t limit
    cdef readonly object plan
    cdef object _keep
    cdef Interpreter interpreter
    cdef _fill(self, int i, source)
    cdef int _finish(self, int outcome, int depth, int64_t size, int64_t field_at, int32_t op,
                     int64_t at, outcome_t* out) noexcept nogil
    cdef int run(self, const uint8_t* data, int64_t size, int64_t* regs, span_t* slots,
                 uint8_t* scratch, int64_t scratch_size, outcome_t* out, progress_t* progress,
                 int direction) noexcept nogil
