"""The texts of an HTTP/1.1 request that routes look at.

`http_method`, `path` (without its query), `query`, `query.name` (the first of that name, as it is written), `host` (the
target's authority, if it has one, else the field Host, without a port), and any other key is a field's name, in whatever
case. Fields of one name are joined by a comma, in their order, as RFC 9110 section 5.2 allows whoever reads them.

What always holds: a slice points into the frame or into the caller's scratch space; fields that do not fit there make
the head unreadable, never a value that is cut.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy

from xproto.kernel.http1 cimport FINE, head_end, head_t, read_head
from xproto.kernel.lookup cimport FIND_BAD, FIND_OK, Finder, slice_t

cdef enum:
    FIELD, METHOD, PATH, QUERY, HOST, PARAMETER

PLAIN = {"http_method": METHOD, "path": PATH, "query": QUERY, "host": HOST}
PREFIX = "query."


cdef inline uint8_t lower(uint8_t byte) noexcept nogil:
    return byte | 0x20 if c'A' <= byte <= c'Z' else byte


cdef bint is_name(const uint8_t* data, int64_t size, const uint8_t* name, int64_t length) noexcept nogil:
    cdef int64_t i
    if size != length:
        return False
    for i in range(length):
        if lower(data[i]) != name[i]:
            return False
    return True


cdef void take_host(const uint8_t* data, int64_t size, slice_t* out) noexcept nogil:
    """Without its port; an IPv6 address with its brackets."""
    cdef int64_t end = size
    while end and c'0' <= data[end - 1] <= c'9':
        end -= 1
    out.data = data
    out.size = end - 1 if end and data[end - 1] == c':' else size


cdef void take_parameter(const uint8_t* data, int64_t size, const uint8_t* name, int64_t length, slice_t* out) noexcept nogil:
    cdef int64_t at = 0, stop, i
    while at < size:
        stop = at
        while stop < size and data[stop] != c'&':
            stop += 1
        i = at
        while i < stop and data[i] != c'=':
            i += 1
        if i - at == length and memcmp(data + at, name, <size_t>length) == 0:
            out.data, out.size = data + min(i + 1, stop), stop - min(i + 1, stop)
            return
        at = stop + 1


cdef class HttpKeys(Finder):
    """Finds the values of `keys` in requests."""

    def __cinit__(self, tuple keys):
        cdef int i
        cdef bytes name
        self.keys, self.count, self._keep = keys, len(keys), []
        self.kinds = <int*>calloc(self.count + 1, sizeof(int))
        self.sizes = <int64_t*>calloc(self.count + 1, sizeof(int64_t))
        self.names = <const uint8_t**>calloc(self.count + 1, sizeof(uint8_t*))
        if self.kinds == NULL or self.sizes == NULL or self.names == NULL:
            raise MemoryError
        for i in range(self.count):
            key = keys[i]
            name = (key[len(PREFIX):] if key.startswith(PREFIX) else key.lower()).encode()
            self.kinds[i] = PARAMETER if key.startswith(PREFIX) else PLAIN.get(key, FIELD)
            self._keep.append(name)
            self.names[i], self.sizes[i] = <const uint8_t*>name, len(name)

    def __dealloc__(self):
        free(self.kinds)
        free(self.sizes)
        free(self.names)

    cdef int find(self, const uint8_t* frame, int64_t size, slice_t* out,
                  uint8_t* scratch, int64_t scratch_size) noexcept nogil:
        cdef head_t head
        cdef int64_t seen = 0, at = 0
        cdef int64_t end = head_end(frame, size, &seen)
        cdef slice_t path, query, host
        cdef int i
        if end <= 0 or read_head(frame, end, False, &head, &at) != FINE:
            return FIND_BAD
        self.split(frame, &head, &path, &query, &host)
        for i in range(self.count):
            out[i].data, out[i].size = NULL, 0
            if self.kinds[i] == METHOD:
                out[i].data, out[i].size = frame, head.method_size
            elif self.kinds[i] == PATH:
                out[i] = path
            elif self.kinds[i] == QUERY:
                out[i] = query
            elif self.kinds[i] == HOST:
                out[i] = host
            elif self.kinds[i] == PARAMETER:
                if query.data != NULL:
                    take_parameter(query.data, query.size, self.names[i], self.sizes[i], &out[i])
            elif not self.take_fields(frame, &head, i, &out[i], &scratch, &scratch_size):
                return FIND_BAD
        return FIND_OK

    cdef void split(self, const uint8_t* frame, const head_t* head, slice_t* path, slice_t* query,
                    slice_t* host) noexcept nogil:
        cdef const uint8_t* target = frame + head.target_at
        cdef const uint8_t* stop = target + head.target_size
        cdef const uint8_t* mark
        cdef const uint8_t* start
        host.data, host.size = NULL, 0
        query.data, query.size = NULL, 0
        if head.host >= 0:
            take_host(frame + head.fields[head.host].value_at, head.fields[head.host].value_size, host)
        if target[0] != c'/' and target[0] != c'*':
            mark = <const uint8_t*>memchr(target, c'/', <size_t>head.target_size)
            start = mark + 2 if mark != NULL and mark + 1 < stop and mark[1] == c'/' else target
            mark = start
            while mark < stop and mark[0] != c'/' and mark[0] != c'?':
                mark += 1
            take_host(start, mark - start, host)
            target = mark
        mark = <const uint8_t*>memchr(target, c'?', <size_t>(stop - target)) if target < stop else NULL
        path.data, path.size = target, (mark if mark != NULL else stop) - target
        if path.size == 0:
            path.data, path.size = <const uint8_t*>b"/", 1
        if mark != NULL:
            query.data, query.size = mark + 1, stop - mark - 1

    cdef bint take_fields(self, const uint8_t* frame, const head_t* head, int key, slice_t* out, uint8_t** scratch,
                          int64_t* left) noexcept nogil:
        cdef int64_t needed
        cdef const uint8_t* value
        cdef int i
        for i in range(head.count):
            if not is_name(frame + head.fields[i].name_at, head.fields[i].name_size, self.names[key], self.sizes[key]):
                continue
            value = frame + head.fields[i].value_at
            if out.data == NULL:
                out.data, out.size = value, head.fields[i].value_size
                continue
            needed = out.size + 1 + head.fields[i].value_size
            if needed > left[0]:
                return False
            memcpy(scratch[0], out.data, <size_t>out.size)
            scratch[0][out.size] = c','
            memcpy(scratch[0] + out.size + 1, value, head.fields[i].value_size)
            out.data, out.size = scratch[0], needed
            scratch[0] += needed
            left[0] -= needed
        return True

    cdef str where(self):
        return "http1"
