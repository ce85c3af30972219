from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.port cimport Binding, Chain
from proxy.datapath.filtered cimport Filtered
from proxy.datapath.wheel cimport alarm_t


cdef enum:
    HANDSHAKE = 0x16          # the first byte of a ClientHello's record
    MOST_SHAKING = 4096       # handshakes under way in a worker: each holds some 40 KiB that no budget counts


cdef class Veiled(Filtered):
    cdef alarm_t alarm            # the handshake, detection, then idleness, then lingering
    cdef bint timed               # there are first bytes, and the deadline of what they begin counts
    cdef bint shaking             # its handshake is counted among those under way
    cdef tuple offered            # its hello: the server name, and the protocols; None: there was none
    cdef int64_t since            # when the first of them came; 0: none has
    cdef bint hello(self, const uint8_t* data, size_t size) except -1
    cdef int go_secret(self, Chain chain, str server_name, const uint8_t* data, size_t size) except -1
    cdef int shaken(self) except -1
    cdef bint belongs(self) except -1
    cdef int refuse_tls(self, str reason, str why) except -1
    # What the whole connection does in its own way:
    cdef int wait(self) except -1
    cdef int more(self, Py_ssize_t wanted, Py_ssize_t seen, int64_t patience) except -1
    cdef int speak(self, Binding binding) except -1
    cdef int share(self, Binding binding, const uint8_t* data, size_t size) except -1
    cdef int stray(self, const uint8_t* data, size_t size, str why) except -1
    cdef int rest(self) except -1
