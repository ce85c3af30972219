"""The bodies of messages, passed on as they come: nothing waits until a body is whole, and no more of it is kept than the
window of whom it goes to.

A body belongs to the message whose head came before it by the same connection. It goes to the sink; without one it is
thrown away, so that the message behind it can be read.

What always holds: `stream.half` is BODY exactly while bytes of a body may come; a body that ends early breaks the sink off.
"""

from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.buffers cimport filled
from proxy.datapath.conn cimport SENDS, may
from proxy.datapath.counters cimport add
from proxy.datapath.relay cimport Relay
from proxy.datapath.stream cimport BODY, DATA, END, HEAD, TRAILERS, step
from xproto.kernel.http1_body cimport begin_body, is_whole, pass_body, take_apart


cdef class Flow(Relay):
    cdef int follow(self, int64_t facts, int64_t length) except -1:
        """A body comes next."""
        step(&self.stream, HEAD)
        begin_body(&self.body, facts, length)
        self.plain = False
        return 0

    cdef int join(self, Flow sink) except -1:
        """The body goes there from now on."""
        self.sink, sink.feeder = sink, self
        return 0

    cdef Py_ssize_t flow(self, const uint8_t* data, size_t size) except -1:
        """More of the body: the bytes of it that are dealt with."""
        cdef Py_ssize_t ready
        if self.plain and self.sink is not None:
            ready = self.give_plain(data, size)
        else:
            ready = pass_body(&self.body, data, size)
            if ready > 0:
                step(&self.stream, DATA)
                if self.sink is not None:
                    self.give(data, ready, is_whole(&self.body))
                if self.stream.half != BODY:
                    return ready             # whoever broke took this connection along
        if ready < 0:
            self.misread(f"{self.codec.name}: a body's chunks")
            return size
        if is_whole(&self.body):
            self.end_of_body()
        elif self.sink is not None and self.sink.out.size > self.sink.window:
            self.pause()
        return ready

    cdef int give(self, const uint8_t* data, size_t size, bint last) except -1:
        """Bytes for the sink. Many of them go straight to its socket, if nothing is in front of them."""
        cdef Relay sink = self.sink
        cdef Py_ssize_t put
        if size >= THROUGH and not sink.stuck and may(sink, SENDS):
            if sink.out.size:
                sink.flush()
            if not sink.out.size and not sink.stuck and may(sink, SENDS):
                put = sink.io.send(data, size)
                if put > 0:
                    add(sink.tx, put)
                    sink.told = self.core.now
                    data += put
                    size -= put
        if self.sink is not sink:
            return 0                    # it broke while it was written to
        if size:
            sink.piece(data, size)
        elif last:
            sink.touch()
        return 0

    cdef Py_ssize_t give_plain(self, const uint8_t* data, size_t size) except -1:
        cdef uint8_t* into = self.core.buffers.room(&self.sink.out, size)
        cdef int64_t taken = 0, used
        if into == NULL:
            self.sink.starved()
            return size
        used = take_apart(&self.body, data, size, into, &taken)
        if used > 0:
            step(&self.stream, DATA)
            filled(&self.sink.out, taken)
            self.sink.owned_up()
            self.sink.touch()
        return used

    cdef int end_of_body(self) except -1:
        cdef Relay sink = self.sink
        step(&self.stream, TRAILERS)
        step(&self.stream, END)
        if sink is not None:
            self.sink = sink.feeder = None
        return self.finished()
