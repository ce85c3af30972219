from libc.stdint cimport uint8_t

from proxy.datapath.transport cimport Transport

cdef enum:
    PLAIN_RECORD = 16 * 1024      # bytes of plaintext in a record, at most
    CIPHER_ROOM = 96 * 1024       # where records are collected: those of four full ones, and what OpenSSL had to say
    RECORDS = 4                   # that one send makes at most: what a socket may leave us with, for each connection
    SLICE = 16 * 1024             # bytes that OpenSSL is given at a time: its buffer never shrinks


cdef class Tls(Transport):
    """TLS over another transport."""
    cdef Transport inner
    cdef object loop
    cdef object side              # proxy.tls.sides: Server or Resumer
    cdef object incoming, outgoing    # ssl.MemoryBIO
    cdef object session           # ssl.SSLObject
    cdef str server_name          # what the client asked for
    cdef str address              # of the other end, kept for log lines: it may be gone when one is written
    cdef bytes left               # records that the socket did not take
    cdef Py_ssize_t left_at
    cdef int step                 # of the handshake, as `handshake` says
    cdef bint owed                # the last byte of what was encrypted is told of only when all of it is in the socket
    cdef bint more                # there is something to read that no event will tell of
    cdef bint soon                # and the loop was asked to
    cdef bint over                # the peer said its end
    cdef object wrong             # an error behind plaintext that was read: told when that is dealt with
    cdef bint reads               # the owner wants to
    cdef bint remembers           # the session can be resumed, which the side knows
    cdef bint aborted
    cdef bint ends                # our end is to be said when all is read that is here
    cdef bint bye                 # it was
    cdef int feed(self, const uint8_t* data, Py_ssize_t size) except -1
    cdef Py_ssize_t pull(self, uint8_t* into, size_t room) except? -1
    cdef Py_ssize_t take(self, uint8_t* into, size_t room) except? -1
    cdef Py_ssize_t put(self, const uint8_t* data, size_t size) except? -1
    cdef int push(self) except? -1
    cdef int push_left(self) except? -1
    cdef int shake(self) except -2
    cdef int failed(self, object error) except -2
    cdef int say_bye(self) except -1
    cdef int stir(self) except -1


cdef Tls new_tls(object loop, Transport inner, object side, str server_name, const uint8_t* data, Py_ssize_t size)
