"""What holds for every connection, whatever it carries, and for tunnels: the part of the audit that knows no calls.

What always holds: nothing is changed; what is found is said in `found`, a line each.
"""

from proxy.datapath.buffers cimport queue_t, segment_t
from proxy.datapath.conn cimport CLOSED, CONNECTING, ENDING, FEEDS, OPEN, Conn, may
from proxy.datapath.tunnel cimport End, Far, Near


cdef class Look:
    cdef int wrong(self, str what) except -1:
        self.found.append(what)
        return 0

    cdef int conn(self, Conn conn) except -1:
        """What holds for every connection."""
        self.bytes += conn.tail.room + self.queue(conn, &conn.out)
        self.dirty += conn.dirty
        if conn.state == CLOSED:
            self.wrong(f"{conn.label()} is closed, but still in a list")
        elif conn.io is None or conn.io.owner is not conn:
            self.wrong(f"{conn.label()} has no transport that calls it")
        if conn.owns != (conn in self.core.owners):
            self.wrong(f"{conn.label()}: owns is {conn.owns}, and core.owners does not agree")
        if conn.feeding:
            self.wrong(f"{conn.label()} is feeding between events")
        if conn.tail.data == NULL and conn.tail.size:
            self.wrong(f"{conn.label()}: bytes without a buffer")
        if conn.tail.size and not may(conn, FEEDS):
            self.wrong(f"{conn.label()} keeps a tail that nobody will look at")
        if conn.tail.data != NULL and not conn.tail.size or conn.out.first.room and not conn.out.size and not conn.dirty:
            self.wrong(f"{conn.label()} keeps an empty buffer")
        if conn.out.size and not conn.dirty and not conn.stuck and conn.state != CONNECTING:
            self.wrong(f"{conn.label()}: {conn.out.size} bytes to be sent, but nothing will send them")
        return 0

    cdef size_t queue(self, Conn conn, const queue_t* queue) except? 0:
        """The room of all blocks of one of its queues."""
        cdef size_t room = queue.first.room, size = queue.first.size
        cdef segment_t* segment = queue.rest
        cdef segment_t* last = NULL
        while segment != NULL:
            room += segment.buf.room
            size += segment.buf.size
            last = segment
            segment = segment.next
        if size != queue.size:
            self.wrong(f"{conn.label()}: its queue's size is {queue.size}, but its blocks have {size}")
        if last != queue.last:
            self.wrong(f"{conn.label()}: its queue's last block is another one")
        return room

    cdef int tunnel(self, Near near) except -1:
        cdef Far far = near.other
        if far is None or far.other is not near:
            return self.wrong(f"{near.label()} is not linked both ways")
        self.end(near)
        self.end(far)
        if near.state != OPEN and near.state != ENDING:
            self.wrong(f"{near.label()} is in state {near.state}")
        if far.host is None or far not in far.host.tunnels:
            self.wrong(f"{far.label()} is in no host's list")
        if far.made == (far.state == CONNECTING):
            self.wrong(f"{far.label()} is in state {far.state}, and made is {far.made}")
        if near.said and far.said:
            self.wrong(f"{near.label()} has ended both ways, but does not go")
        return 0

    cdef int end(self, End end) except -1:
        cdef End other = end.other
        self.conn(end)
        self.alarms += end.alarm.next != NULL
        if end.tail.size:
            self.wrong(f"{end.label()} keeps {end.tail.size} bytes for itself")
        if end.paused and other.out.size <= end.window // 2 and not other.dirty:
            self.wrong(f"{end.label()} is not read, although the other end has room")
        if other.last != (end.state == ENDING):
            self.wrong(f"{end.label()} is in state {end.state}, and its end passed on: {other.last}")
        if end.said and (not end.last or end.out.size):
            self.wrong(f"{end.label()}: its end was sent too early")
        if end.last and not end.said and not end.out.size and not end.dirty and end.state != CONNECTING:
            self.wrong(f"{end.label()}: its end is never sent")
        return 0
