"""What holds for connections that speak in messages: whose body goes where, and when nobody reads.

What always holds: nothing is changed; a connection whose protocol has ids is not looked at.
"""

from proxy.datapath.audit_filters cimport FilterLook
from proxy.datapath.calls cimport call_t, only_call
from proxy.datapath.conn cimport CONNECTING, OPEN
from proxy.datapath.messages cimport Messages
from proxy.datapath.stream cimport BODY
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.http1_body cimport is_whole


cdef class MessageLook(FilterLook):
    cdef int asker(self, Messages conn) except -1:
        cdef call_t* call = conn.calls
        cdef call_t* answered = NULL
        cdef bint found = False
        if conn.codec is None or not conn.codec.headed:
            return 0
        if conn.copy is not None:
            self.bytes += conn.copy.text.room
            if conn.stream.half != BODY:
                self.wrong(f"{conn.label()}: a copy of a request waits for more, and none is to come")
        while call != NULL:
            found = found or call == conn.begun
            if call.bodied and call != conn.begun:
                self.wrong(f"{conn.label()}: more of a request is to come, but it is not the one that is under way")
            answered = call
            call = call.next
        if conn.begun != NULL:
            if not found:
                return self.wrong(f"{conn.label()}: what is under way is no call of it")
            if conn.reader is not None and conn.stream.half != BODY:
                self.wrong(f"{conn.label()}: filters wait for a body, and none is to come")
            if not conn.begun.bodied or conn.stream.half != BODY or is_whole(&conn.body):
                self.wrong(f"{conn.label()}: a request is under way, and none is")
            if conn.sink is not None and <void*>conn.sink != conn.begun.upstream:
                self.wrong(f"{conn.label()}: a request's body goes elsewhere than its head")
            if conn.sink is None and conn.begun.upstream != NULL and (<Upstream>conn.begun.upstream).state != CONNECTING:
                self.wrong(f"{conn.label()}: a request's body goes nowhere, although its head is sent")
        elif conn.reader is not None:
            self.wrong(f"{conn.label()}: filters wait for a body that is of no request")
        elif conn.sink is not None:
            self.wrong(f"{conn.label()}: sends a body that is of no request")
        if conn.in_flight > 1:
            self.wrong(f"{conn.label()}: {conn.in_flight} requests of it are on their way at a time")
        if conn.feeder is not None and (answered == NULL or answered.upstream != <void*>conn.feeder):
            self.wrong(f"{conn.label()}: gets an answer to nothing that it asked")
        if conn.concludes and conn.feeder is None:
            self.wrong(f"{conn.label()}: an answer that ends with the connection is under way, and none is")
        return 0

    cdef int answerer(self, Upstream conn) except -1:
        cdef call_t* call = only_call(&conn.ids)
        self.bytes += conn.kept.room
        if not conn.codec.headed:
            return 0
        if conn.kept.size and not conn.io.streams and (call == NULL or call.bodied):
            self.wrong(f"{conn.label()}: keeps a request that it cannot send again")
        if conn.ids.count > 1:
            self.wrong(f"{conn.label()}: {conn.ids.count} exchanges at a time")
        if conn.feeder is not None:
            if conn.whole:
                self.wrong(f"{conn.label()}: its request is whole, and more of it is to come")
            if call == NULL or call.caller != <void*>conn.feeder or not call.bodied:
                self.wrong(f"{conn.label()}: gets the body of a request that is not its own")
        if conn.sink is not None and (call == NULL or call.caller != <void*>conn.sink):
            self.wrong(f"{conn.label()}: its answer goes to who did not ask")
        if call != NULL and call.caller != NULL and conn.state == OPEN and conn.whole == call.bodied:
            self.wrong(f"{conn.label()}: whole is {conn.whole}, and of its call more is to come: {call.bodied}")
        if call != NULL and call.attempt != NULL and call.attempt.held and not conn.tail.size:
            self.wrong(f"{conn.label()}: the head of an answer is held back, and is not here")
        if call == NULL and conn.stream.half == BODY:
            self.wrong(f"{conn.label()}: an answer is under way, and nobody asked")
        if conn.shelved and (conn.stream.half == BODY or conn.feeder is not None or conn.leaves or conn.tail.size):
            self.wrong(f"{conn.label()} is on its shelf, and an exchange of it has no end")
        return 0

    cdef bint holds_on(self, Messages conn) noexcept:
        """Is it not read because its request's body has nowhere to go yet, or it does not read the answer before?"""
        if conn.codec is not None and conn.codec.headed and conn.out.size > conn.window // 2:
            return True
        return conn.begun != NULL and conn.sink is None and (
            conn.begun.upstream == NULL or (<Upstream>conn.begun.upstream).state == CONNECTING)
