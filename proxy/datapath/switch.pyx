"""From messages to a tunnel: a client and a server that have agreed on another protocol, by an upgrade or by CONNECT.

Both connections hand their sockets over and end; what is still to be sent to either side goes first.

What always holds: no byte is lost or sent twice; the call counts as answered.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memset

from proxy.datapath.buffers cimport queue_t
from proxy.datapath.calls cimport call_t
from proxy.datapath.conn cimport CLOSED, Conn
from proxy.datapath.host cimport Host
from proxy.datapath.newcomer cimport Newcomer
from proxy.datapath.port cimport Port
from proxy.datapath.transport cimport Transport
from proxy.datapath.tunnel cimport tie
from proxy.datapath.upstream cimport Upstream


cdef Transport hand_over(Conn conn):
    """Its socket, watched by nobody; the connection has none any more."""
    cdef Transport io = conn.io
    io.watch_read(False)
    io.watch_write(False)
    conn.io = None
    return io


cdef queue_t take_queue(Conn conn) noexcept:
    cdef queue_t queue = conn.out
    memset(&conn.out, 0, sizeof(queue_t))
    return queue


cdef int switch_over(Newcomer near, call_t* call, Upstream far, const uint8_t* data, size_t size) except -1:
    """`data`: what the server has sent behind its answer; there may be more of it behind the tail."""
    cdef Port port = near.port
    cdef Host host = <Host>far.keeper
    cdef str client = near.client
    cdef queue_t to_client, to_server
    cdef Transport near_io, far_io
    cdef bytes later = data[:size], early = b""
    if near.core.more_size:
        later += near.core.more[:near.core.more_size]
    if near.tail.size:                       # before the client's side may end
        early = near.tail.data[near.tail.head:near.tail.head + near.tail.size]
    far.settle(call)
    near.answered(call)
    near.core.calls.give(call)
    if near.state == CLOSED:
        return far.shut()
    to_client, to_server = take_queue(near), take_queue(far)
    near_io, far_io = hand_over(near), hand_over(far)
    try:
        tie(port, near_io, client, &to_client, early, far_io, host, &to_server, later)
    finally:
        near.shut()
        far.shut()
    return 0
