"""The texts that routes look at, found in one whole frame.

A Plan fills slots; each key has the slots that it may come from, in order of preference. What always holds: a slice
points into the frame or into the caller's scratch space, and nothing is allocated.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memset

from xproto.kernel.frame cimport FROM_DOWNSTREAM, FROM_UPSTREAM
from xproto.kernel.program cimport REGISTERS, RUN_OK, SLOTS, Program, outcome_t
from xproto.kernel.run cimport OVERRIDDEN, progress_t, span_t

from xproto.errors import MalformedError

cdef enum:
    SCRATCH = 4096


cdef inline bint take_part(const source_t* source, const span_t* text, const uint8_t* at, span_t* part) noexcept nogil:
    """The part of a text that a source stands for. False: it has none. at: the separator, NULL where there is none."""
    if at == NULL:
        part.data, part.size = text.data, text.size
        return source.behind
    if source.behind:
        part.data, part.size = at + 1, text.size - (at + 1 - text.data)
    else:
        part.data, part.size = text.data, at - text.data
    return True


cdef class Lookup:
    """Finds the values of `keys` in whole frames."""

    def __cinit__(self, plan):
        cdef int total = 0, i, k
        self.keys = plan.keys
        self.program = Program(plan.plan)
        self.direction = FROM_UPSTREAM if plan.answers else FROM_DOWNSTREAM
        if len(plan.alternatives) != len(plan.keys):
            raise ValueError("a lookup needs sources for each of its keys")
        if any(not 0 <= slot < plan.plan.slots for sources in plan.alternatives for slot, *_ in sources):
            raise ValueError("a lookup reads a slot that its plan does not have")
        self.count = len(plan.keys)
        self.slots = plan.plan.slots
        self._keep = []
        total = sum(len(sources) for sources in plan.alternatives)
        self.starts = <int*>calloc(self.count + 1, sizeof(int))
        self.sources = <source_t*>calloc(total + 1, sizeof(source_t))
        if self.starts == NULL or self.sources == NULL:
            raise MemoryError
        k = 0
        for i in range(self.count):
            self.starts[i] = k
            for slot, unless, separator, behind in plan.alternatives[i]:
                self._source(k, slot, unless)
                if separator:
                    self.sources[k].parted, self.sources[k].behind = True, behind
                    self.sources[k].separator = separator[0]
                k += 1
        self.starts[self.count] = k

    def _source(self, int k, int slot, tuple unless):
        cdef int i
        cdef bytes value
        self.sources[k].slot = slot
        if unless:
            self.sources[k].unless = <span_t*>calloc(len(unless), sizeof(span_t))
            if self.sources[k].unless == NULL:
                raise MemoryError
            self.sources[k].unless_count = len(unless)
            for i in range(len(unless)):
                value = unless[i]
                self._keep.append(value)
                self.sources[k].unless[i].data = <const uint8_t*>value
                self.sources[k].unless[i].size = len(value)

    def __dealloc__(self):
        cdef int i
        if self.sources != NULL and self.starts != NULL:
            for i in range(self.starts[self.count]):
                free(self.sources[i].unless)
        free(self.sources)
        free(self.starts)

    cdef int find(self, const uint8_t* frame, int64_t size, slice_t* out,
                  uint8_t* scratch, int64_t scratch_size, void* head) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef outcome_t outcome
        cdef int i, k, j
        cdef span_t* found
        cdef span_t part
        cdef const source_t* source
        cdef const source_t* split = NULL        # the one whose separator was looked for last
        cdef const uint8_t* at = NULL            # and where it is
        cdef progress_t scanned
        scanned.walk = NULL
        scanned.head, scanned.read = head, True
        scanned.classes = NULL
        memset(slots, 0, <size_t>self.slots * sizeof(span_t))
        if self.program.run(frame, size, regs, slots, scratch, scratch_size, &outcome, &scanned if head != NULL else NULL,
                            self.direction) != RUN_OK:
            return FIND_BAD
        for i in range(self.count):
            out[i].data = NULL
            out[i].size = 0
            for k in range(self.starts[i], self.starts[i + 1]):
                source = &self.sources[k]
                found = &slots[source.slot]
                if found.data == NULL:
                    if found.size == OVERRIDDEN:
                        break
                    if found.size < 0:
                        return FIND_BAD    # there, but longer than the scratch space
                    continue
                if source.parted:
                    if split == NULL or split.slot != source.slot or split.separator != source.separator:
                        split, at = source, <const uint8_t*>memchr(found.data, source.separator, <size_t>found.size)
                    if not take_part(source, found, at, &part):
                        continue
                    found = &part
                for j in range(source.unless_count):
                    if (found.size == source.unless[j].size
                            and memcmp(found.data, source.unless[j].data, <size_t>found.size) == 0):
                        break
                else:
                    # Not as one struct: that would be read at once where its halves were just written, which waits.
                    out[i].data, out[i].size = found.data, found.size
                    break
        return FIND_OK

    def find_bytes(self, bytes frame):
        """The values as a tuple of `bytes` or None; raises `MalformedError` for a malformed header block."""
        cdef slice_t out[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef int i
        if self.count > SLOTS:
            raise ValueError("too many keys")
        if self.find(<const uint8_t*>frame, len(frame), out, scratch, SCRATCH, NULL) != FIND_OK:
            raise MalformedError(self.program.plan.protocol, "headers", 0, "the header block cannot be read")
        return tuple(
            (<const char*>out[i].data)[:out[i].size] if out[i].data != NULL else None for i in range(self.count)
        )
