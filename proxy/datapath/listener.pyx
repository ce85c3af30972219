"""Accepts connections, and survives having no room for them.

What always holds: while it listens, either the loop watches its socket or the alarm that will watch it again is set.
"""

import os

from libc.errno cimport EAGAIN, ECONNABORTED, EINTR

from proxy.datapath.counters cimport add
from proxy.datapath.downstream cimport new_downstream
from proxy.datapath.port cimport Port
from proxy.datapath.transport cimport Transport
from proxy.datapath.wheel cimport alarm_t


cdef int fire(alarm_t* alarm) except -1:
    cdef Listener listener = <Listener>alarm.owner
    return listener.start()


cdef class Listener:
    def __cinit__(self, Port port not None, int fd):
        self.port, self.fd, self.listening = port, fd, True
        self.alarm.owner, self.alarm.fire = <void*>self, fire

    def readable(self):
        try:
            self.port.core.now = self.port.core.clock.now()
            self.accept()
        except Exception as error:  # noqa: BLE001
            self.port.core.tell(f"listener {self.port.name}: internal error: {error!r}")

    cdef int start(self) except -1:
        if self.listening:
            self.port.core.loop.add_reader(self.fd, self.readable)
        return 0

    cdef int stop(self) except -1:
        if self.listening:
            self.listening = False
            self.port.core.wheel.cancel(&self.alarm)
            self.port.core.loop.remove_reader(self.fd)
        return 0

    cdef int accept(self) except -1:
        cdef Transport io
        cdef int code = 0
        for _ in range(ACCEPTS):
            io = self.port.core.network.accept(self.fd, &code)
            if io is not None:
                self.short = False
                if self.port.open() >= self.port.max_connections:
                    self.refuse(io)
                    continue
                self.full = False
                new_downstream(self.port, io)
            elif code == EAGAIN:
                break
            elif code not in (ECONNABORTED, EINTR):
                return self.rest(code)
        return 0

    cdef int refuse(self, Transport io) except -1:
        """One too many. Left in the queue it would wait for a service that it does not get: its client should know."""
        add(self.port.count.refused, 1)
        if not self.full:
            self.full = True
            self.port.core.tell(f"listener {self.port.name}: {self.port.max_connections} connections are open: no more are taken")
        io.abort()
        return io.close()

    cdef int rest(self, int code) except -1:
        """Out of descriptors or memory: leave the others in the queue for a while."""
        add(self.port.count.accept_paused, 1)
        if not self.short:
            self.short = True
            self.port.core.tell(f"listener {self.port.name}: cannot accept for now: {os.strerror(code)}")
        self.port.core.loop.remove_reader(self.fd)
        return self.port.core.wheel.set(&self.alarm, self.port.core.now + PAUSE)
