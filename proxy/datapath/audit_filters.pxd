from proxy.datapath.audit_retries cimport RetryLook


cdef class FilterLook(RetryLook):
    cdef int exchanges(self, dict parked) except -1
