"""A call whose filters want the whole body of its request: it waits until that is here, and goes on with it.

What is kept is what the body says, without the framing of its chunks, which a client could make as long as it likes; it is
framed again, as one chunk, where it goes on. So what a filter may ask for is what is kept, and bounded by its limit; it is charged
as all that a call has waiting.

Nobody counts how long a body may take as a whole: a route's timeout, or the usual one where there is no route yet, is for the time
in which no byte of it comes, as everywhere with messages. The call's own deadline is for all of it.

What always holds: while it gathers it has a record, is its client's call under way, and its alarm is set; a body is gathered
once, for all its filters.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.calls cimport call_t
from proxy.datapath.counters cimport OVERLOAD, TIMEOUT, add
from proxy.datapath.filters cimport Step
from proxy.datapath.waiting cimport GO, PARKED, REPLY, Waiting
from xproto.kernel.http1 cimport BODY_CHUNKED, BODY_COUNTED
from xproto.kernel.http1_body cimport PART_DATA, PART_FRAMING, PART_TRAILERS, Part, body_t, is_whole, pass_part
from xproto.kernel.http1_facts cimport awaits_in, form_of, has_body

from proxy.filters.editing import without_expectation
from proxy.filters.interface import Reply
from proxy.snapshot.clusters import CALL_TIMEOUT

cdef enum:
    SIZE_ROOM = 24                # of a chunk's size in hexadecimal digits, and the ends of its lines

cdef int64_t SILENCE = <int64_t>(CALL_TIMEOUT * 1e6)
TOO_LARGE, EXHAUSTED = 413, 8     # of HTTP, and of gRPC


cdef inline void put(buf_t* into, const uint8_t* data, size_t size) noexcept nogil:
    if size:
        memcpy(into.data + into.head + into.size, data, size)
        into.size += size


cdef class Gathering(Waiting):
    cdef int needs_body(self, Step step) except -1:
        """GO: it is here, and not longer than the filter takes."""
        if not self.whole:
            if not has_body(self.scanned.echo, self.scanned.length):
                self.whole = True
            elif form_of(self.scanned.echo) == BODY_COUNTED and self.scanned.length > step.body_limit:
                return self.too_much(step)   # and its client need not even begin
            else:
                return self.gather(step)
        return GO if <int64_t>self.content.size <= step.body_limit else self.too_much(step)

    cdef int too_much(self, Step step) except -1:
        self.reply = Reply(OVERLOAD, TOO_LARGE, EXHAUSTED, f"xproto: the body is longer than {step.body_limit} bytes")
        add(step.replies, 1)
        return REPLY

    cdef int too_little_room(self, Step step) except -1:
        self.fail(step, "the buffers have no room for a body")
        self.reply = Reply(OVERLOAD)
        return REPLY

    cdef int gather(self, Step step) except -1:
        """The body is to come, and this filter is asked when it has."""
        if awaits_in(self.scanned.echo):
            self.awaited = True
            self.edited = without_expectation(self.frame_bytes)
            self.frame, self.size, self.seen = <const uint8_t*>self.edited, len(self.edited), None
            self.rescan()
        if not self.keep():
            return self.too_little_room(step)
        self.gathers, self.step = True, step
        self.lend(self.silent_until())
        return PARKED

    cdef int64_t silent_until(self) noexcept:
        """When it has waited long enough for a byte of it, or the call has no more time."""
        cdef int64_t most = SILENCE if self.table is None else self.route.timeout
        cdef int64_t until = max(self.caller.heard, self.start) + (most if most > 0 else SILENCE)
        return min(until, self.start + self.own * 1000) if self.own > 0 else until

    cdef bint stop_gathering(self) except -1:
        if not self.gathers:
            return False
        self.gathers = False
        self.unpark()
        return True

    cdef bint stop_waiting(self) except -1:
        return Waiting.stop_waiting(self) or self.stop_gathering()

    def timed_out(self):
        cdef int64_t until
        if not self.gathers:
            return Waiting.timed_out(self)
        until = self.silent_until()
        if until > self.core.now:
            self.core.wheel.set(&self.alarm, until)
            return
        self.stop_gathering()
        self.reply = Reply(TIMEOUT)
        self.come_to(REPLY)

    cdef int body_comes(self, call_t* call, const body_t* body, const uint8_t* data, int64_t size) except -1:
        """Its connection passes it over when it has been kept here."""
        cdef body_t now = body[0]
        cdef int64_t at = 0, some
        cdef Part what = PART_FRAMING
        cdef int verdict = GO
        while at < size and verdict == GO and not is_whole(&now):
            some = pass_part(&now, data + at, size - at, &what)
            if some < 0:
                return 0                     # as its connection finds out itself
            if what == PART_DATA:
                verdict = self.more(data + at, some, &self.content)
            elif what == PART_TRAILERS:
                verdict = self.more(data + at, some, &self.trailers)
            at += some
        if verdict != GO:
            self.stop_gathering()
            self.come_to(verdict)
        return 0

    cdef int more(self, const uint8_t* data, int64_t size, buf_t* into) except -1:
        if into == &self.content and <int64_t>self.content.size + size > self.step.body_limit:
            return self.too_much(self.step)
        if not self.core.buffers.append(into, data, size, self.step.body_limit if into == &self.content else 0):
            return self.too_little_room(self.step)
        self.lent += size
        self.caller.lent += size
        self.caller.owned_up()
        return GO

    cdef int body_ends(self) except -1:
        if self.stop_gathering():
            self.whole = self.gathered = True
            self.come_to(GO)
        return 0

    cdef bint with_body(self, buf_t* into, const uint8_t* head, size_t size) noexcept:
        cdef size_t room = size + self.content.size + self.trailers.size + SIZE_ROOM
        cdef uint8_t* at = self.core.buffers.extend(into, room, room)
        if at == NULL:
            return False
        put(into, head, size)
        if form_of(self.scanned.echo) != BODY_CHUNKED:
            put(into, self.content.data + self.content.head, self.content.size)
            return True
        if self.content.size:
            into.size += snprintf(<char*>at + into.size, SIZE_ROOM, b"%zx\r\n", self.content.size)
            put(into, self.content.data + self.content.head, self.content.size)
            put(into, b"\r\n", 2)
        put(into, b"0\r\n", 3)
        put(into, self.trailers.data + self.trailers.head, self.trailers.size)
        return True
