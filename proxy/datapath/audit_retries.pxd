from libc.stdint cimport int64_t

from proxy.datapath.audit_conns cimport Look
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.retry_budget cimport Budget


cdef class RetryLook(Look):
    cdef int64_t calls
    cdef dict flying          # Budget -> retries under way that were met
    cdef dict lent            # Caller -> bytes of its calls that wait, as they were met
    cdef int lend(self, void* caller, size_t size) except -1
    cdef int lends(self, Caller caller) except -1
    cdef int attempt(self, call_t* call) except -1
    cdef int budget(self, Budget budget) except -1
