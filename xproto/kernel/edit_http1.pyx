"""Heads of HTTP edited: fields, the target, the host. HTTP/2's are such texts too, where they are routed.

A field's name in whatever case is one name; what is appended is a line of its own. Fields that say how messages and connections
end, or whose they are, are not to be edited: Host has a rewrite of its own, the others are this proxy's.

What always holds: a name that is written is a token, a value has no byte that could end its line, and the new head was read
again by the same reader before it is used: so no value becomes a second field, and no target another request.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcpy, memmove

from xproto.kernel.edits cimport (
    EDIT_ABSENT, EDIT_DONE, EDIT_MEMORY, EDIT_OVER, EDIT_REMOVE, EDIT_SAME, EDIT_VALUE, MAX_EDITS, edit_of, edit_t, group_edits,
    settle_edits, settled_t,
)
from xproto.kernel.http1 cimport (
    FIELD_CONNECTION, FIELD_CONTENT_LENGTH, FIELD_EXPECT, FIELD_HOST, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_TE,
    FIELD_TRAILER, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE, FINE, MAX_FIELDS, MAX_HEAD, METHOD_CONNECT, head_t, read_head,
)
from xproto.kernel.http1_line cimport is_authority
from xproto.kernel.http1_text cimport CLASS, TOKEN, VALUE, VISIBLE, is_text, name_of, same
from xproto.kernel.room cimport make_room, put_bytes, room_t
from xproto.kernel.run cimport span_t


cdef bint has_field(const uint8_t* data, const head_t* head, const span_t* name) noexcept nogil:
    cdef int i
    for i in range(head.count):
        if head.fields[i].name_size == name.size and same(data + head.fields[i].name_at, name.data, name.size):
            return True
    return False


cdef bint writable(const edit_t* edit) noexcept nogil:
    """May a field be called so, and is this a value?"""
    cdef int64_t i
    for i in range(edit.name_size):
        if not CLASS[edit.name[i]] & TOKEN:
            return False
    if name_of(edit.name, <unsigned int>edit.name_size) in (
            FIELD_HOST, FIELD_CONTENT_LENGTH, FIELD_TRANSFER_ENCODING, FIELD_CONNECTION, FIELD_UPGRADE, FIELD_EXPECT, FIELD_TE,
            FIELD_TRAILER, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION):
        return False
    if edit.op != EDIT_REMOVE:
        for i in range(edit.value_size):
            if not CLASS[edit.value[i]] & VALUE:
                return False
    return True


cdef int64_t line_end(const head_t* head, int k) noexcept nogil:
    return head.fields[k + 1].name_at if k + 1 < head.count else head.size - 2


cdef bint put_line(room_t* into, const edit_t* edit) noexcept nogil:
    return put_bytes(into, edit.name, edit.name_size) and put_bytes(into, b": ", 2) and (
        put_bytes(into, edit.value, edit.value_size)) and put_bytes(into, b"\r\n", 2)


cdef bint put_lines(room_t* into, const edit_t* edits, int count, const settled_t* settled) noexcept nogil:
    cdef int i
    for i in range(count):
        if settled[i].written and not put_line(into, &edits[i]):
            return False
    return True


cdef int conclude(room_t* into, bint response, head_t* head) noexcept nogil:
    """Is it a head still?"""
    cdef int64_t wrong_at = 0
    if into.size >= MAX_HEAD:
        return EDIT_OVER
    return EDIT_DONE if read_head(into.data, into.size, response, head, &wrong_at) == FINE else EDIT_VALUE


cdef int edit_head(const uint8_t* data, head_t* head, bint response, const edit_t* edits, int count, room_t* into) noexcept nogil:
    cdef settled_t settled[MAX_EDITS]
    cdef int i, which, last = head.count, fields = 0
    if not group_edits(edits, count, True, settled):
        return EDIT_VALUE
    for i in range(count):
        if not writable(&edits[i]):
            return EDIT_VALUE
    for i in range(head.count):
        which = edit_of(edits, count, True, settled, data + head.fields[i].name_at, head.fields[i].name_size)
        if which >= 0:
            settled[which].there += 1
    if not settle_edits(edits, count, settled):
        return EDIT_SAME
    if head.count and is_text(data + head.fields[head.count - 1].name_at, head.fields[head.count - 1].name_size, b"grpc-timeout", 12):
        last = head.count - 1                # it stays the last one: it is found there when it is renewed
    if not put_bytes(into, data, head.fields[0].name_at if head.count else head.size - 2):
        return EDIT_MEMORY
    for i in range(head.count):
        if i == last and not put_lines(into, edits, count, settled):
            return EDIT_MEMORY
        which = edit_of(edits, count, True, settled, data + head.fields[i].name_at, head.fields[i].name_size)
        if which >= 0 and not settled[which].keeps:
            continue
        fields += 1
        if not put_bytes(into, data + head.fields[i].name_at, line_end(head, i) - head.fields[i].name_at):
            return EDIT_MEMORY
    if last == head.count and not put_lines(into, edits, count, settled):
        return EDIT_MEMORY
    if not put_bytes(into, b"\r\n", 2):
        return EDIT_MEMORY
    for i in range(count):
        fields += settled[i].written
    return EDIT_OVER if fields > MAX_FIELDS else conclude(into, response, head)


# -- the first line, and the host --------------------------------------------------------------------------------------

cdef void target_parts(const uint8_t* data, const head_t* head, span_t* authority, span_t* path) noexcept nogil:
    """As they stand in the target; `data` of the authority NULL: it has none."""
    cdef const uint8_t* at = data + head.target_at
    cdef const uint8_t* stop = at + head.target_size
    cdef const uint8_t* mark
    authority.data, authority.size = NULL, 0
    if at[0] != c'/':
        at = <const uint8_t*>memchr(at, c'/', <size_t>head.target_size) + 2       # read before: there is a scheme
        authority.data = at
        while at < stop and at[0] != c'/' and at[0] != c'?':
            at += 1
        authority.size = at - authority.data
    mark = <const uint8_t*>memchr(at, c'?', <size_t>(stop - at)) if at < stop else NULL
    path.data, path.size = at, (mark if mark != NULL else stop) - at


cdef int64_t method_at(const span_t* path) noexcept nogil:
    """Of the two parts of gRPC's paths the second one's place; 0: it has no such parts."""
    cdef int64_t slash = path.size - 1
    while slash > 0 and path.data[slash] != c'/':
        slash -= 1
    return slash + 1 if slash >= 2 and slash + 1 < path.size and path.data[0] == c'/' else 0


cdef bint has_path(const uint8_t* data, const head_t* head) noexcept nogil:
    return head.method != METHOD_CONNECT and data[head.target_at] != c'*'


cdef bint is_call(const uint8_t* data, const head_t* head) noexcept nogil:
    cdef span_t authority, path
    if not has_path(data, head):
        return False
    target_parts(data, head, &authority, &path)
    return method_at(&path) > 0


cdef bint fits_path(int part, const uint8_t* value, int64_t size) noexcept nogil:
    cdef int64_t i
    for i in range(size):
        if not CLASS[value[i]] & VISIBLE or value[i] == c'?' or value[i] == c'#' or part == PART_METHOD and value[i] == c'/':
            return False
    return size > 0 and (part != PART_PATH or value[0] == c'/')


cdef bint replace(const uint8_t* data, int64_t size, int64_t start, int64_t end, const uint8_t* value, int64_t length,
                  room_t* into) noexcept nogil:
    into.size = 0
    return make_room(into, size - (end - start) + length) and put_bytes(into, data, start) and (
        put_bytes(into, value, length)) and put_bytes(into, data + end, size - end)


cdef int rewrite_host(const uint8_t* data, head_t* head, const uint8_t* value, int64_t size, room_t* into) noexcept nogil:
    """Host, and what the target says of it, if it does."""
    cdef span_t authority, path
    cdef int64_t start, moved = 0, end
    cdef bint fine
    authority.data = NULL
    if not is_authority(value, size):
        return EDIT_VALUE
    if has_path(data, head):
        target_parts(data, head, &authority, &path)
    if head.host < 0:
        start = end = head.fields[0].name_at if head.count else head.size - 2
        into.size = 0
        fine = put_bytes(into, data, start) and put_bytes(into, b"Host: ", 6) and put_bytes(into, value, size) and (
            put_bytes(into, b"\r\n", 2)) and put_bytes(into, data + end, head.size - end)
    else:
        start = head.fields[head.host].value_at
        fine = replace(data, head.size, start, start + head.fields[head.host].value_size, value, size, into)
    if not fine:
        return EDIT_MEMORY
    if authority.data != NULL:               # in front of all fields: what stands before it is where it was
        start = authority.data - data
        moved = size - authority.size
        if not make_room(into, max(moved, <int64_t>0)):
            return EDIT_MEMORY
        move(into, start, authority.size, value, size)
    return conclude(into, False, head)


cdef void move(room_t* text, int64_t at, int64_t old, const uint8_t* value, int64_t size) noexcept nogil:
    """Other bytes for some in the middle; there is room."""
    memmove(text.data + at + size, text.data + at + old, <size_t>(text.size - at - old))
    memcpy(text.data + at, value, <size_t>size)
    text.size += size - old


cdef int rewrite_head(const uint8_t* data, head_t* head, int part, const uint8_t* value, int64_t size, room_t* into) noexcept nogil:
    cdef span_t authority, path
    cdef int64_t start, end, method
    if part == PART_HOST and head.method != METHOD_CONNECT:
        return rewrite_host(data, head, value, size, into)
    if not has_path(data, head):
        return EDIT_ABSENT                   # what CONNECT asks for is no host of a request
    target_parts(data, head, &authority, &path)
    start = path.data - data
    end = start + path.size
    if part != PART_PATH:
        method = method_at(&path)
        if method == 0:
            return EDIT_ABSENT
        if part == PART_METHOD:
            start += method
        else:
            end = start + method - 1
            start += 1
    if not fits_path(part, value, size):
        return EDIT_VALUE
    return conclude(into, False, head) if replace(data, head.size, start, end, value, size, into) else EDIT_MEMORY
