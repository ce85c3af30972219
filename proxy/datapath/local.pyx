"""A client's connection whose requests may be answered here because a route says so, in the client's own protocol.

Such a request becomes no call: it is answered where it is read, in its turn, and what is to come of its body is thrown away,
as behind any answer of our own. A redirect is HTTP's alone; a request of another protocol has no route then.

What always holds: a frame has the length that its own head says, whatever its text is, since it is built whole by its
declaration; a location is put in where a redirect's frame, which has no body, leaves a place for it.
"""

from libc.stdint cimport uint8_t, uint64_t

from proxy.datapath.actions cimport Action
from proxy.datapath.core cimport SCRATCH_SIZE
from proxy.datapath.counters cimport add
from proxy.datapath.noted cimport Noted
from proxy.datapath.notes cimport ANSWERED, UNANSWERED, note_t
from proxy.datapath.route cimport route_t
from proxy.datapath.table cimport Table
from xproto.kernel.frame cimport frame_t, identity_t
from xproto.kernel.http1 cimport METHOD_CONNECT
from xproto.kernel.http1_facts cimport method_in
from xproto.kernel.lookup cimport FIND_OK, slice_t

from xproto.spec import LOCATION


cdef inline bytes text_in(const slice_t* text):
    return None if text.data == NULL else (<const char*>text.data)[:text.size]


cdef class Local(Noted):
    cdef bint answer_here(self, route_t* route, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        """Answer as the route says. False: it has no answer for such a call."""
        cdef Table table = self.binding.decisions.table
        cdef note_t* note
        if not self.has_answer(route, at):
            return False
        add(route.count, 1)
        if self.port.journal is not None:
            note = self.note(frame, at.size, table, route)
            if note != NULL:
                self.port.journal.end(note, UNANSWERED if oneway else ANSWERED, oneway)
        if oneway:
            add(self.binding.count.dropped, 1)
            return True
        self.say_next(self.answer_of(route, frame, at))
        return True

    cdef bint has_answer(self, route_t* route, const frame_t* at) except -1:
        """Does the route's action answer such a call?"""
        cdef Action action = <Action>route.action
        if action.direct is None or self.codec.headed and method_in(at.echo) == METHOD_CONNECT:
            return False                     # no answer but a server's makes a tunnel
        return action.redirect is None or self.binding.decisions.target is not None

    cdef bytes answer_of(self, route_t* route, const uint8_t* frame, const frame_t* at):
        """What the route's action says to this request."""
        cdef Action action = <Action>route.action
        cdef identity_t who = self.codec.identity(at)
        cdef bytes text = self.codec.text_of(frame, at.size) if self.codec.echoes_text else b""
        cdef bytes answer = self.codec.direct(action.direct, at.variant, at.echo, text, &who)
        if action.redirect is not None:
            answer = answer.replace(LOCATION, self.location(action, frame, at), 1)
        return answer

    cdef bytes location(self, object action, const uint8_t* frame, const frame_t* at):
        """Where the action sends this request of HTTP."""
        cdef slice_t[3] found
        cdef bytes authority = b"", host, path, scheme = b"http" if self.io.identity is None else b"https"
        if self.binding.decisions.target.find(frame, at.size, found, self.core.scratch, SCRATCH_SIZE, self.core.head) != FIND_OK:
            return b"/"
        path, host = text_in(&found[0]), text_in(&found[2]) or b""
        if self.core.head.host >= 0:
            authority = (<const char*>frame)[
                self.core.head.fields[self.core.head.host].value_at:][
                :self.core.head.fields[self.core.head.host].value_size]
        if not authority.lower().startswith(host):
            authority = host                 # the target names another
        return (<Action>action).location(scheme, authority, host, path, text_in(&found[1]))

    cdef int say_next(self, bytes frame) except -1:
        """Answer what was just read, behind all that was read before."""
        cdef uint64_t place = 0
        if self.order is not None and not self.order.enter(&place):
            return self.starved()
        return self.say_in_turn(place, frame)
