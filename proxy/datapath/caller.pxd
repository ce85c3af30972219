from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.order cimport Order
from proxy.datapath.relay cimport Relay
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport frame_t, identity_t


cdef class Caller(Relay):
    cdef call_t* calls            # what it waits for, the newest first
    cdef int64_t in_flight        # how many
    cdef int64_t max_in_flight
    cdef size_t out_limit
    cdef uint64_t* cuts           # counter
    cdef Order order              # None where clients tell answers apart by their ids
    cdef size_t lent              # bytes of its calls that wait for a connection
    cdef uint8_t cell             # of its calls in `shares_t`: random, so that nobody can choose whom he shares it with
    cdef int adopt(self, call_t* call) except -1
    cdef int release(self, call_t* call) except -1
    cdef int release_all(self) except -1
    cdef int wake(self) except -1
    cdef bint full(self) noexcept
    cdef int answer(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int early(self, uint64_t place, const uint8_t* frame, const frame_t* at, const identity_t* who) except -1
    cdef int refuse(self, call_t* call, int fault) except -1
    cdef int say(self, bytes frame) except -1
    cdef int say_in_turn(self, uint64_t place, bytes frame) except -1
    cdef int moved_up(self) except -1
    cdef bint has_room(self) except -1
    cdef size_t unsent(self) noexcept
    cdef int starved(self) except -1
    cdef int cut(self, str why) except -1


cdef int expire(alarm_t* alarm) except -1
