from proxy.datapath.audit_messages cimport MessageLook
from proxy.datapath.h2_connection cimport H2End
from proxy.datapath.h2_downstream cimport H2Downstream
from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.h2_upstream cimport H2Upstream


cdef class StreamLook(MessageLook):
    cdef int near(self, H2Downstream conn) except -1
    cdef int far(self, H2Upstream conn, bint fades) except -1
    cdef int bearer(self, H2End conn, dict streams) except -1
    cdef int stream(self, H2End conn, H2Stream stream) except -1
