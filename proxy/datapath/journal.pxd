from libc.stdint cimport int64_t

from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, log_count_t
from proxy.datapath.notes cimport Notebook, note_t
from proxy.datapath.wheel cimport alarm_t

cdef enum:
    MOST_WAITING = 65536      # notes of a worker that are not written yet: some 20 MB, ten seconds of a disk that is stuck
    EVERY = 100000            # microseconds between batches
    MANY = 4096               # notes that are handed over at once
    AT_ONCE = 256 * 1024      # bytes of lines, after which they are written: a batch may have more


cdef class Batch:
    """Notes of one listener that are written together."""
    cdef note_t* first
    cdef int64_t count
    cdef int64_t offset       # from the clock of calls to the time of day
    cdef bint json
    cdef object file          # keeps it open
    cdef Counters counters    # keeps the names
    cdef log_count_t* tally
    cdef Scribe scribe
    cdef int go(self) except -1
    cdef int lose(self, object error) except -1
    cdef int settle(self, int64_t written) except -1
    cdef int write(self) except -1
    cdef int say(self, int code) except -1


cdef class Journal(Notebook):
    """The access log of one listener: its notes, until they are handed over."""
    cdef Scribe scribe
    cdef note_t* first
    cdef note_t* last
    cdef int64_t count
    cdef object file          # proxy.observe.logfile.LogFile; None: it has no log any more
    cdef bint json
    cdef log_count_t* tally
    cdef int64_t open         # notes of calls that have not ended
    cdef int64_t turns        # how often it became something
    cdef bint left            # its listener is no more: it lets go of its file when no note is open
    cdef int leave(self, int64_t turn) except -1
    cdef int become(self, object file, str format, log_count_t* tally) except -1
    cdef int hand_over(self) except -1


cdef class Scribe:
    """Has the notes of a worker written."""
    cdef Core core
    cdef Counters counters
    cdef dict journals        # by listener; never given up, since notes point at them
    cdef object queue, thread
    cdef alarm_t alarm
    cdef readonly int64_t waiting
    cdef Journal journal(self, str name, spec, files, Counters counters)
    cdef int hand_over(self) except -1
    cdef int close(self) except -1
