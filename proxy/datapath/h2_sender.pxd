from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.h2_exchange cimport H2Exchange
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http2_memo cimport memo_t


cdef class H2Sender(H2Exchange):
    cdef Py_ssize_t head_out(self, const uint8_t* data, size_t size) except? -1000
    cdef int64_t answer(self, const uint8_t* text, const head_t* head) noexcept
    cdef Py_ssize_t said_again(self, const memo_t* memo) except? -1000
    cdef Py_ssize_t body_out(self, const uint8_t* data, size_t size) except? -1000
    cdef Py_ssize_t chunk_out(self, const uint8_t* data, size_t size) except? -1000
    cdef int64_t text_out(self, const uint8_t* data, int64_t size, bint ends) except? -1000
    cdef int spoil(self) noexcept
    cdef int end_out(self) except -1
    cdef int sent(self) except -1
