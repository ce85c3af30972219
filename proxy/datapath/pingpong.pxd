from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.calls cimport Line, call_t, shares_t
from proxy.datapath.core cimport Core
from proxy.datapath.subset cimport Subset
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec


cdef struct spot_t:               # of a call that waits, and its frame
    spot_t* next
    spot_t* prev
    void* queue                   # borrowed Queue that it is in
    uint64_t number               # of its arrival
    call_t* call
    buf_t frame


cdef class Queue:                 # of calls that may go to the same hosts
    cdef Subset subset
    cdef spot_t* first            # the longest waiting
    cdef spot_t* last
    cdef spot_t* cursor           # which is looked at next; NULL: none
    cdef bint blocked             # all its hosts are busy, so nothing behind the first needs to be looked at


cdef class Pool(Line):
    cdef Core core
    cdef readonly Codec codec
    cdef readonly int64_t variant
    cdef dict queues              # Queue by Subset: those in which calls wait
    cdef readonly uint64_t count  # calls that wait
    cdef uint64_t arrivals        # that have ever waited
    cdef shares_t shares          # among their callers
    cdef uint64_t* gauge
    cdef bint enter(self, call_t* call, Subset subset, const uint8_t* frame, size_t size, uint64_t most) except -1
    cdef spot_t* oldest_for(self, object host, bint sick) except? NULL
    cdef int rewind(self, bint unblocking) except -1
    cdef spot_t* oldest(self) except? NULL
    cdef buf_t take(self, spot_t* spot) noexcept


cdef class Shelf:
    cdef readonly Pool pool
    cdef readonly list spare      # Upstreams without a call, the last used at the end
    cdef readonly int64_t held    # connections that calls may have: CONNECTING and OPEN
    cdef readonly int64_t opening # CONNECTING
    cdef Upstream lend(self)
    cdef int put(self, Upstream upstream) except -1
    cdef int lose(self, Upstream upstream) except -1
