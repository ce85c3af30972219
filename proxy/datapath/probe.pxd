from proxy.datapath.conn cimport Conn
from proxy.datapath.host cimport Host


cdef class Examiner:
    """Whoever has a host checked."""
    cdef int heard(self, Probe probe) except -1        # it has ended


cdef class Probe(Conn):
    cdef Examiner examiner        # None: it has heard, or does not want to
    cdef Host host
    cdef object kind              # what the configuration says of this kind of check
    cdef double timeout           # seconds that it may take
    cdef str outcome, reason      # proxy.health.verdict; None: nothing to say of the host
    cdef bint start(self) except -1                    # False: the host cannot be checked now
    cdef int settle(self, object verdict) except -1
