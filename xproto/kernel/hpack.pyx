"""HPACK for HTTP/2's connections: the classes, and their face for Python, which tests and tools use.

Source: RFC 7541. What always holds: a connection that has not compressed anything has the object, and nothing else.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

from xproto.kernel.hpack_decode cimport announce, decode, start_decoding
from xproto.kernel.hpack_encode cimport allow, begin_block, put_field, start_encoding, stop_encoding
from xproto.kernel.hpack_table cimport ENTRY_MORE, entry_of, entry_t, release, table_t, text_of

from xproto.errors import MalformedError

cdef enum:
    PROBE = 1 << 20           # bytes that are decoded for `measure_decode`, at most
    PROBED = 1 << 14          # fields


cdef class Decoder:
    def __cinit__(self):
        start_decoding(&self.state)

    def __dealloc__(self):
        release(&self.state.table)

    cdef int decode(self, const uint8_t* block, int64_t size, headers_t* into, int64_t most) noexcept nogil:
        return decode(&self.state, block, size, into, most)

    cdef void allow(self, int64_t size) noexcept nogil:
        announce(&self.state, size)

    def allow_size(self, int64_t size):
        """Our table size, once the peer has acknowledged it."""
        self.allow(size)

    def decode_bytes(self, const uint8_t[::1] block not None, int64_t most=65536, int64_t room=65536, int fields=1024):
        """The fields as (name, value, never indexed); None: more than allowed. Raises MalformedError."""
        cdef headers_t into
        cdef uint8_t empty = 0
        cdef int i, result
        if room < 0 or fields < 0:
            raise ValueError("no room")
        into.text = <uint8_t*>malloc(<size_t>(room + 1))
        into.fields = <header_t*>malloc((<size_t>fields + 1) * sizeof(header_t))
        into.room, into.most = room, fields
        try:
            if into.text == NULL or into.fields == NULL:
                raise MemoryError
            result = self.decode(&block[0] if block.shape[0] else &empty, block.shape[0], &into, most)
            if result == HPACK_BAD:
                raise MalformedError("hpack", "header block", self.state.at, "it cannot be decoded")
            return fields_of(&into) if result == HPACK_OK else None
        finally:
            free(into.text)
            free(into.fields)

    def table(self):
        """Its entries as (name, value), from the newest on."""
        return entries_of(&self.state.table)

    def memory(self):
        """Bytes that are allocated besides the object."""
        return memory_of(&self.state.table)


cdef class Encoder:
    def __cinit__(self):
        start_encoding(&self.state)

    def __dealloc__(self):
        stop_encoding(&self.state)

    cdef uint8_t* begin(self, uint8_t* into) noexcept nogil:
        return begin_block(&self.state, into)

    cdef uint8_t* field(self, uint8_t* into, const uint8_t* name, int64_t name_size, const uint8_t* value,
                        int64_t value_size, int how) noexcept nogil:
        return put_field(&self.state, into, name, name_size, value, value_size, how)

    cdef void allow(self, int64_t size) noexcept nogil:
        allow(&self.state, size)

    def allow_size(self, int64_t size):
        """The peer's table size, from the next block on."""
        self.allow(size)

    def encode_fields(self, fields, int how=INDEX):
        """A block of fields, (name, value) or (name, value, never to be indexed)."""
        cdef bytes name, value
        cdef int64_t room = BEGIN_ROOM
        cdef uint8_t* block
        cdef uint8_t* at
        fields = tuple(fields)
        for field in fields:
            room += field_room(len(field[0]), len(field[1]))
        block = <uint8_t*>malloc(<size_t>room)
        if block == NULL:
            raise MemoryError
        try:
            at = self.begin(block)
            for field in fields:
                name, value = field[0], field[1]
                at = self.field(at, <const uint8_t*>name, len(name), <const uint8_t*>value, len(value),
                                NEVER if len(field) > 2 and field[2] else how)
            return PyBytes_FromStringAndSize(<const char*>block, at - block)
        finally:
            free(block)

    def table(self):
        """Its entries as (name, value), from the newest on."""
        return entries_of(&self.state.table)


cdef list fields_of(const headers_t* into):
    cdef const header_t* field
    cdef list found = []
    cdef int i
    for i in range(into.count):
        field = &into.fields[i]
        found.append((
            PyBytes_FromStringAndSize(<const char*>into.text + field.name_at, field.name_size),
            PyBytes_FromStringAndSize(<const char*>into.text + field.value_at, field.value_size),
            field.never != 0,
        ))
    return found


cdef list entries_of(const table_t* table):
    cdef const entry_t* entry
    cdef list found = []
    cdef uint32_t age
    for age in range(1, table.count + 1):
        entry = entry_of(table, age)
        whole = PyBytes_FromStringAndSize(<const char*>text_of(table, entry), entry.name_size + entry.value_size)
        found.append((whole[:entry.name_size], whole[entry.name_size:]))
    return found


cdef int64_t memory_of(const table_t* table):
    return table.room + table.slots * <int64_t>sizeof(entry_t)


# -- for benchmarks -----------------------------------------------------------------------------------------------------

def measure_decode(list blocks not None, int rounds):
    """Decodes the blocks of a connection, anew `rounds` times; the fields that there were, below 0 where one is bad."""
    cdef Decoder decoder
    cdef headers_t into
    cdef bytes block
    cdef int64_t fields = 0
    cdef int i
    into.room, into.most = PROBE, PROBED
    into.text, into.fields = <uint8_t*>malloc(PROBE), <header_t*>malloc(PROBED * sizeof(header_t))
    if into.text != NULL and into.fields != NULL:
        for i in range(rounds):
            decoder = Decoder()
            for block in blocks:
                if decoder.decode(<const uint8_t*>block, len(block), &into, PROBE) != HPACK_OK:
                    fields = -1 << 60
                fields += into.count
    free(into.text)
    free(into.fields)
    return fields


def measure_encode(list blocks not None, int rounds):
    """Encodes the fields of each block of a connection, anew `rounds` times; the bytes that it took."""
    cdef Encoder encoder
    cdef list fields
    cdef bytes name, value
    cdef uint8_t* room
    cdef uint8_t* at
    cdef int64_t size = 0
    cdef int i
    largest = max((sum(field_room(len(name), len(value)) for name, value in fields) for fields in blocks), default=0)
    room = <uint8_t*>malloc(<size_t>(BEGIN_ROOM + <int64_t>largest))
    if room == NULL:
        raise MemoryError
    for i in range(rounds):
        encoder = Encoder()
        for fields in blocks:
            at = encoder.begin(room)
            for name, value in fields:
                at = encoder.field(at, <const uint8_t*>name, len(name), <const uint8_t*>value, len(value), INDEX)
            size += at - room
    free(room)
    return size
