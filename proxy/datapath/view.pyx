"""A call as filters see it: what they may ask of it, and what they may change.

Nothing of a request is read before a filter asks for it. The frame is borrowed while filters run that do not wait; one that
was edited, or of a call that waits, is kept here.

What always holds: after the request is on its way its frame is not to be had, only what filters said that they want to
remember (`keys`); an edit that would make another message of a frame leaves it as it was.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from proxy.datapath.calls cimport Attendant
from proxy.datapath.conn cimport CLOSED
from proxy.datapath.core cimport SCRATCH_SIZE
from proxy.datapath.decisions cimport bytes_of
from proxy.datapath.filters cimport ON_LOG, ON_ROUTE
from proxy.datapath.notes cimport ANSWERED
from proxy.datapath.requester cimport Requester
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport FROM_DOWNSTREAM, FROM_UPSTREAM, SCAN_OK, frame_t
from xproto.kernel.lookup cimport FIND_OK, Lookup, slice_t
from xproto.kernel.run cimport progress_t

from proxy.datapath.counters import FAULT_NAMES
from proxy.filters.editing import edited, field, head_status
from proxy.filters.interface import PHASES as NAMES
from proxy.filters.metadata import Metadata
from proxy.routing.keys import METADATA, PROTOCOL, SAN, SNI, asked_of, is_own


cdef inline str text_of(bytes value):
    return None if value is None else value.decode("utf-8", "surrogateescape")


cdef class View(Attendant):
    @property
    def protocol(self):
        return self.codec.name

    @property
    def is_oneway(self):
        return self.oneway

    @property
    def phase_name(self):
        return NAMES[self.phase]

    @property
    def client(self):
        """The client's address."""
        return None if self.caller is None or self.caller.state == CLOSED else self.caller.peer_name()

    @property
    def service(self):
        return text_of(self.look("service"))

    @property
    def method(self):
        return text_of(self.look("method"))

    def get(self, str key, default=None):
        """The value of a routing key, a header's for instance."""
        found = self.look(key)
        return default if found is None else text_of(found)

    def get_bytes(self, str key):
        return self.look(key)

    @property
    def metadata(self):
        if self.marks is None:
            self.marks = {}
        return Metadata(self.marks)

    @property
    def route(self):
        return None if self.table is None else self.table.specs[self.route_index].name

    @property
    def cluster(self):
        return None if self.table is None else self.cluster_name

    @property
    def host(self):
        return self.host_name

    @property
    def frame_bytes(self):
        """The whole request of a protocol of frames, or a message's head."""
        if self.frame == NULL:
            raise RuntimeError("the request is on its way, and not to be had any more")
        return PyBytes_FromStringAndSize(<char*>self.frame, self.size)

    @property
    def body(self):
        """The whole body of a message, without the framing of its chunks; None: it has frames, and those are always whole.

        Each time a copy: one that were kept here would be memory that nobody counts.
        """
        if not self.codec.headed:
            return None
        if self.frame == NULL:
            raise RuntimeError("the request is on its way, and its body not to be had any more")
        if not self.whole:
            raise RuntimeError("the body has not been waited for: a filter that wants it declares `body = Body.BUFFERED`")
        return b"" if self.content.size == 0 else PyBytes_FromStringAndSize(
            <char*>self.content.data + self.content.head, self.content.size)

    def set_header(self, str name not None, str value not None):
        self.edit("set", name, value)

    def append_header(self, str name not None, str value not None):
        self.edit("append", name, value)

    def remove_header(self, str name not None):
        self.edit("remove", name, "")

    @property
    def response(self):
        if self.answer is None:
            raise RuntimeError("there is no answer in this phase")
        return self.answer

    @property
    def outcome_name(self):
        """How it ended: answered, unanswered (its client went; of a oneway: it was sent), or a fault's name."""
        if self.phase != ON_LOG:
            return None
        return "answered" if self.outcome == ANSWERED else FAULT_NAMES[self.outcome] or "unanswered"

    @property
    def duration(self):
        return (self.took or self.core.now - self.start) / 1e6

    def edit(self, str operation, str name, str value):
        """The frame with another header. Raises `ValueError` for what would make another message of it."""
        cdef bytes before
        cdef frame_t scanned = self.scanned
        if self.phase > ON_ROUTE or self.frame == NULL:
            raise RuntimeError("the request is on its way: its headers are edited before")
        before = PyBytes_FromStringAndSize(<char*>self.frame, self.size)
        made = edited(self.codec, before, operation, name, value)
        self.edited, self.frame, self.size = made, <const uint8_t*><bytes>made, len(made)
        self.seen = None
        if self.rescan() and self.scanned.kind == scanned.kind and self.scanned.variant == scanned.variant and (
                self.scanned.id == scanned.id and self.scanned.echo == scanned.echo and (
                    not self.codec.headed or self.scanned.length == scanned.length)):
            return
        self.edited, self.frame, self.size = before, <const uint8_t*>before, len(before)
        self.rescan()
        raise ValueError(f"the header {name!r} would make another message of it")

    cdef bint rescan(self) noexcept:
        """What is known of the frame, where it is another one or lies elsewhere."""
        cdef progress_t progress
        memset(&progress, 0, sizeof(progress))
        if self.codec.headed:
            self.head = self.core.head
            return self.codec.scan_head(FROM_DOWNSTREAM, self.frame, self.size, &self.scanned, &progress, self.core.head, 0) == (
                SCAN_OK) and self.scanned.size == self.size
        return self.codec.scan(FROM_DOWNSTREAM, self.frame, self.size, &self.scanned) == SCAN_OK and self.scanned.size == self.size

    cdef bytes look(self, str key):
        cdef slice_t found
        cdef Lookup lookup
        if is_own(key):
            return self.own_value(key)
        if self.seen is not None and key in self.seen:
            return self.seen[key]
        name = asked_of(key, self.codec.lowered.protocol, self.codec.headed)
        if name is None:                     # frames of this protocol have no such thing
            return None
        if self.frame == NULL:
            raise RuntimeError(f"the request is on its way: a filter that wants {key!r} now has to name it in its `keys`")
        lookup = self.filters.lookup_of(name)
        if lookup.find(self.frame, self.size, &found, self.core.scratch, SCRATCH_SIZE, self.head) != FIND_OK:
            raise ValueError("the headers of this request cannot be read")
        value = None if found.data == NULL else PyBytes_FromStringAndSize(<char*>found.data, found.size)
        if self.seen is None:
            self.seen = {}
        self.seen[key] = value
        return value

    cdef bytes own_value(self, str key):
        """What the proxy knows of the call itself, or of its client."""
        cdef Requester client
        if key == PROTOCOL:
            return self.codec.name.encode()
        if key.startswith(METADATA):
            value = None if self.marks is None else self.marks.get(key[len(METADATA):])
            return None if value is None else bytes_of(str(value))
        if self.caller is None:
            return None
        client = <Requester>self.caller
        return client.sni if key == SNI else client.san if key == SAN else client.address_of_client()

    cdef int remember(self) except -1:
        """What filters want to know when the request is gone."""
        for key in self.steps.keys:
            try:
                self.look(key)
            except ValueError:
                self.seen = self.seen or {}
                self.seen[key] = None
        return 0

    def __dealloc__(self):
        if self.core is not None:
            self.core.buffers.drop(&self.kept)
            self.core.buffers.drop(&self.content)
            self.core.buffers.drop(&self.trailers)
            self.core.buffers.drop(&self.held)


cdef class Answer:
    cdef bint rescan(self, const uint8_t* frame, int64_t size, frame_t* at) noexcept:
        """Read again what was edited. False: it is not the same message any more."""
        cdef Codec codec = self.call.codec
        cdef progress_t progress
        cdef int found
        memset(&progress, 0, sizeof(progress))
        if codec.headed:
            found = codec.scan_head(FROM_UPSTREAM, frame, size, at, &progress, self.call.core.head, self.asked)
        else:
            found = codec.scan(FROM_UPSTREAM, frame, size, at)
        return found == SCAN_OK and at.size == size and at.kind == self.scanned.kind and at.id == self.scanned.id and (
            at.variant == self.scanned.variant and at.echo == self.scanned.echo and (
                not codec.headed or at.length == self.scanned.length))

    @property
    def frame_bytes(self):
        """The whole answer of a protocol of frames, or a message's head."""
        if self.edited is not None:
            return self.edited
        if self.frame == NULL:
            raise RuntimeError("the answer has gone on, and is not to be had any more")
        return PyBytes_FromStringAndSize(<char*>self.frame, self.size)

    @property
    def status(self):
        """Of HTTP; None elsewhere."""
        return head_status(self.frame_bytes) if self.call.codec.headed else None

    def get(self, str name, default=None):
        """A field of an answer of HTTP, or a header of another's."""
        found = field(self.call.codec, self.frame_bytes, name)
        return default if found is None else found

    def set_header(self, str name not None, str value not None):
        self.edit("set", name, value)

    def append_header(self, str name not None, str value not None):
        self.edit("append", name, value)

    def remove_header(self, str name not None):
        self.edit("remove", name, "")

    def edit(self, str operation, str name, str value):
        cdef bytes before = self.frame_bytes
        cdef frame_t at
        if self.frame == NULL:
            raise RuntimeError("the answer has gone on, and is not edited any more")
        codec = self.call.codec
        made = edited(codec, before, operation, name, value, response=True)
        if not self.rescan(<const uint8_t*><bytes>made, len(made), &at):
            self.rescan(<const uint8_t*>before, len(before), &at)
            raise ValueError(f"the header {name!r} would make another message of it")
        self.edited, self.frame, self.size = made, <const uint8_t*><bytes>made, len(made)
        self.scanned, self.changed = at, True
