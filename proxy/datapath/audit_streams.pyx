"""What holds for connections with streams: who waits for what, and that windows and tables agree.

What always holds: nothing is changed; the owners of streams are looked at by whoever looks at such owners.
"""

from libc.stdint cimport uint32_t

from proxy.datapath.audit_messages cimport MessageLook
from proxy.datapath.conn cimport CLOSED, CONNECTING, DRAINING, OPEN, Conn
from proxy.datapath.h2_connection cimport Frames, H2End
from proxy.datapath.h2_downstream cimport H2Downstream
from proxy.datapath.h2_exchange cimport CROWDED
from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.h2_upstream cimport H2Upstream
from xproto.kernel.http2_wire cimport STREAM_WINDOW
from xproto.kernel.http2_streams cimport GOT_END, SENT_END, STALLED, h2stream_t


cdef class StreamLook(MessageLook):
    cdef int near(self, H2Downstream conn) except -1:
        cdef H2Stream stream
        self.bearer(conn, conn.streams)
        for stream in [each for kind in conn.spare for each in kind]:
            if stream.stream != NULL or stream not in conn.streams:
                self.wrong(f"{conn.label()}: a spare stream is at work, or nobody's")
        return 0

    cdef int far(self, H2Upstream conn, bint fades) except -1:
        self.bearer(conn, conn.streams)
        if fades and conn.state != DRAINING or not fades and conn.state != CONNECTING and conn.state != OPEN:
            self.wrong(f"{conn.label()} is in state {conn.state}, and fades: {fades}")
        if conn.state == DRAINING and not conn.streams and not conn.dirty and not conn.stuck:
            self.wrong(f"{conn.label()} is draining for nobody, but does not go")
        return 0

    cdef int bearer(self, H2End conn, dict streams) except -1:
        """Any connection with streams."""
        cdef H2Stream stream
        cdef h2stream_t* parted
        cdef uint32_t i
        cdef int count = 0
        self.conn(conn)
        self.alarms += conn.alarm.next != NULL
        if (<Frames>conn.session).end is not conn:
            self.wrong(f"{conn.label()}: its session is another's")
        for stream in streams:
            count += stream.stream != NULL
            self.stream(conn, stream)
        for i in range(conn.session.streams.room):
            parted = conn.session.streams.slots[i]
            if parted != NULL and parted.owner == NULL:
                count += 1
                if not parted.progress & SENT_END:
                    self.wrong(f"{conn.label()}: a stream has nobody, and is not at its end")
        if count != conn.session.streaming or count != <int>conn.session.streams.count:
            self.wrong(f"{conn.label()}: {conn.session.streaming} streams are open, {count} have a transport, or need none")
        if conn.doomed and not conn.dirty:
            self.wrong(f"{conn.label()}: nothing will close who is to be closed")
        for stream in conn.blocked:
            if not stream.blocked:
                self.wrong(f"{conn.label()}: a stream is in its line twice, or should not be")
            if stream.connection is conn and (<Conn>stream.owner).stuck and not conn.dirty and not conn.stuck and (
                    conn.state == OPEN and (stream.stream != NULL or conn.session.has_room())):
                self.wrong(f"{conn.label()}: a stream waits, and nothing will wake it")
            if stream.connection is not conn or conn.state == DRAINING and stream.stream == NULL and not conn.dirty:
                self.wrong(f"{conn.label()}: a stream is closed, or will get none here, and waits for one")
        return 0

    cdef int stream(self, H2End conn, H2Stream stream) except -1:
        cdef Conn owner = <Conn>stream.owner
        self.bytes += stream.trailers.room + stream.asked.room
        if stream.connection is not conn or owner is None or owner.state == CLOSED or owner.io is not stream:
            return self.wrong(f"{conn.label()}: a stream has no owner, or is another's")
        if stream.blocked and stream not in conn.blocked:
            self.wrong(f"{owner.label()} waits for its connection, which does not know")
        if stream.stream == NULL:
            return 0
        if stream.stream.owner != <void*>stream:
            self.wrong(f"{owner.label()}: its stream is not linked both ways")
        if stream.stream.progress & STALLED and conn.session.sendable(stream.stream) > 0:
            self.wrong(f"{owner.label()} waits for a window, and has one")
        if owner.stuck and owner.state != CONNECTING and not stream.blocked and not stream.stream.progress & STALLED:
            self.wrong(f"{owner.label()}: {owner.out.size} bytes wait, and nothing will send them")
        if stream.stream.recv_window < 0 or stream.stream.recv_window + stream.stream.owed + stream.waiting > STREAM_WINDOW:
            self.wrong(f"{owner.label()}: {stream.stream.recv_window}, {stream.stream.owed}, {stream.waiting} bytes of a window")
        if stream.waiting and not owner.paused and not stream.stream.progress & GOT_END:
            self.wrong(f"{owner.label()}: {stream.waiting} bytes are not given back, although it reads")
        return 0
