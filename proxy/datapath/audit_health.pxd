from proxy.datapath.audit_streams cimport StreamLook
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.health cimport Monitor
from proxy.datapath.subset cimport Subset


cdef class HealthLook(StreamLook):
    cdef int health(self, Cluster cluster) except -1
    cdef int subset(self, Cluster cluster, Subset subset) except -1
    cdef int monitor(self, Monitor monitor) except -1
