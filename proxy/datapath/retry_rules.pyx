"""What a retry policy says of one protocol: which calls may be processed twice, and which answers are none.

Names of statuses mean what the protocol's declaration says; a name that it does not have means nothing here, for a table
may serve several protocols. An answer is read only where the policy asks for its status or for headers.

What always holds: nothing that a peer sends raises; an answer that cannot be read is wanted.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

from proxy.datapath.core cimport SCRATCH_SIZE, Core
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport SCAN_OK, frame_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http1_facts cimport is_idempotent, status_in
from xproto.kernel.http1_text cimport is_text
from xproto.kernel.lookup cimport slice_t
from xproto.kernel.status cimport StatusReader

from xproto.lower.status import ranges_of

cdef enum:
    UNAVAILABLE = 14          # of gRPC
    DIGITS = 9                # of a status in decimal, at most


cdef int64_t status_of_http(int status) noexcept nogil:
    """What an answer without a status of gRPC means there, where it is one that is sent again for: see its own document."""
    return UNAVAILABLE if status in (429, 502, 503, 504) else -1


cdef class Rule:
    def __cinit__(self, Core core not None, Codec codec not None, spec):
        self.core, self.codec = core, codec
        self.become(spec)

    cdef int become(self, spec) except -1:
        cdef int index
        protocol = self.codec.lowered.protocol
        self.always = spec.idempotent is True
        self.by_method = spec.idempotent is None and not spec.methods and self.codec.headed
        self.methods = frozenset([each.encode() for each in spec.methods])
        if self.methods:
            key = "http_method" if self.codec.headed and protocol.method is None else "method"
            self.method = self.codec.lookup((key,))
        self.names = [each.lower().encode() for each in spec.headers]
        if self.names and not self.codec.headed:
            self.headers = self.codec.lookup(tuple(spec.headers))
        if self.codec.lowered.status.key is not None:
            self.status = self.codec.lowered.status.key.encode()
        self.reader = StatusReader(self.codec.lowered)
        found = ranges_of(spec.statuses, protocol)
        self.ranges = <range_t*>calloc(len(found) + 1, sizeof(range_t))
        if self.ranges == NULL:
            raise MemoryError
        self.count = len(found)
        for index, (first, last, unprocessed) in enumerate(found):
            self.ranges[index].first, self.ranges[index].last = first, last
            self.ranges[index].judgement = UNPROCESSED if unprocessed else UNWANTED
        self.judges = self.count > 0 or len(self.names) > 0
        self.at_end = self.count > 0 and self.status is not None and self.codec.spelled
        return 0

    def __dealloc__(self):
        free(self.ranges)

    cdef bint safe(self, const uint8_t* frame, const frame_t* at, void* head) except -1:
        """May this call be processed twice?"""
        cdef slice_t found
        if self.always:
            return True
        if self.method is None:
            return self.by_method and is_idempotent(at.echo)
        if self.method.find(frame, at.size, &found, self.core.scratch, SCRATCH_SIZE,
                            head if self.codec.headed else NULL) != SCAN_OK or found.data == NULL:
            return False
        return (<const char*>found.data)[:found.size] in self.methods

    cdef Judgement judge(self, const uint8_t* frame, int64_t size, int64_t facts, const head_t* head, int told) noexcept:
        """`told`: the status that stands behind a head, if there is nothing else behind it; -1: none is known."""
        cdef int64_t status = 0
        cdef int index
        if self.count and self.find_status(frame, size, facts, head, told, &status):
            for index in range(self.count):
                if self.ranges[index].first <= status <= self.ranges[index].last:
                    return self.ranges[index].judgement
        return UNWANTED if self.names and self.has_header(frame, size, head) else WANTED

    cdef bint has_header(self, const uint8_t* frame, int64_t size, const head_t* head) noexcept:
        cdef slice_t[MOST_HEADERS] found
        cdef int64_t length
        cdef int index
        if head != NULL:
            for name in self.names:
                if self.field(frame, head, name, &length) != NULL:
                    return True
            return False
        if self.headers is None or self.headers.find(frame, size, found, self.core.scratch, SCRATCH_SIZE, NULL) != SCAN_OK:
            return False
        for index in range(self.headers.count):
            if found[index].data != NULL:
                return True
        return False

    cdef bint says_status(self, const uint8_t* frame, const head_t* head) noexcept:
        """Does the head itself say how its call ended?"""
        cdef int64_t length
        return self.field(frame, head, self.status, &length) != NULL

    cdef bint find_status(self, const uint8_t* frame, int64_t size, int64_t facts, const head_t* head, int told,
                          int64_t* status) noexcept:
        cdef const uint8_t* text
        cdef int64_t length = 0
        cdef int index
        if head == NULL:
            return self.reader.read(frame, size, status)
        if self.status is None:
            status[0] = status_in(facts)
            return True
        text = self.field(frame, head, self.status, &length)
        if text == NULL:
            status[0] = told if told >= 0 else status_of_http(status_in(facts))
            return self.codec.spelled
        if not 0 < length <= DIGITS:
            return False
        for index in range(length):
            if not c'0' <= text[index] <= c'9':
                return False
            status[0] = status[0] * 10 + text[index] - c'0'
        return True

    cdef const uint8_t* field(self, const uint8_t* frame, const head_t* head, bytes name, int64_t* size) noexcept:
        """The value of a field of a head; NULL: it has none of this name."""
        cdef int index
        for index in range(head.count):
            if is_text(frame + head.fields[index].name_at, head.fields[index].name_size, name, len(name)):
                size[0] = head.fields[index].value_size
                return frame + head.fields[index].value_at
        return NULL
