from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.core cimport Core
from proxy.datapath.edit_plan cimport Plan
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef class RouteEdits:
    cdef object spec          # proxy.snapshot.Edits
    cdef readonly str name    # of the route
    cdef dict plans           # Codec -> Plan
    cdef dict editors         # Codec -> Editor, of the whole table
    cdef uint64_t* skipped    # counter
    cdef uint64_t* refused    # counter
    cdef Plan plan(self, Codec codec)
    # Of a request: what is sent on in place of a whole frame, or of a head (`text`, made of `frame`, which keys are looked up in).
    # NULL: it cannot be edited, and must not go on.
    cdef const uint8_t* call(self, Core core, Codec codec, call_t* call, Caller caller, str cluster, const uint8_t* frame,
                             const frame_t* at, frame_t* after) except? NULL
    cdef const uint8_t* head(self, Core core, Codec codec, call_t* call, Caller caller, str cluster, const uint8_t* frame,
                             int64_t size, const uint8_t* text, int64_t text_size, int64_t* edited) except? NULL
    # The same of answers.
    cdef const uint8_t* answer(self, Core core, Codec codec, const call_t* call, Caller caller, const uint8_t* frame,
                               const frame_t* at, frame_t* after) except? NULL
    cdef const uint8_t* answer_head(self, Core core, Codec codec, const call_t* call, Caller caller, const uint8_t* text,
                                    int64_t size, int64_t* edited) except? NULL


cdef int hold_edits(call_t* call, void* edits) noexcept
