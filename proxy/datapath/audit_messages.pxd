from proxy.datapath.audit_filters cimport FilterLook
from proxy.datapath.messages cimport Messages
from proxy.datapath.upstream cimport Upstream


cdef class MessageLook(FilterLook):
    cdef int asker(self, Messages conn) except -1
    cdef int answerer(self, Upstream conn) except -1
    cdef bint holds_on(self, Messages conn) noexcept
