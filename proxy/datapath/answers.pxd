from libc.stdint cimport uint8_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.carrier cimport Carrier
from xproto.kernel.frame cimport frame_t


cdef class Answers(Carrier):
    cdef bint whole               # the request was passed on, with its end
    cdef bint served              # it has answered on this connection
    cdef buf_t kept               # the request, until the first byte of its answer, if it may be sent once more
    cdef bint refuses             # the host did not take the request: another one is asked
    cdef bint judged              # the answer's head was here before, and its caller's filters had to wait
    cdef bint leaves              # the server takes no other request on this connection
    cdef int take_body(self) except -1
    cdef int note_status(self, call_t* call, int status) except -1
    cdef Py_ssize_t answers_in(self, const uint8_t* data, size_t size) except -1
    cdef bint holds_back(self, call_t* call, const uint8_t* frame, const frame_t* at, size_t rest) except -1
    cdef int pass_over(self, const frame_t* at, bint ends) except -1
    # A Consent: WAITS: the head has to come again.
    cdef int answer_begins(self, call_t* call, Caller caller, const uint8_t* frame, const frame_t* at, size_t rest) except -1
