from libc.stdint cimport int64_t, uint64_t, uint8_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.carrier cimport limits_t
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, host_count_t
from proxy.datapath.h2_upstream cimport H2Upstream
from proxy.datapath.transport cimport Transport
from proxy.datapath.pingpong cimport Pool, Shelf
from proxy.datapath.subset cimport choice_t
from proxy.datapath.upstream cimport Keeper, Upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t

cdef enum:
    OWN_CONNECTIONS = 64      # of a host, each for one call at a time
    VARIANTS = 16             # protocols and variants that a host may hold connections for at once
    SLOW_CONNECT = 50000      # microseconds after which a connect in progress is no longer hoped for


cdef struct wish_t:           # what a call wants of a connection
    int64_t variant
    uint64_t tried            # bits of the hosts that refused the connection
    const choice_t* choice    # of hosts, which have to do nothing with it
    uint8_t cell              # of its caller, see calls.pxd
    int lane                  # see carrier.pxd
    bint desperate            # anything is better than no connection


cdef enum Verdict:            # why a host gives no connection
    TAKEN = 0                 # it does
    AWAY = 1                  # it cannot be connected to, for now
    BUSY = 2
    DOUBTFUL = 3              # only one that still connects, and slowly or after a failure


cdef class Family:
    """A cluster, as its hosts see it."""
    cdef readonly str name
    cdef readonly dict leaving    # hosts that left it and still have connections; the values mean nothing
    cdef int made                 # hosts so far
    cdef limits_t limits
    cdef Counters counters
    cdef int dispatch(self, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int felt(self, Keeper host, int more) except -1
    cdef int stir(self) except -1
    cdef int serve(self, Upstream upstream, Pool pool, Keeper host, bint sick) except -1


cdef class Host(Keeper):
    cdef Core core
    cdef Family cluster
    cdef readonly str address
    cdef int index            # not its place: that changes
    cdef host_count_t* count
    cdef object tls           # how it is spoken to: proxy.tls.settings.ClientTls; None: plaintext
    cdef object side          # what makes its handshakes: proxy.tls.sides.Resumer
    cdef bint leaving         # it belongs to the cluster no more: no new calls
    cdef list active          # Upstream, CONNECTING or OPEN
    cdef list draining        # Upstream, DRAINING
    cdef dict tunnels         # Far -> None, connecting or open
    cdef list shared          # H2Upstream, CONNECTING or OPEN: their streams are what `active` has
    cdef list fading          # H2Upstream, DRAINING
    cdef readonly int64_t failures    # to connect, in a row
    cdef int64_t retry_at
    cdef bint older           # by its TLS it does not speak HTTP/2
    cdef bint smooth          # this is no failure to connect: calls go on at once, by the other version
    cdef int64_t turned       # when that was found out; 0: it was not asked
    cdef bint sick            # its health checks say so: no new calls, unless the cluster takes any host
    cdef Upstream lend(self, Codec codec, int64_t variant, bint* connecting)
    cdef int64_t held(self, bint own) noexcept
    cdef Upstream pick(self, Codec codec, const wish_t* wish, Verdict* verdict)
    cdef Upstream find(self, Codec codec, const wish_t* wish, Verdict* verdict, int64_t* had)
    cdef Upstream open(self, Codec codec, const wish_t* wish)
    cdef dict shelves         # Shelf by Pool
    cdef Shelf shelf(self, Pool pool)
    cdef bint holds(self, Pool pool)
    cdef Upstream take(self, Pool pool, Verdict* verdict)
    cdef Transport dial(self)
    cdef Transport stream(self)
    cdef H2Upstream sharing(self)
    cdef bint streams(self, Codec codec) noexcept
    cdef bint turns(self, Upstream upstream) noexcept
    cdef bint crowded(self)
    cdef int back_off(self) except -1
    cdef int adjust(self, bint changed) except -1
    cdef int leave(self) except -1
    cdef int works(self) except -1
    cdef int forget(self) except -1
    cdef int made(self, Upstream upstream) except -1
