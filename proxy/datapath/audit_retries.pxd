from libc.stdint cimport int64_t

from proxy.datapath.audit_conns cimport Look
from proxy.datapath.calls cimport call_t
from proxy.datapath.retry_budget cimport Budget


cdef class RetryLook(Look):
    cdef int64_t calls
    cdef dict flying          # Budget -> retries under way that were met
    cdef int attempt(self, call_t* call) except -1
    cdef int budget(self, Budget budget) except -1
