"""Frames that come and go in pieces, for Python: what tests and tools call where the datapath calls `Codec` itself.

Nothing here decides anything. `data` is always a frame's beginning, but for `rest_bytes`.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free

from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport FROM_DOWNSTREAM, SCAN_OK, Direction, frame_t, identity_t
from xproto.kernel.run cimport progress_t

from xproto.errors import MalformedError


cdef class Progress:
    """How far an incomplete frame was walked: for each of its chunked parts, the first chunk that was not whole."""

    cdef progress_t kept

    def __init__(self, int64_t at=0, *later):
        cdef int i
        self.kept.at = at
        for i in range(3):
            self.kept.later[i] = later[i] if i < len(later) else 0

    def __dealloc__(self):
        free(self.kept.walk)

    @property
    def at(self):
        """The offset for the first part."""
        return self.kept.at


cdef const uint8_t* _start(const uint8_t[::1] data):
    return &data[0] if data.shape[0] else <const uint8_t*>b""


def scan_on(Codec codec not None, const uint8_t[::1] data not None, Progress progress not None, int direction=0):
    """Like `Codec.scan_bytes`, going on where the scan that left `progress` stopped."""
    cdef frame_t frame
    cdef int outcome = codec.scan_on(<Direction>direction, _start(data), data.shape[0], &frame, &progress.kept)
    return codec._told(outcome, &frame)


def known(Codec codec not None, const uint8_t[::1] data not None, int direction=0):
    """What is known of a frame, whole or not, as a `Frame`; None while its head is not there, or where it is wrong."""
    cdef frame_t frame
    codec.scan(<Direction>direction, _start(data), data.shape[0], &frame)
    return codec._frame(&frame) if frame.known else None


def rest(Codec codec not None, const uint8_t[::1] data not None, int64_t passed, Progress progress not None):
    """(size, crc_at) of what is left of a frame whose first `passed` bytes were let go; `NeedMore`; or raises.

    Only for a codec that `streams`.
    """
    cdef frame_t frame
    cdef int outcome
    if not codec.streams:
        raise ValueError(f"{codec.name}: frames cannot be passed on in pieces")
    outcome = codec.scan_rest(_start(data), data.shape[0], passed, &frame, &progress.kept)
    return (frame.size, frame.crc_at) if outcome == SCAN_OK else codec._told(outcome, &frame)


def with_timeout(Codec codec not None, const uint8_t[::1] data not None, int64_t milliseconds):
    """(copy, written): the whole frame in `data` with another timeout, and that timeout; 0 where it has no field for one."""
    cdef frame_t frame
    cdef bytearray copy = bytearray(data)
    cdef uint8_t* start = copy
    cdef int64_t written
    if codec.scan(FROM_DOWNSTREAM, start, len(copy), &frame) != SCAN_OK or frame.size != len(copy):
        raise MalformedError(codec.name, "frame", 0, "not one whole frame")
    written = codec.set_timeout(start, &frame, milliseconds)
    return bytes(copy), written


def ids(Codec codec not None, const uint8_t[::1] data not None, int direction=0):
    """The ids of the whole frame in `data`: ((id, bytes on the wire), the same of the second one or None)."""
    cdef frame_t frame
    cdef identity_t found
    if codec.scan(<Direction>direction, _start(data), data.shape[0], &frame) != SCAN_OK:
        raise MalformedError(codec.name, "frame", 0, "not one whole frame")
    found = codec.identity(&frame)
    return (found.id, found.id_size), (found.again, found.again_size) if codec.twice else None


def with_ids(Codec codec not None, const uint8_t[::1] data not None, first, second=None, int direction=0):
    """A copy of the whole frame in `data` with the ids that `ids` told of another one."""
    cdef frame_t frame
    cdef identity_t who
    who.id, who.id_size = first
    who.again, who.again_size = second or (0, 0)
    if codec.scan(<Direction>direction, _start(data), data.shape[0], &frame) != SCAN_OK or frame.size != data.shape[0]:
        raise MalformedError(codec.name, "frame", 0, "not one whole frame")
    return bytes(codec._copy(_start(data), &frame, &who))


def fixed_crc(Codec codec not None, bytes checksum not None, uint64_t old_id, uint64_t new_id, int64_t distance):
    """The four bytes of a checksum, after the id that ends `distance` bytes before them became another."""
    cdef bytearray copy = _four(checksum)
    cdef uint8_t* start = copy
    codec.fix_crc(start, old_id, new_id, distance)
    return bytes(copy)


def fixed_timeout_crc(Codec codec not None, bytes checksum not None, int64_t old, int64_t new, int64_t distance):
    """The same for the timeout."""
    cdef bytearray copy = _four(checksum)
    cdef uint8_t* start = copy
    codec.fix_timeout_crc(start, old, new, distance)
    return bytes(copy)


cdef bytearray _four(bytes checksum):
    if len(checksum) != 4:
        raise ValueError("a checksum has four bytes")
    return bytearray(checksum)
