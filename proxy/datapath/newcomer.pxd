from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.port cimport Binding, Chain
from proxy.datapath.requester cimport Requester
from proxy.datapath.wheel cimport alarm_t


cdef enum:
    MOST_SHAKING = 4096       # handshakes under way in a worker: each holds some 40 KiB that no budget counts


cdef class Newcomer(Requester):
    cdef alarm_t alarm            # detection, then idleness, then lingering
    cdef bint eof                 # the peer has ended its side
    cdef bint headed              # a PROXY header may come first
    cdef bint timed               # there are first bytes, and the deadline of detection counts
    cdef int64_t since            # when the first of them came; 0: none has
    cdef bint shaking             # its handshake of TLS is counted among those under way
    cdef str client               # who it is, as a trusted peer says; None: the peer
    cdef int arrive(self) except -1
    cdef int wait(self) except -1
    cdef Py_ssize_t opened(self, const uint8_t* data, size_t size) except -1
    cdef Py_ssize_t header(self, const uint8_t* data, size_t size) except -1
    cdef bint hello(self, const uint8_t* data, size_t size) except -1
    cdef int go_secret(self, Chain chain, str server_name, const uint8_t* data, size_t size) except -1
    cdef int shaken(self) except -1
    cdef int refuse_tls(self, str reason, str why) except -1
    cdef int judged(self, const uint8_t* data, size_t size) except -1
    cdef int more(self, Py_ssize_t wanted, Py_ssize_t seen, int64_t patience) except -1
    cdef int speak(self, Binding binding) except -1
    cdef int unknown(self, object answer, const uint8_t* data, size_t size) except -1
    cdef int stray(self, const uint8_t* data, size_t size, str why) except -1
    cdef int late(self) except -1
    cdef bint owes_header(self) except -1
    cdef bint undecided(self) noexcept
    cdef str name_of_client(self)
    # What the whole connection does in its own way:
    cdef int rest(self) except -1
