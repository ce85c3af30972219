from libc.stdint cimport int64_t, uint8_t


cdef enum Shaking:            # how far a handshake is
    FAILED = -1               # `reason` and `why` say what went wrong
    UNDER_WAY = 0             # ask again when there is something to read, or to write
    DONE = 1                  # or there is none to be made


cdef class Transport:
    cdef object owner         # has readable() and writable(); None once closed
    cdef object identity      # who the other end is (proxy.tls.peer.Identity); None without TLS
    cdef str reason, why      # that a handshake, or TLS at all, failed
    cdef bint streams         # it is a stream of a connection that others share, and no connection itself
    cdef bint web             # where `streams`: what goes by it is gRPC, which is gRPC-Web to its owner
    cdef int grpc_status      # where `streams`: what the end of the last answer said; -1: nothing
    cdef int handshake(self) except -2                                       # a Shaking; nothing is read or sent before DONE
    cdef Py_ssize_t recv(self, uint8_t* into, size_t room) noexcept          # bytes, 0 at the end, or -errno
    cdef Py_ssize_t send(self, const uint8_t* data, size_t size) noexcept    # bytes or -errno
    cdef int watch_read(self, bint on) except -1
    cdef int watch_write(self, bint on) except -1
    cdef int connected(self) noexcept                                        # 0 or errno, once writable
    cdef void low_water(self, int size) noexcept                             # readable only with so many bytes, or an end
    cdef void give_up_after(self, int64_t microseconds) noexcept             # without an acknowledgement of what was sent
    cdef bint conclude(self, bytes reply) except -1                          # trailers, instead of what is missing; False: none
    cdef void end(self) noexcept                                             # no more is sent; reading goes on
    cdef void abort(self) noexcept                                           # closing will be a reset
    cdef int close(self) except -1
    cdef str peer(self)


cdef class Socket(Transport):
    cdef object loop
    cdef int fd
    cdef bint reads, writes
    cdef object held          # a weak reference to what the loop calls when there is something to read
    cdef int forget_read(self) except -1


cdef class Network:
    cdef object loop
    cdef Transport connect(self, str address)                                # raises OSError
    cdef Transport accept(self, int fd, int* error)                          # None and an errno
