from proxy.datapath.audit_retries cimport RetryLook
from proxy.datapath.exchange cimport Exchange
from proxy.datapath.upstream cimport Upstream


cdef class FilterLook(RetryLook):
    cdef int exchanges(self, dict parked) except -1
    cdef int waits(self, Exchange exchange) except -1
    cdef bint thinks(self, Upstream conn) noexcept
