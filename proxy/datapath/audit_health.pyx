"""What holds of health checks: who is checked, who is held for sick, and that no check is left alone.

What always holds: nothing is changed.
"""

from libc.stdint cimport int64_t

from proxy.datapath.cluster cimport Cluster
from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.h2_upstream cimport H2Upstream
from proxy.datapath.host cimport Host
from proxy.datapath.probe cimport Probe


cdef class HealthLook(StreamLook):
    cdef int health(self, Cluster cluster) except -1:
        cdef Monitor monitor
        cdef Host host
        for host in cluster.hosts:
            if cluster.monitors.found and host not in cluster.monitors.found:
                self.wrong(f"{host.label()} is not checked, and others are")
            if host.sick and host not in cluster.monitors.found:
                self.wrong(f"{host.label()} is sick, and nobody checks it")
        for host in cluster.leaving:
            if host.sick:
                self.wrong(f"{host.label()} leaves, and is sick")
        for subset in cluster.subsets.values():
            self.subset(cluster, subset)
        for host, monitor in cluster.monitors.found.items():
            if host not in cluster.hosts or monitor.host is not host:
                self.wrong(f"{host.label()} is checked, and no host of its cluster")
            self.monitor(monitor)
        return 0

    cdef int subset(self, Cluster cluster, Subset subset) except -1:
        cdef Host host
        cdef int64_t sick = 0
        for host in subset.hosts:
            sick += host.sick
            if host not in cluster.hosts or host not in subset.members:
                self.wrong(f"{host.label()} is a subset's, and not its cluster's")
        if sick != subset.sick:
            self.wrong(f"cluster {cluster.name}: {subset.sick} hosts of {subset.match} are sick, there are {sick}")
        if len(subset.hosts) != subset.count or len(subset.members) != subset.count:
            self.wrong(f"cluster {cluster.name}: {subset.match} has {len(subset.hosts)} hosts, and says {subset.count}")
        return 0

    cdef int monitor(self, Monitor monitor) except -1:
        cdef Host host = monitor.host
        cdef Probe probe = monitor.probe
        cdef H2Upstream bearer
        self.alarms += monitor.alarm.next != NULL
        if monitor.alarm.next == NULL:
            self.wrong(f"{host.label()} is never checked again")
        if host.sick == monitor.vitals.healthy:
            self.wrong(f"{host.label()}: sick is {host.sick}, and its checks say otherwise")
        if probe is None:
            return 0
        self.conn(probe)
        if probe.examiner is not monitor or probe.host is not host:
            self.wrong(f"{probe.label()} is another's")
        if not probe.io.streams:
            return 0
        bearer = <H2Upstream>(<H2Stream>probe.io).connection
        if bearer not in host.shared and bearer not in host.fading:
            self.wrong(f"{probe.label()} goes by a connection that its host has not")
        return 0
