from proxy.datapath.audit_retries cimport RetryLook
from proxy.datapath.messages cimport Messages
from proxy.datapath.upstream cimport Upstream


cdef class MessageLook(RetryLook):
    cdef int asker(self, Messages conn) except -1
    cdef int answerer(self, Upstream conn) except -1
    cdef bint holds_on(self, Messages conn) noexcept
