"""The texts of an HTTP/1.1 request that routes look at.

`http_method`, `path` (without its query), `query`, `query.name` (the first of that name, as it is written), `cookie.name`
(likewise: the first of that name in the fields Cookie), `host` (the target's authority, if it has one, else the field Host: in
lower case, without a port or the last dot), and any other key is a field's name, in whatever case. The same names behind a
colon mean the same; `:authority` is the host with its port. Fields of one name are joined by a comma, in their order, as
RFC 9110 section 5.2 allows whoever reads them. In a path, letters, digits and `-._~` count as such where they are written as escapes: they
mean the same (RFC 3986 section 6.2.2.2), so a rule for /admin holds for /%61dmin.

No field can be called so, nor `path:service` or `path:method`: what stands before and behind the path's last slash, but for its
first one, as gRPC's servers take it apart. Both are there, and are not empty, or neither is.

What always holds: a slice points into the frame or into the caller's scratch space; fields that do not fit there make
the head unreadable, never a value that is cut.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcmp, memcpy

from xproto.kernel.http1 cimport head_t
from xproto.kernel.http1_chunked cimport digit_of
from xproto.kernel.http1_text cimport CLASS, HEX, same
from xproto.kernel.run cimport cursor_t, key_t, span_t

cdef enum:
    PREFIX = 6                # of "query."
    COOKIE_PREFIX = 7         # of "cookie."


cdef inline bint is_name(const uint8_t* data, int64_t size, const uint8_t* name, int64_t length) noexcept nogil:
    return size == length and same(data, name, size)


cdef void take_host(const uint8_t* data, int64_t size, span_t* out, span_t* port) noexcept nogil:
    """Without its port, which may be empty; an IPv6 address with its brackets."""
    cdef int64_t end = size
    while end and c'0' <= data[end - 1] <= c'9':
        end -= 1
    out.data = data
    out.size = end - 1 if end and data[end - 1] == c':' else size
    port.data = data + min(out.size + 1, size)
    port.size = max(size - out.size - 1, <int64_t>0)


cdef bint lower(cursor_t* c, span_t* text) noexcept nogil:
    """False: it does not fit into the scratch space."""
    cdef int64_t i = 0
    cdef uint8_t byte
    if text.size and text.data[text.size - 1] == c'.':
        text.size -= 1
    while i < text.size and not c'A' <= text.data[i] <= c'Z':
        i += 1
    if i == text.size:
        return True
    if text.size > c.scratch_left:
        return False
    for i in range(text.size):
        byte = text.data[i]
        c.scratch[i] = byte | 0x20 if c'A' <= byte <= c'Z' else byte
    text.data = c.scratch
    c.scratch += text.size
    c.scratch_left -= text.size
    return True


cdef bint join(cursor_t* c, const span_t* host, const span_t* port, span_t* out) noexcept nogil:
    """A host as `lower` left it, with its port. False: it does not fit into the scratch space."""
    out[0] = host[0]
    if port.size == 0:
        return True
    out.size += 1 + port.size
    if host.data + host.size + 1 == port.data:
        return True
    if out.size > c.scratch_left:
        return False
    memcpy(c.scratch, host.data, <size_t>host.size)
    c.scratch[host.size] = c':'
    memcpy(c.scratch + host.size + 1, port.data, <size_t>port.size)
    out.data = c.scratch
    c.scratch += out.size
    c.scratch_left -= out.size
    return True


cdef inline int unescaped(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """The character that an escape stands for, if it might as well stand there itself; -1: none."""
    cdef int value
    if stop - at < 3 or at[0] != c'%' or not (CLASS[at[1]] & HEX and CLASS[at[2]] & HEX):
        return -1
    value = digit_of(at[1]) << 4 | digit_of(at[2])
    if c'a' <= (value | 0x20) <= c'z' or c'0' <= value <= c'9' or value in (c'-', c'.', c'_', c'~'):
        return value
    return -1


cdef bint unescape(cursor_t* c, span_t* path) noexcept nogil:
    """False: it does not fit into the scratch space."""
    cdef const uint8_t* at = path.data
    cdef const uint8_t* stop = at + path.size
    cdef int64_t size = 0
    cdef int value
    if memchr(at, c'%', <size_t>path.size) == NULL:
        return True
    if path.size > c.scratch_left:
        return False
    while at < stop:
        value = unescaped(at, stop)
        c.scratch[size] = at[0] if value < 0 else <uint8_t>value
        size += 1
        at += 1 if value < 0 else 3
    path.data, path.size = c.scratch, size
    c.scratch += size
    c.scratch_left -= size
    return True


cdef void take_call(const span_t* path, bint method, span_t* out) noexcept nogil:
    """One of the two parts of a path of the form /service/method."""
    cdef int64_t slash = path.size - 1
    while slash > 0 and path.data[slash] != c'/':
        slash -= 1
    if slash < 2 or slash + 1 == path.size or path.data[0] != c'/':
        return
    if method:
        out.data, out.size = path.data + slash + 1, path.size - slash - 1
    else:
        out.data, out.size = path.data + 1, slash - 1


cdef void take_parameter(const uint8_t* data, int64_t size, const uint8_t* name, int64_t length, span_t* out) noexcept nogil:
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


cdef bint take_cookie(const uint8_t* data, int64_t size, const uint8_t* name, int64_t length, span_t* out) noexcept nogil:
    """Out of one field: pairs with semicolons between them (RFC 6265 section 4.2.1). False: it has none of that name."""
    cdef int64_t at = 0, stop, i, end
    while at < size:
        stop = at
        while stop < size and data[stop] != c';':
            stop += 1
        while at < stop and data[at] in (c' ', c'\t'):
            at += 1
        i = at
        while i < stop and data[i] != c'=':
            i += 1
        if i < stop and i - at == length and memcmp(data + at, name, <size_t>length) == 0:
            end = stop
            while end > i + 1 and data[end - 1] in (c' ', c'\t'):
                end -= 1
            out.data, out.size = data + i + 1, end - i - 1
            return True
        at = stop + 1
    return False


cdef void take_cookies(cursor_t* c, const head_t* head, const uint8_t* name, int64_t length, span_t* out) noexcept nogil:
    cdef int i
    for i in range(head.count):
        if is_name(c.data + head.fields[i].name_at, head.fields[i].name_size, <const uint8_t*>b"cookie", 6) and take_cookie(
                c.data + head.fields[i].value_at, head.fields[i].value_size, name, length, out):
            return


cdef void split(
    const uint8_t* frame, const head_t* head, span_t* path, span_t* query, span_t* host, span_t* port,
) noexcept nogil:
    cdef const uint8_t* target = frame + head.target_at
    cdef const uint8_t* stop = target + head.target_size
    cdef const uint8_t* mark
    cdef const uint8_t* start
    host.data, host.size = NULL, 0
    port.data, port.size = NULL, 0
    query.data, query.size = NULL, 0
    if head.host >= 0:
        take_host(frame + head.fields[head.host].value_at, head.fields[head.host].value_size, host, port)
    if target[0] != c'/' and target[0] != c'*':
        mark = <const uint8_t*>memchr(target, c'/', <size_t>head.target_size)
        start = mark + 2 if mark != NULL and mark + 1 < stop and mark[1] == c'/' else target
        mark = start
        while mark < stop and mark[0] != c'/' and mark[0] != c'?':
            mark += 1
        take_host(start, mark - start, host, port)
        target = mark
    mark = <const uint8_t*>memchr(target, c'?', <size_t>(stop - target)) if target < stop else NULL
    path.data, path.size = target, (mark if mark != NULL else stop) - target
    if path.size == 0:
        path.data, path.size = <const uint8_t*>b"/", 1
    if mark != NULL:
        query.data, query.size = mark + 1, stop - mark - 1


cdef void host_of(const uint8_t* frame, const head_t* head, span_t* host) noexcept nogil:
    cdef span_t path, query, port
    split(frame, head, &path, &query, host, &port)


cdef bint take_fields(cursor_t* c, const head_t* head, const key_t* key, span_t* out) noexcept nogil:
    """False: several that do not fit into the scratch space."""
    cdef int64_t needed
    cdef const uint8_t* value
    cdef int i
    for i in range(head.count):
        if not is_name(c.data + head.fields[i].name_at, head.fields[i].name_size, key.name, key.size):
            continue
        value = c.data + head.fields[i].value_at
        if out.data == NULL:
            out.data, out.size = value, head.fields[i].value_size
            continue
        needed = out.size + 1 + head.fields[i].value_size
        if needed > c.scratch_left:
            return False
        memcpy(c.scratch, out.data, <size_t>out.size)
        c.scratch[out.size] = c','
        memcpy(c.scratch + out.size + 1, value, head.fields[i].value_size)
        out.data, out.size = c.scratch, needed
        c.scratch += needed
        c.scratch_left -= needed
    return True


cdef bint find_keys(cursor_t* c, const head_t* head, const key_t* keys, int nkeys) noexcept nogil:
    cdef span_t path, query, host, port, method
    cdef span_t* out
    cdef const uint8_t* name
    cdef int64_t size
    cdef bint plain = False   # the path, without escapes
    cdef int i
    split(c.data, head, &path, &query, &host, &port)
    method.data, method.size = c.data, head.method_size
    for i in range(nkeys):
        out = &c.slots[keys[i].slot]
        name, size = keys[i].name, keys[i].size
        if size and name[0] == c':':
            name, size = name + 1, size - 1
        if is_name(name, size, <const uint8_t*>b"http_method", 11):
            out[0] = method
        elif size >= 4 and same(name, <const uint8_t*>b"path", 4) and (size == 4 or name[4] == c':'):
            if not plain and not unescape(c, &path):
                return False
            plain = True
            if size == 4:
                out[0] = path
            elif is_name(name, size, <const uint8_t*>b"path:service", 12):
                take_call(&path, False, out)
            elif is_name(name, size, <const uint8_t*>b"path:method", 11):
                take_call(&path, True, out)
        elif is_name(name, size, <const uint8_t*>b"query", 5):
            out[0] = query
        elif is_name(name, size, <const uint8_t*>b"host", 4):
            if not lower(c, &host):
                return False
            out[0] = host
        elif is_name(keys[i].name, keys[i].size, <const uint8_t*>b":authority", 10):
            if not lower(c, &host) or not join(c, &host, &port, out):
                return False
        elif size >= PREFIX and memcmp(name, b"query.", PREFIX) == 0:
            if query.data != NULL:
                take_parameter(query.data, query.size, name + PREFIX, size - PREFIX, out)
        elif size >= COOKIE_PREFIX and memcmp(name, b"cookie.", COOKIE_PREFIX) == 0:
            take_cookies(c, head, name + COOKIE_PREFIX, size - COOKIE_PREFIX, out)
        elif not take_fields(c, head, &keys[i], out):
            return False
    return True
