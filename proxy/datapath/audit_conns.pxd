from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.buffers cimport queue_t
from proxy.datapath.conn cimport Conn
from proxy.datapath.core cimport Core
from proxy.datapath.tunnel cimport End, Near


cdef class Look:
    cdef object engine
    cdef Core core
    cdef list found
    cdef int64_t alarms, dirty
    cdef uint64_t bytes
    cdef int wrong(self, str what) except -1
    cdef int conn(self, Conn conn) except -1
    cdef size_t queue(self, Conn conn, const queue_t* queue) except? 0
    cdef int tunnel(self, Near near) except -1
    cdef int end(self, End end) except -1
