from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.simulated_loop cimport Dice, SimulatedLoop, Source
from proxy.datapath.transport cimport Network, Transport


cdef class Wire(Source):
    cdef SimulatedLoop loop
    cdef SimulatedNetwork network
    cdef SimulatedTransport transport     # None once the proxy has closed it
    cdef readonly uint64_t number
    cdef public object peer               # has received(bytes) and ended(reset)
    cdef str address
    cdef bytearray inward                 # to the proxy
    cdef size_t read, arrived             # of these, consumed, and there to be read
    cdef bytearray outward                # to the peer
    cdef size_t sent                      # of these, consumed
    cdef bint pending                     # connecting, and the outcome is not known
    cdef int refusal                      # errno of the connect
    cdef int error                        # errno that the next recv or send tells, once
    cdef bint reads, writes               # the proxy waits for it
    cdef bint inward_end, outward_end     # an end follows the bytes
    cdef bint peer_gone, broken
    cdef bint rude                        # the proxy's close will be a reset
    cdef bint told                        # the peer has seen the end
    cdef public bint reading              # does the peer read?
    cdef public bint closed               # by the proxy
    cdef int events(self) noexcept
    cdef Py_ssize_t recv(self, uint8_t* into, size_t room) noexcept
    cdef Py_ssize_t send_bytes(self, const uint8_t* data, size_t size) noexcept
    cdef int close_proxy(self) except -1
    cdef int give(self) except -1
    cdef size_t part(self, size_t most) noexcept


cdef class SimulatedTransport(Transport):
    cdef Wire wire


cdef class SimulatedNetwork(Network):
    cdef SimulatedLoop sim
    cdef Dice dice
    cdef readonly dict hosts              # address -> whoever answers it
    cdef uint64_t made
    cdef readonly int64_t open            # transports of the proxy
    cdef public bint full                 # no descriptors left
    cdef public uint64_t short_in_1000    # recv and send that move less than they could
    cdef public uint64_t window           # bytes that a send buffer holds
    cdef SimulatedTransport transport(self, Wire wire)
