"""The status of an answer: one run of a Plan that ends behind the field, for who asks for it.

What always holds: nothing is allocated, and a frame that the Plan refuses has no status.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from xproto.kernel.frame cimport FROM_UPSTREAM
from xproto.kernel.program cimport REGISTERS, RUN_OK, SLOTS, Program, outcome_t
from xproto.kernel.run cimport span_t

cdef enum:
    SCRATCH = 4096
    R_STATUS = 0              # the register of the kind: see `xproto.lower`


cdef class StatusReader:
    def __cinit__(self, lowered):
        plan = lowered.status_plan()
        self.holds = plan is not None
        if self.holds:
            self.program = Program(plan)

    cdef bint read(self, const uint8_t* frame, int64_t size, int64_t* status) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef outcome_t outcome
        if not self.holds:
            return False
        memset(slots, 0, sizeof(slots))
        if self.program.run(frame, size, regs, slots, scratch, SCRATCH, &outcome, NULL, FROM_UPSTREAM) != RUN_OK:
            return False
        status[0] = regs[R_STATUS]
        return True

    def read_bytes(self, bytes frame):
        """The status of an answer, or None where it says none."""
        cdef int64_t status = 0
        return status if self.read(<const uint8_t*>frame, len(frame), &status) else None
