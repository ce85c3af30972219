"""One check of one host that is under way, whatever it is checked by: a connection, or a stream of one, with one purpose.

    CONNECTING --made--> OPEN --an answer--> CLOSED
        `--refused--> CLOSED `--reset, too late--> CLOSED

A check by another protocol is a subclass: it begins (`start`), asks, and says what came of it (`settle`).

What always holds: its examiner hears of its end once, unless the examiner let go of it before; it outlives its result by no
more than the turn.
"""

from proxy.datapath.conn cimport Conn


cdef class Examiner:
    cdef int heard(self, Probe probe) except -1:
        return 0


cdef class Probe(Conn):
    cdef bint start(self) except -1:
        return False

    cdef int settle(self, object verdict) except -1:
        """The first result counts. It is told in this turn, when what has come with it is dealt with."""
        if self.outcome is None:
            self.outcome, self.reason = verdict
            self.touch()
        return 0

    cdef int flush(self) except -1:
        return Conn.flush(self) if self.outcome is None else self.shut()

    cdef int gone(self) except -1:
        cdef Examiner examiner = self.examiner
        self.examiner = None
        return examiner.heard(self) if examiner is not None else 0

    cdef str label(self):
        return f"{self.host.label()}: health check"
