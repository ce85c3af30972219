"""Heads of messages at this hop: what a request says when it goes on, and which ones may switch the connection to
another protocol.

A head is rewritten once, when it is read: a call that waits or is moved to another host goes on with the same text.

What always holds: what an untrusted peer says of the hops before it never goes on; an upgrade that is not in the list is
taken out of its request, so that no server grants it.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from proxy.datapath.cluster cimport microseconds
from proxy.datapath.core cimport BORDER_SIZE
from proxy.datapath.trust cimport Trust
from xproto.kernel.http1 cimport BODY_NONE, FIELD_UPGRADE, METHOD_CONNECT, head_t
from xproto.kernel.http1_forward cimport forward_request, forward_room, hop_t


cdef class Border:
    def __cinit__(self, spec):
        self.trust = Trust(spec.trusted)
        self.via = spec.via.encode() if spec.via else None
        self.forwarded, self.numbers, self.connects = spec.forwarded, spec.request_id, spec.connect
        self.certifies = spec.client_certificate
        self.upgrades = frozenset([name.lower().encode() for name in spec.upgrades])
        self.idle_timeout = microseconds(spec.tunnel_idle_timeout)
        self.head_timeout = microseconds(spec.header_timeout)

    cdef void sign(self, hop_t* hop) noexcept:
        """Our name, in what goes either way."""
        if self.via is not None:
            hop.via.data, hop.via.size = <const uint8_t*>self.via, len(self.via)

    cdef bint switches(self, const uint8_t* frame, const head_t* head) except -1:
        """May this request make another protocol of its connection?"""
        cdef int i
        if head.method == METHOD_CONNECT:
            return self.connects
        if not head.upgrades or head.form != BODY_NONE:
            return False
        for i in range(head.count):
            if head.fields[i].name == FIELD_UPGRADE:
                name = frame[head.fields[i].value_at:head.fields[i].value_at + head.fields[i].value_size]
                if name.lower() not in self.upgrades:
                    return False
        return True

    cdef int64_t request(self, uint8_t* into, const uint8_t* frame, const head_t* head, hop_t* hop) except -1:
        """Write the head as it goes on; its size. `hop`: the client, its request's id, whether it is believed, upgrades."""
        self.sign(hop)
        if forward_room(head, hop) > BORDER_SIZE:
            raise AssertionError("a head that is longer than heads can be")
        return forward_request(into, frame, head, hop)
