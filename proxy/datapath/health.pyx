"""Active health checks of a cluster's hosts: when each is checked, and what its checks have made of it.

    resting --interval--> a check under way --result, or timeout--> resting

What a check consists of is a `Probe`'s; what its results mean is decided purely (`proxy.health.thresholds`). A host that is
`sick` gets no new calls (`balancer.pyx`); those that it has go on.

What always holds: a host of a cluster with checks has one monitor, any other host has none and is not sick; a monitor's alarm
is set; a monitor has one check under way at most; what ends a monitor ends its check.
"""

import traceback

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.counters cimport add, take
from proxy.datapath.probe_grpc cimport GrpcProbe

from proxy.health.thresholds import Thresholds, Vitals
from proxy.snapshot import GrpcCheck

PROBES = {GrpcCheck: GrpcProbe}

cdef enum:
    SPREAD = 10               # one part of so many of an interval is left to chance, so that checks do not come all at once


cdef int fire(alarm_t* alarm) except -1:
    cdef Monitor monitor = <Monitor>alarm.owner
    monitor.core.now = monitor.core.clock.now()
    return monitor.on_alarm()


cdef Monitor new_monitor(Core core, Host host, object check):
    cdef Monitor made = Monitor.__new__(Monitor)
    made.core, made.host, made.vitals = core, host, Vitals()
    made.alarm.owner, made.alarm.fire = <void*>made, fire
    made.adjust(check)
    return made


cdef class Monitor(Examiner):
    cdef int adjust(self, object check) except -1:
        """How it is checked has changed: the next result counts at once."""
        if check == self.check:
            return 0
        self.cancel()
        self.check = check
        self.thresholds = Thresholds(check.unhealthy_threshold, check.healthy_threshold)
        self.vitals = self.vitals.anew()
        return self.set(self.spread())

    cdef int64_t spread(self) noexcept:
        """Microseconds, at random."""
        return <int64_t>(self.core.dice() % <uint64_t>(<int64_t>(<double>self.check.interval * 1e6) // SPREAD + 1))

    cdef int set(self, int64_t wait) except -1:
        return self.core.wheel.set(&self.alarm, self.core.now + wait)

    cdef int on_alarm(self) except -1:
        cdef Probe probe = self.probe
        try:
            if probe is None:
                return self.begin()
            probe.settle(("timeout", f"no answer within {self.check.timeout:g}s"))
            return probe.shut()
        except Exception as error:  # noqa: BLE001
            trace = "".join(traceback.format_exception(error)).rstrip()
            self.core.tell(f"{self.host.label()}: internal error in a health check: {trace}")
            self.cancel()
            return self.set(<int64_t>(<double>self.check.interval * 1e6))

    cdef int begin(self) except -1:
        cdef Probe probe = PROBES[type(self.check.kind)]()
        probe.core, probe.host, probe.examiner = self.core, self.host, self
        probe.kind, probe.timeout = self.check.kind, self.check.timeout
        self.probe = probe
        if not probe.start():
            return self.heard(probe)
        if self.probe is probe:              # behind the alarm of a connection that is made for it: that one says more
            self.set(<int64_t>(<double>self.check.timeout * 1e6))
        return 0

    cdef int heard(self, Probe probe) except -1:
        cdef Host host = self.host
        cdef object before = self.vitals
        if self.probe is not probe:
            return 0
        self.probe = None
        self.set(<int64_t>(<double>self.check.interval * 1e6) - self.spread())
        if probe.outcome is None:
            return 0
        self.outcome, self.reason = probe.outcome, probe.reason
        add(host.cluster.counters.slot("upstream_health_checks_total", {
            "cluster": host.cluster.name, "host": host.address, "outcome": self.outcome}), 1)
        self.vitals = before.after(self.outcome == "passed", self.thresholds)
        if self.vitals.healthy == before.healthy:
            return 0
        self.mark(self.vitals.healthy)
        self.core.tell(f"{host.label()}: {'healthy again' if self.vitals.healthy else f'unhealthy: {self.reason}'}")
        return host.cluster.stir()

    cdef int cancel(self) except -1:
        """The check under way is nobody's any more."""
        cdef Probe probe = self.probe
        self.probe = None
        if probe is None:
            return 0
        probe.examiner = None
        return probe.shut()

    cdef int stop(self) except -1:
        """The host is not checked any more, and not held for anything."""
        self.core.wheel.cancel(&self.alarm)
        self.mark(True)
        return self.cancel()

    cdef int mark(self, bint healthy) except -1:
        cdef Host host = self.host
        if host.sick != healthy:
            return 0
        host.sick = not healthy
        if host.sick:
            host.cluster.felt(host, 1)
            add(host.count.unhealthy, 1)
        else:
            host.cluster.felt(host, -1)
            take(host.count.unhealthy, 1)
        return 0


cdef class Monitors:
    def __cinit__(self):
        self.found = {}

    cdef int become(self, Core core, object check, list hosts) except -1:
        """Each of these hosts is checked so; those that are already keep what is held of them."""
        cdef Monitor monitor
        cdef Host host
        if check is None:
            return self.stop()
        staying = set(hosts)
        for host in list(self.found):
            if host not in staying:
                monitor = self.found.pop(host)
                monitor.stop()
        for host in hosts:
            monitor = self.found.get(host)
            if monitor is None:
                self.found[host] = new_monitor(core, host, check)
            else:
                monitor.adjust(check)
        return 0

    cdef int stop(self) except -1:
        cdef Monitor monitor
        found, self.found = self.found, {}
        for monitor in found.values():
            monitor.stop()
        return 0

    cdef object describe(self, Host host):
        """None: it is not checked. `reason`: of the last check, if it did not pass."""
        cdef Monitor monitor = self.found.get(host)
        if monitor is None:
            return None
        state = "unknown" if not monitor.vitals.known else "healthy" if monitor.vitals.healthy else "unhealthy"
        return {"state": state, "last": monitor.outcome, "reason": monitor.reason}
