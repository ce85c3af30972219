from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.trust cimport Trust
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http1_forward cimport hop_t


cdef class Border:
    """What this hop adds to heads and takes from them, by a listener's configuration. Never changed."""
    cdef Trust trust              # whose X-Forwarded fields are believed
    cdef bytes via                # None: this hop does not name itself
    cdef bint forwarded           # says who the client is
    cdef bint certifies           # says who a client of TLS is
    cdef bint numbers             # gives each request an id
    cdef bint connects            # CONNECT is passed on
    cdef frozenset upgrades       # protocols that a connection may switch to, in lower case
    cdef int64_t idle_timeout     # microseconds, of a connection that has switched; 0: never
    cdef int64_t head_timeout     # microseconds for a head to be whole
    cdef int64_t request(self, uint8_t* into, const uint8_t* frame, const head_t* head, hop_t* hop) except -1
    cdef bint switches(self, const uint8_t* frame, const head_t* head) except -1
    cdef void sign(self, hop_t* hop) noexcept
