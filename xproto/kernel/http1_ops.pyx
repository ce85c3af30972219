"""HTTP/1.1's head and body as the executor runs them.

What a head says is packed into one number, in the order of `xproto.wire.http1.FACTS`. A frame that is not all there goes
on where the last look stopped: `progress.at` is how far the search for the head's end came, or, from the body on (MARK is
set then, and the head's size is kept), the offset behind the last byte of the body that was passed.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from xproto.kernel.grpc_web cimport web_wanted
from xproto.kernel.http1 cimport (
    BODY_CHUNKED, BODY_COUNTED, BODY_NONE, BODY_UNTIL_CLOSE, FINE, METHOD_CONNECT, METHOD_HEAD, head_end, head_t, read_head,
)
from xproto.kernel.http1_chunked cimport CHUNK_DONE, chunked_t, pass_chunked
from xproto.kernel.http1_facts cimport (
    AWAITS_AT, CLOSES_AT, FORM_BITS, METHOD_AT, MINOR_AT, STATUS_AT, UPGRADES_AT, WEB_AT, method_in, upgrades_in,
)
from xproto.kernel.http1_keys cimport find_keys
from xproto.kernel.run cimport BAD, DONE, SHORT, cursor_t, key_t, progress_t

from xproto.wire.http1 import FACTS, METHODS

cdef enum:
    MARK = 1 << 30

if [sum(width for _, width in FACTS[:i]) for i in range(len(FACTS))] != [
        0, METHOD_AT, MINOR_AT, CLOSES_AT, UPGRADES_AT, AWAITS_AT, STATUS_AT, WEB_AT] or METHODS[b"TRACE"] != 9:
    raise ImportError("the kernel and xproto.wire.http1 differ: build again")


cdef inline bint in_body(const progress_t* progress) noexcept nogil:
    return progress != NULL and progress.later[1] & MARK


cdef bint fits(head_t* head, int64_t asked) noexcept nogil:
    """What an answer means depends on what was asked. `upgrades` of it: what follows is another protocol."""
    if head.status == 101:
        head.upgrades = head.upgrades and upgrades_in(asked)
        return head.upgrades
    head.upgrades = method_in(asked) == METHOD_CONNECT and 200 <= head.status < 300
    if head.upgrades and head.form != BODY_UNTIL_CLOSE and head.form != BODY_NONE:
        return False                      # some would look for a body, others for the tunnel
    if head.upgrades or method_in(asked) == METHOD_HEAD:
        head.form = BODY_NONE
    return True


cdef int walk_head(cursor_t* c, bint response, int64_t* facts, int64_t* length, const key_t* keys, int nkeys,
                   progress_t* progress) noexcept nogil:
    cdef head_t own
    cdef head_t* head = &own if progress == NULL or progress.head == NULL else <head_t*>progress.head
    cdef int64_t seen = 0, wrong_at = 0, end
    if progress != NULL and progress.read:
        c.at = head.size
        return DONE if find_keys(c, head, keys, nkeys) else BAD
    if in_body(progress) and 0 < progress.later[2] <= c.stop:
        end = progress.later[2]
    else:
        if progress != NULL and 0 < progress.at <= c.stop:
            seen = progress.at
        end = head_end(c.data, c.stop, &seen)
        if progress != NULL:
            progress.at = seen
    if end < 0:
        return BAD
    if end == 0:
        c.at = c.stop + 1
        return SHORT
    if read_head(c.data, end, response, head, &wrong_at) != FINE:
        return BAD
    if response and progress != NULL and progress.asked and not fits(head, progress.asked):
        return BAD
    facts[0] = (<int64_t>head.form | <int64_t>head.method << METHOD_AT | <int64_t>head.minor << MINOR_AT
                | <int64_t>head.closes << CLOSES_AT | <int64_t>head.upgrades << UPGRADES_AT
                | <int64_t>head.awaits << AWAITS_AT | <int64_t>head.status << STATUS_AT)
    if not response and head.media >= 0:
        facts[0] |= <int64_t>web_wanted(c.data, head) << WEB_AT
    length[0] = head.length
    c.at = end
    return DONE if nkeys == 0 or find_keys(c, head, keys, nkeys) else BAD


cdef int walk_body(cursor_t* c, int64_t facts, int64_t length, int64_t limit, progress_t* progress) noexcept nogil:
    cdef int form = <int>(facts & ((1 << FORM_BITS) - 1))
    cdef chunked_t body
    cdef int64_t passed, start = c.at
    if form == BODY_NONE:
        return DONE
    if progress != NULL and not in_body(progress):
        progress.at, progress.later[0], progress.later[1], progress.later[2] = start, 0, MARK, start
    if form == BODY_COUNTED:
        if length > limit - c.at:
            return BAD
        c.at += length
        if progress != NULL:
            progress.at = min(c.at, c.stop)
        return SHORT if c.at > c.stop else DONE
    if form != BODY_CHUNKED:
        if progress != NULL:
            progress.at = c.stop
        c.at = c.stop + 1                 # until the connection closes: no frame tells
        return SHORT if c.stop < limit else BAD
    body.state = body.digits = 0
    body.extensions = body.trailers = 0
    body.left = 0
    if progress != NULL and start < progress.at <= c.stop:
        c.at = progress.at
        load(&body, progress)
    passed = pass_chunked(&body, c.data + c.at, c.stop - c.at)
    if passed < 0:
        return BAD
    c.at += passed
    if progress != NULL:
        progress.at = c.at
        store(&body, progress)
    if body.state == CHUNK_DONE:
        return DONE
    c.at = c.stop + 1
    return SHORT


cdef void load(chunked_t* body, const progress_t* progress) noexcept nogil:
    cdef uint64_t packed = <uint64_t>progress.later[1]
    body.left = <uint64_t>progress.later[0]
    body.state, body.digits = <int>(packed & 0xFF), <int>(packed >> 8 & 0xFF)
    body.extensions, body.trailers = <uint32_t>(packed >> 16 & 0x3FFF), <uint32_t>(packed >> 32 & 0xFFFF)


cdef void store(const chunked_t* body, progress_t* progress) noexcept nogil:
    progress.later[0] = <int64_t>body.left
    progress.later[1] = (MARK | <int64_t>body.state | <int64_t>body.digits << 8 | <int64_t>body.extensions << 16
                         | <int64_t>body.trailers << 32)
