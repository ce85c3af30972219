"""What a route changes in its calls and their answers: headers, and where a call says that it goes.

Edits are compiled for each protocol that calls of the route come by, when the first one does (`edit_plan.pyx`). A call is edited
between its decision and its dispatch, so that what waits, or is sent once more, is what goes on; an answer before it is given
to its caller.

What always holds: a route without edits has no RouteEdits; a call whose route has them holds them, so that a reload takes
nothing from its answer; what cannot be edited does not go on as it is: a call or an answer is refused instead. Where a frame has
no headers at all, or no such role, there is nothing to be edited: it goes on, and is counted.
"""

from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, add
from proxy.datapath.edit_plan cimport Plan
from xproto.kernel.codec cimport Codec
from xproto.kernel.editor cimport Editor
from xproto.kernel.frame cimport FROM_DOWNSTREAM, FROM_UPSTREAM, frame_t


cdef int hold_edits(call_t* call, void* edits) noexcept:
    """Until the call is given back."""
    Py_INCREF(<object>edits)
    call.edits = edits
    return 0


cdef class RouteEdits:
    def __cinit__(self, spec, str table, str name, Counters counters not None, dict editors not None):
        self.spec, self.name, self.plans, self.editors = spec, name, {}, editors
        self.skipped = counters.slot("edits_total", {"table": table, "outcome": "skipped"})
        self.refused = counters.slot("edits_total", {"table": table, "outcome": "refused"})

    cdef Plan plan(self, Codec codec):
        cdef Plan made = self.plans.get(codec)
        if made is None:
            if codec not in self.editors:
                self.editors[codec] = Editor(codec)
            made = self.plans[codec] = Plan(self.spec, self.name, self.editors[codec])
            made.skipped, made.refused = self.skipped, self.refused
        return made

    cdef const uint8_t* call(self, Core core, Codec codec, call_t* call, Caller caller, str cluster, const uint8_t* frame,
                             const frame_t* at, frame_t* after) except? NULL:
        cdef Plan plan = self.plan(codec)
        cdef int64_t size = 0
        if plan.idle():
            after[0] = at[0]
            return frame
        if not plan.look(core, frame, at.size) or plan.kept and not plan.keep(call):
            add(self.refused, 1)
            return NULL
        return plan.apply(core, plan.request, FROM_DOWNSTREAM, call, caller.peer_name().encode() if plan.request.clients else None,
                          cluster.encode() if plan.request.clusters else None, frame, at.size, at, after, &size)

    cdef const uint8_t* head(self, Core core, Codec codec, call_t* call, Caller caller, str cluster, const uint8_t* frame,
                             int64_t size, const uint8_t* text, int64_t text_size, int64_t* edited) except? NULL:
        cdef Plan plan = self.plan(codec)
        edited[0] = text_size
        if plan.idle():
            return text
        if not plan.look(core, frame, size) or plan.kept and not plan.keep(call):
            add(self.refused, 1)
            return NULL
        return plan.apply(core, plan.request, FROM_DOWNSTREAM, call, caller.peer_name().encode() if plan.request.clients else None,
                          cluster.encode() if plan.request.clusters else None, text, text_size, NULL, NULL, edited)

    cdef const uint8_t* answer(self, Core core, Codec codec, const call_t* call, Caller caller, const uint8_t* frame,
                               const frame_t* at, frame_t* after) except? NULL:
        cdef Plan plan = self.plan(codec)
        cdef int64_t size = 0
        if plan.answer.count == 0 and not plan.restores:
            after[0] = at[0]
            return frame
        return plan.apply(core, plan.answer, FROM_UPSTREAM, call, caller.peer_name().encode() if plan.answer.clients else None, None,
                          frame, at.size, at, after, &size)

    cdef const uint8_t* answer_head(self, Core core, Codec codec, const call_t* call, Caller caller, const uint8_t* text,
                                    int64_t size, int64_t* edited) except? NULL:
        cdef Plan plan = self.plan(codec)
        edited[0] = size
        if plan.answer.count == 0:
            return text
        return plan.apply(core, plan.answer, FROM_UPSTREAM, call, caller.peer_name().encode() if plan.answer.clients else None, None,
                          text, size, NULL, NULL, edited)
