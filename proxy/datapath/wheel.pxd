from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.clock cimport Clock

cdef enum:
    TICK = 10000              # microseconds
    SLOTS = 1024              # 10.24 s a revolution; a power of two
    WORDS = SLOTS // 64


cdef struct alarm_t


ctypedef int (*fire_t)(alarm_t*) except -1


cdef struct alarm_t:          # embedded in its owner, which cancels it before it goes; all zero is a valid idle alarm
    alarm_t* prev
    alarm_t* next             # NULL: not set
    int64_t tick              # the tick at which it fires
    fire_t fire
    void* owner               # borrowed


cdef class Wheel:
    cdef Clock clock
    cdef object loop, log, handle
    cdef alarm_t slots[SLOTS]
    cdef alarm_t due
    cdef uint64_t used[WORDS]
    cdef int64_t done, armed
    cdef readonly int64_t count
    cdef int set(self, alarm_t* alarm, int64_t at) except -1
    cdef void cancel(self, alarm_t* alarm) noexcept
    cdef int64_t next_tick(self) noexcept
    cdef int arm(self, int64_t tick) except -1
    cdef int collect(self, int64_t now) except -1
    cdef int close(self) except -1
