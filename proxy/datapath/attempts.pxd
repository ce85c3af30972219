from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.calls cimport Retrier, attempt_t, call_t
from proxy.datapath.core cimport Core
from proxy.datapath.retry_budget cimport Budget
from proxy.datapath.retry_rules cimport Rule
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef int64_t microseconds(object seconds) except? -1


cdef class Attempts(Retrier):
    cdef Core core
    cdef readonly Budget budget
    cdef object spec
    cdef int64_t patience     # microseconds for one try; 0: as for the whole call
    cdef size_t room          # bytes of a request
    cdef dict rules           # Rule by Codec
    cdef Rule rule            # the one that was asked for last
    cdef Rule rule_of(self, Codec codec)
    cdef int cannot_keep(self) noexcept
    cdef int begin(self, call_t* call, Codec codec, const uint8_t* frame, const frame_t* at, void* head) except -1
    cdef void forget_request(self, attempt_t* attempt) noexcept
    cdef void land(self, attempt_t* attempt) noexcept
    cdef void free(self, attempt_t* attempt) noexcept
