from libc.stdint cimport int64_t

from proxy.datapath.core cimport Core
from proxy.datapath.host cimport Host
from proxy.datapath.probe cimport Examiner, Probe
from proxy.datapath.wheel cimport alarm_t


cdef class Monitor(Examiner):
    cdef Core core
    cdef Host host
    cdef object check             # proxy.snapshot.HealthCheck
    cdef object thresholds, vitals        # of proxy.health.thresholds
    cdef Probe probe              # the check under way; None: it rests
    cdef alarm_t alarm            # the next check, or the end of the one under way
    cdef str outcome, reason      # of the last check; None: there was none
    cdef int adjust(self, object check) except -1
    cdef int64_t spread(self) noexcept
    cdef int set(self, int64_t wait) except -1
    cdef int on_alarm(self) except -1
    cdef int begin(self) except -1
    cdef int cancel(self) except -1
    cdef int stop(self) except -1
    cdef int mark(self, bint healthy) except -1


cdef class Monitors:
    cdef dict found               # Monitor by Host
    cdef int become(self, Core core, object check, list hosts) except -1
    cdef int stop(self) except -1
    cdef object describe(self, Host host)
