"""The first line of an HTTP/1.1 head: its method or status, its target, its version.

Source: RFC 9112 section 3 and 4. What always holds: a target that is accepted has visible ASCII only and no segment of
dots, so that no two readers of it go to different places.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp

from xproto.kernel.http1 cimport (
    FINE, MAX_METHOD, METHOD_CONNECT, METHOD_DELETE, METHOD_GET, METHOD_HEAD, METHOD_OPTIONS, METHOD_OTHER, METHOD_PATCH,
    METHOD_POST, METHOD_PUT, METHOD_TRACE, WRONG_METHOD, WRONG_STATUS, WRONG_TARGET, WRONG_VERSION, Wrong, head_t,
)
from xproto.kernel.http1_text cimport CLASS, HEX, HOST, TOKEN, VALUE, VISIBLE, is_text

cdef enum:
    MAX_PORT = 5              # digits


cdef int method_of(const uint8_t* data, int64_t size) noexcept nogil:
    if size == 3:
        return METHOD_GET if memcmp(data, b"GET", 3) == 0 else METHOD_PUT if memcmp(data, b"PUT", 3) == 0 else METHOD_OTHER
    if size == 4:
        return METHOD_POST if memcmp(data, b"POST", 4) == 0 else METHOD_HEAD if memcmp(data, b"HEAD", 4) == 0 else METHOD_OTHER
    if size == 5:
        if memcmp(data, b"PATCH", 5) == 0:
            return METHOD_PATCH
        return METHOD_TRACE if memcmp(data, b"TRACE", 5) == 0 else METHOD_OTHER
    if size == 6:
        return METHOD_DELETE if memcmp(data, b"DELETE", 6) == 0 else METHOD_OTHER
    if size == 7:
        if memcmp(data, b"OPTIONS", 7) == 0:
            return METHOD_OPTIONS
        return METHOD_CONNECT if memcmp(data, b"CONNECT", 7) == 0 else METHOD_OTHER
    return METHOD_OTHER


cdef bint read_version(const uint8_t* data, int* minor) noexcept nogil:
    """Eight bytes."""
    if memcmp(data, b"HTTP/1.", 7) != 0 or data[7] != c'0' and data[7] != c'1':
        return False
    minor[0] = data[7] - c'0'
    return True


cdef Wrong read_request_line(const uint8_t* data, int64_t stop, head_t* head, int64_t* at) noexcept nogil:
    cdef int64_t i = 0
    while i < stop and CLASS[data[i]] & TOKEN:
        i += 1
    at[0] = i
    if i == 0 or i > MAX_METHOD or i >= stop or data[i] != c' ':
        return WRONG_METHOD
    head.method, head.method_size = method_of(data, i), <uint32_t>i
    i += 1
    head.target_at = <uint32_t>i
    while i < stop and CLASS[data[i]] & VISIBLE:
        i += 1
    at[0] = i
    head.target_size = <uint32_t>(i - head.target_at)
    if head.target_size == 0 or i >= stop or data[i] != c' ':
        return WRONG_TARGET
    if stop - i != 9 or not read_version(data + i + 1, &head.minor):
        return WRONG_VERSION
    return read_target(data + head.target_at, head.target_size, head.method)


cdef Wrong read_target(const uint8_t* data, int64_t size, int method) noexcept nogil:
    """A path, a whole URI, an authority (of CONNECT and nothing else), or the asterisk of OPTIONS. Without a fragment."""
    cdef int64_t start = 0
    if memchr(data, c'#', <size_t>size) != NULL:
        return WRONG_TARGET
    if method == METHOD_CONNECT:
        return FINE if is_authority(data, size) and memchr(data, c':', <size_t>size) != NULL else WRONG_TARGET
    if data[0] == c'*':
        return FINE if size == 1 and method == METHOD_OPTIONS else WRONG_TARGET
    if data[0] != c'/':
        if size > 7 and is_text(data, 7, b"http://", 7):
            start = 7
        elif size > 8 and is_text(data, 8, b"https://", 8):
            start = 8
        else:
            return WRONG_TARGET
        if authority_size(data + start, size - start) == 0:
            return WRONG_TARGET
        start += authority_size(data + start, size - start)
    return WRONG_TARGET if climbs(data + start, size - start) else FINE


cdef inline int slash(const uint8_t* path, int64_t left) noexcept nogil:
    """Bytes of a slash, or of what some readers take for one; 0: it is none."""
    if left and (path[0] == c'/' or path[0] == c'\\'):
        return 1
    if left > 2 and path[0] == c'%' and (
            path[1] == c'2' and (path[2] | 0x20) == c'f' or path[1] == c'5' and (path[2] | 0x20) == c'c'):
        return 3
    return 0


cdef bint climbs(const uint8_t* path, int64_t size) noexcept nogil:
    """Has it a segment of one or two dots, however they are written? Readers resolve those differently, or not at all.

    Some cut parameters (``;``) from a segment first.
    """
    cdef int64_t i = 0
    cdef int dots
    while i < size and path[i] != c'?':
        if not slash(path + i, size - i):
            i += 1
            continue
        i += slash(path + i, size - i)
        dots = 0
        while i < size:
            if path[i] == c'.':
                i += 1
            elif i + 2 < size and path[i] == c'%' and path[i + 1] == c'2' and (path[i + 2] | 0x20) == c'e':
                i += 3
            else:
                break
            dots += 1
        if 1 <= dots <= 2 and (i == size or path[i] == c'?' or path[i] == c';' or slash(path + i, size - i)):
            return True
    return False


cdef int64_t authority_size(const uint8_t* data, int64_t size) noexcept nogil:
    """Of what follows ``://``; 0: none, or one with what it may not have, such as a user's name."""
    cdef int64_t i = 0
    while i < size and data[i] != c'/' and data[i] != c'?':
        i += 1
    return i if is_authority(data, i) else 0


cdef bint is_authority(const uint8_t* data, int64_t size) noexcept nogil:
    """A name or an address in brackets, and perhaps a port. Some readers take what they like as the port of a host."""
    cdef int64_t i = 0, port
    if size and data[0] == c'[':
        i = 1
        while i < size and (CLASS[data[i]] & HEX or data[i] == c':' or data[i] == c'.'):
            i += 1
        if i == 1 or i == size or data[i] != c']':
            return False
        i += 1
    else:
        while i < size and CLASS[data[i]] & HOST and data[i] != c':' and data[i] != c'[' and data[i] != c']':
            i += 1
        if i == 0:
            return False
    if i < size and data[i] != c':':
        return False
    port = i + 1
    for i in range(port, size):
        if not c'0' <= data[i] <= c'9':
            return False
    return size - port <= MAX_PORT


cdef Wrong read_status_line(const uint8_t* data, int64_t stop, head_t* head, int64_t* at) noexcept nogil:
    cdef int64_t i
    at[0] = 0
    if stop < 12 or not read_version(data, &head.minor):
        return WRONG_VERSION
    at[0] = 8
    if data[8] != c' ' or stop > 12 and data[12] != c' ':
        return WRONG_STATUS
    for i in range(9, 12):
        if not c'0' <= data[i] <= c'9':
            return WRONG_STATUS
        head.status = head.status * 10 + data[i] - c'0'
    if not 100 <= head.status <= 599:
        return WRONG_STATUS
    head.reason_at = <uint32_t>min(stop, <int64_t>13)
    head.reason_size = <uint32_t>(stop - head.reason_at)
    for i in range(head.reason_at, stop):
        at[0] = i
        if not CLASS[data[i]] & VALUE:
            return WRONG_STATUS
    return FINE
