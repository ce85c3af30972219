from libc.stdint cimport int64_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, listener_count_t, protocol_count_t, secure_count_t
from proxy.datapath.decisions cimport Decisions
from proxy.datapath.filters cimport Filters
from proxy.datapath.h2_connection cimport H2End
from proxy.datapath.journal cimport Journal
from proxy.datapath.opening cimport Opening
from proxy.datapath.table cimport Table
from proxy.datapath.transport cimport Transport
from xproto.kernel.codec cimport Codec
from xproto.kernel.lookup cimport Lookup


cdef class Binding:
    """One protocol of one listener."""
    cdef Codec codec
    cdef Decisions decisions
    cdef protocol_count_t* count
    cdef Lookup texts                         # what the access log says of requests; None: there is no log
    cdef int first_text                       # which text of a note (notes.pxd) its first key is
    cdef Filters filters                      # that its calls go through; None: there are none
    cdef tuple carried                        # Bindings of what its connections' streams carry; empty: they have none
    cdef int become(self, Binding new) except -1


cdef class Chain:
    """What connections of one kind may speak, and where their calls go: those in plaintext, or those of a filter chain."""
    cdef readonly str name                    # None: plaintext
    cdef object tls                           # proxy.tls.settings.ServerTls; None: plaintext
    cdef object side                          # what makes its handshakes: proxy.tls.sides.Server
    cdef dict bindings                        # protocol -> Binding
    cdef Binding only                         # where nothing is to be detected
    cdef object detect
    cdef int become(self, Chain new) except -1


cdef class Guest(Caller):
    """A connection, as its port sees it."""
    cdef Port port
    cdef Chain chain                          # None: not known yet
    cdef Binding binding                      # None: not known yet
    cdef int adjust(self, bint rest_of) except -1     # what the port speaks, or its limits, are new
    cdef int leave(self) except -1            # the port is no more
    cdef Guest branch(self, Transport io, int kind)   # one for a stream of the connection that this one was; kind: of `carried`
    cdef bint fresh(self) noexcept            # may another exchange begin with it?


cdef class Shared(H2End):
    """A connection with streams, as its port sees it."""
    cdef Port port
    cdef int adjust(self, bint rest_of) except -1
    cdef int leave(self) except -1


cdef class Port:
    """What a listener's connections share, without the accepting."""
    cdef Core core
    cdef readonly str name
    cdef dict chains          # name -> Chain; None is the name of plaintext
    cdef object choice        # proxy.tls.choice.Choice; None: there is plaintext only
    cdef Opening opening
    cdef Journal journal      # the access log; None: there is none
    cdef int64_t turn         # of the journal, when the port left; 0: it has not, or has none
    cdef Py_ssize_t detect_bytes
    cdef int64_t detect_timeout, handshake_timeout, idle_timeout, max_in_flight, max_connections
    cdef size_t out_limit
    cdef listener_count_t* count
    cdef secure_count_t* secure_count
    cdef Counters counters
    cdef readonly dict connections    # Guest -> None: in the order in which they came, which a set has not
    cdef readonly dict tunnels        # Near -> None, as above
    cdef readonly dict shared         # Shared -> None, as above
    cdef Py_ssize_t open(self)        # how many there are in all
    cdef dict plan(self, spec, dict codecs, dict detectors, dict tables, contexts, Counters counters, filters)
    cdef Chain chain(self, str name, tls, side, tuple protocols, dict codecs, detector, bint detects, Table table,
                     Counters counters, bint logs, filters)
    cdef int become(self, spec, dict chains, Opening opening, Counters counters, Journal journal) except -1
    cdef bint has(self, Chain chain)
    cdef int insecure(self, str reason) except -1
    cpdef list everyone(self)
    cdef int part(self) except -1
    cdef int leave(self) except -1
    cdef int limit(self, spec) except -1
