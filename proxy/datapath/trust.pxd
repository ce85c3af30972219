cdef class Trust:
    """Peers whose word is taken. Made with a snapshot, never changed."""
    cdef bint locals              # those of a unix socket
    cdef list networks
    cdef bint holds(self, str peer) except -1
