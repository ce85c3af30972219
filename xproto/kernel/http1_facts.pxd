# What a head says, in one number: the layout of `xproto.wire.http1.FACTS`. A frame's `echo` where its codec is `headed`.
from libc.stdint cimport int64_t

from xproto.kernel.http1 cimport (
    BODY_COUNTED, BODY_NONE, METHOD_CONNECT, METHOD_DELETE, METHOD_GET, METHOD_HEAD, METHOD_OPTIONS, METHOD_PUT, METHOD_TRACE,
    BodyForm,
)

cdef enum:
    FORM_BITS = 2
    METHOD_AT = 2
    MINOR_AT = 6
    CLOSES_AT = 7
    UPGRADES_AT = 8
    AWAITS_AT = 9
    STATUS_AT = 10
    WEB_AT = 20

cdef enum:
    ASKED = 1 << 30           # beside a request's facts: there is a request


cdef inline BodyForm form_of(int64_t facts) noexcept nogil:
    return <BodyForm>(facts & ((1 << FORM_BITS) - 1))


cdef inline bint has_body(int64_t facts, int64_t length) noexcept nogil:
    cdef BodyForm form = form_of(facts)
    return form != BODY_NONE and (form != BODY_COUNTED or length > 0)


cdef inline int method_in(int64_t facts) noexcept nogil:
    return <int>(facts >> METHOD_AT & 15)


cdef inline int status_in(int64_t facts) noexcept nogil:
    return <int>(facts >> STATUS_AT & 1023)


cdef inline bint is_old(int64_t facts) noexcept nogil:
    """Of HTTP/1.0."""
    return not facts >> MINOR_AT & 1


cdef inline bint closes_in(int64_t facts) noexcept nogil:
    return facts >> CLOSES_AT & 1


cdef inline bint upgrades_in(int64_t facts) noexcept nogil:
    return facts >> UPGRADES_AT & 1


cdef inline int web_in(int64_t facts) noexcept nogil:
    """The form of gRPC-Web that a request's answer gets; 0: it is none of its calls."""
    return <int>(facts >> WEB_AT & 3)


cdef inline bint awaits_in(int64_t facts) noexcept nogil:
    return facts >> AWAITS_AT & 1


cdef inline bint may_switch(int64_t facts) noexcept nogil:
    """A request after which the connection may speak another protocol."""
    return upgrades_in(facts) or method_in(facts) == METHOD_CONNECT


cdef inline bint is_idempotent(int64_t facts) noexcept nogil:
    """A request that may be made twice (RFC 9110 section 9.2.2)."""
    return method_in(facts) in (METHOD_GET, METHOD_HEAD, METHOD_PUT, METHOD_DELETE, METHOD_OPTIONS, METHOD_TRACE) and (
        not upgrades_in(facts))
