from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.calls cimport Attendant, call_t
from proxy.datapath.order cimport Order
from proxy.datapath.flow cimport Flow
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport frame_t, identity_t


cdef class Caller(Flow):
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
    cdef int replace(self, call_t* old, call_t* made) except -1
    cdef int release_all(self) except -1
    cdef int wake(self) except -1
    cdef bint full(self) noexcept
    cdef int answer(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int early(self, uint64_t place, const uint8_t* frame, const frame_t* at, const identity_t* who) except -1
    cdef int refuse(self, call_t* call, int fault) except -1
    cdef bint conclude(self, call_t* call, int fault) except -1
    cdef int say(self, bytes frame) except -1
    cdef int say_in_turn(self, uint64_t place, bytes frame) except -1
    cdef int moved_up(self) except -1
    cdef bint has_room(self) except -1
    cdef size_t unsent(self) noexcept
    # Messages: an answer's head (a Consent: OTHERWISE where none of it is to follow); its body comes now; interim ones; its end;
    # and the head of one behind which there is another protocol, of which `size` bytes are here.
    cdef int answer_head(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int hear(self, Flow upstream) except -1
    cdef int interim(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int answered(self, call_t* call) except -1
    cdef int switch(self, call_t* call, Flow upstream, const uint8_t* data, size_t size) except -1
    cdef int answer_instead(self, call_t* call, object reply) except -1     # a filter's answer; None: it failed
    # A filter that kept a call waiting has come to its end, or is out of time.
    cdef int go_on_with(self, Attendant attendant) except -1
    cdef int64_t moved(self, const call_t* call) noexcept
    cdef int64_t patience(self, const call_t* call) noexcept
    cdef int expired(self, call_t* call) except -1
    cdef str peer_name(self)              # its client's address
    cdef int starved(self) except -1
    cdef int cut(self, str why) except -1
    cdef int cut_off(self, str why) except -1


cdef int expire(alarm_t* alarm) except -1
