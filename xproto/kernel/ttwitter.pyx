"""The struct before a message of TTwitter (Finagle): passed over, and where keys are asked for, looked into.

What always holds: nothing is looked at that was not walked before, so every field found lies within the struct; and a
look is as linear as the walk, since each value is passed once more.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp, strlen

from xproto.kernel.integers cimport xp_load
from xproto.kernel.run cimport DONE, cursor_t, key_t, progress_t, walk_t
from xproto.kernel.thrift cimport pass_value, walk_some, walk_struct

cdef enum:
    STRING = 11
    STRUCT = 12
    LIST = 15

cdef enum:                # of a RequestHeader
    CLIENT_ID = 6
    CONTEXTS = 8
    DEST = 9


cdef int read_head(cursor_t* c, int* number) noexcept nogil:
    """The type of the next field; 0 at the struct's end."""
    cdef int type = c.data[c.at]
    c.at += 1
    if type:
        number[0] = <int>xp_load(c.data + c.at, 2, False)
        c.at += 2
    return type


cdef void read_text(cursor_t* c, const uint8_t** data, int64_t* size) noexcept nogil:
    size[0] = <int64_t>xp_load(c.data + c.at, 4, False)
    data[0] = c.data + c.at + 4
    c.at += 4 + size[0]


cdef void pass_one(cursor_t* c, int type) noexcept nogil:
    cdef walk_t w
    w.depth = 0
    if pass_value(c, &w, type, False, c.stop) == DONE:
        walk_some(c, &w, False, c.stop)


cdef void keep(cursor_t* c, const key_t* keys, int nkeys, const uint8_t* name, int64_t name_size,
               const uint8_t* data, int64_t size) noexcept nogil:
    cdef int i
    for i in range(nkeys):
        if keys[i].size == name_size and memcmp(keys[i].name, name, <size_t>name_size) == 0:
            c.slots[keys[i].slot].data = data
            c.slots[keys[i].slot].size = size


cdef void keep_as(cursor_t* c, const key_t* keys, int nkeys, const char* name, const uint8_t* data,
                  int64_t size) noexcept nogil:
    keep(c, keys, nkeys, <const uint8_t*>name, <int64_t>strlen(name), data, size)


cdef void read_client(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil:
    cdef const uint8_t* data
    cdef int64_t size
    cdef int number = 0, type = read_head(c, &number)
    while type:
        if type == STRING and number == 1:
            read_text(c, &data, &size)
            keep_as(c, keys, nkeys, b"client_id", data, size)
        else:
            pass_one(c, type)
        type = read_head(c, &number)


cdef void read_context(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil:
    cdef const uint8_t* name = NULL
    cdef const uint8_t* data = NULL
    cdef int64_t name_size = 0, size = 0
    cdef int number = 0, type = read_head(c, &number)
    while type:
        if type == STRING and number == 1:
            read_text(c, &name, &name_size)
        elif type == STRING and number == 2:
            read_text(c, &data, &size)
        else:
            pass_one(c, type)
        type = read_head(c, &number)
    if name != NULL and data != NULL:
        keep(c, keys, nkeys, name, name_size, data, size)


cdef void read_fields(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil:
    cdef const uint8_t* data
    cdef int64_t size
    cdef int number = 0, type = read_head(c, &number)
    while type:
        if type == STRING and number == DEST:
            read_text(c, &data, &size)
            keep_as(c, keys, nkeys, b"dest", data, size)
        elif type == STRUCT and number == CLIENT_ID:
            read_client(c, keys, nkeys)
        elif type == LIST and number == CONTEXTS and c.data[c.at] == STRUCT:
            size = <int64_t>xp_load(c.data + c.at + 1, 4, False)
            c.at += 5
            while size:
                read_context(c, keys, nkeys)
                size -= 1
        else:
            pass_one(c, type)
        type = read_head(c, &number)


cdef int walk_header(cursor_t* c, int64_t limit, progress_t* progress, const key_t* keys, int nkeys) noexcept nogil:
    cdef cursor_t again = c[0]
    cdef int outcome = walk_struct(c, False, limit, progress)
    if outcome == DONE and nkeys:
        again.stop = c.at
        read_fields(&again, keys, nkeys)
    return outcome
