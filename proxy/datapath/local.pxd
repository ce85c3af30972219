from libc.stdint cimport uint8_t

from proxy.datapath.noted cimport Noted
from proxy.datapath.route cimport route_t
from xproto.kernel.frame cimport frame_t


cdef class Local(Noted):
    cdef bint answer_here(self, route_t* route, const uint8_t* frame, const frame_t* at, bint oneway) except -1
    cdef bint has_answer(self, route_t* route, const frame_t* at) except -1
    cdef bytes answer_of(self, route_t* route, const uint8_t* frame, const frame_t* at)
    cdef bytes location(self, object action, const uint8_t* frame, const frame_t* at)
    cdef int say_next(self, bytes frame) except -1
