from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.core cimport Core
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.lookup cimport Lookup
from xproto.kernel.status cimport StatusReader

cdef enum:
    MOST_HEADERS = 16         # of answers, that are looked for

cdef enum Judgement:          # of an answer
    WANTED = 0
    UNWANTED = 1              # the call is sent again, if it may be processed twice
    UNPROCESSED = 2           # it was not: so it may in any case


cdef struct range_t:          # of statuses
    int64_t first
    int64_t last
    Judgement judgement


cdef class Rule:
    cdef Core core
    cdef Codec codec
    cdef bint always          # calls may be processed twice
    cdef bint by_method       # those may whose method of HTTP says so
    cdef frozenset methods    # or which have one of these methods
    cdef Lookup method
    cdef readonly bint judges # it looks at answers
    cdef bint at_end          # at a status that may stand behind them
    cdef list names           # of their headers
    cdef Lookup headers
    cdef bytes status         # the header that says the status
    cdef StatusReader reader  # or the field
    cdef range_t* ranges
    cdef int count
    cdef int become(self, spec) except -1
    cdef bint safe(self, const uint8_t* frame, const frame_t* at, void* head) except -1
    cdef Judgement judge(self, const uint8_t* frame, int64_t size, int64_t facts, const head_t* head, int told) noexcept
    cdef bint says_status(self, const uint8_t* frame, const head_t* head) noexcept
    cdef bint has_header(self, const uint8_t* frame, int64_t size, const head_t* head) noexcept
    cdef bint find_status(self, const uint8_t* frame, int64_t size, int64_t facts, const head_t* head, int told,
                          int64_t* status) noexcept
    cdef const uint8_t* field(self, const uint8_t* frame, const head_t* head, bytes name, int64_t* size) noexcept
