from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.h2_exchange cimport H2Connection
from proxy.datapath.h2_sender cimport H2Sender
from xproto.kernel.hpack cimport headers_t


cdef class H2Stream(H2Sender):
    cdef int head_in(self, const headers_t* headers, bint ends) except -1
    cdef int keep(self, const uint8_t* text, int64_t size) noexcept
    cdef int heard_again(self) except -1
    cdef int data_in(self, const uint8_t* data, int64_t size, bint ends) except -1
    cdef int web_in(self, const uint8_t* data, int64_t size, bint ends) except -1
    cdef int received(self) except -1
    cdef int broken(self, int code, bint unprocessed) except -1


cdef H2Stream new_stream(H2Connection connection, bint near)
