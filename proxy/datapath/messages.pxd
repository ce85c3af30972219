from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.border cimport Border
from proxy.datapath.calls cimport Attendant, call_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.mirror cimport Copy, Mirrors
from proxy.datapath.port cimport Guest
from xproto.kernel.frame cimport frame_t
from xproto.kernel.http1_forward cimport hop_t


cdef class Messages(Guest):
    cdef call_t* begun            # whose request's body comes now; NULL: nobody wants it
    cdef int64_t facts            # what the head of the message said that comes now
    cdef int64_t head_since       # when the first byte of a head came that is not whole; 0: there is none
    cdef bint concludes           # the answer that is under way ends with the connection
    cdef bint known               # who the client is
    cdef bint believed            # what it says of the hops before it
    cdef bytes address            # its own, for X-Forwarded-For; None: it has none
    cdef bytes certificate        # its element of X-Forwarded-Client-Cert; None: it has none
    cdef bytes visited            # the host that it last asked for, and may
    cdef Mirrors mirrors          # where copies of the request go whose head was just read; None: nowhere
    cdef Copy copy                # of the request whose body comes now; None: there is none
    cdef Attendant reader         # of the request whose body comes now, where its filters see that; None: they do not
    cdef Attendant bearer         # of the request that is being sent on, where it has its body; None: that follows, or there is none
    cdef int64_t came             # when bytes of a body last came
    cdef int copy_more(self, const uint8_t* data, size_t size) except -1
    cdef Py_ssize_t messages(self, const uint8_t* data, size_t size) except -1
    cdef int message(self, const uint8_t* frame, const frame_t* at) except -1
    cdef int message_ends(self) except -1
    cdef int give_request_up(self) except -1
    cdef bint switches(self) noexcept
    cdef bint last_one(self) noexcept
    cdef int send_on(self, Cluster cluster, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int launch(self, Cluster cluster, call_t* call, const uint8_t* text, const frame_t* at) except -1
    cdef int launch_whole(self, Cluster cluster, call_t* call, const uint8_t* head, frame_t* at) except -1
    cdef int pass_answer(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int say_continue(self, call_t* call) except -1
    cdef bint answer_edited(self, call_t* call, const uint8_t* frame, const hop_t* hop) except -1
    cdef bint hurry(self, call_t* call, const uint8_t* frame) except -1
    cdef int introduce(self, Border border) except -1
    cdef bint astray(self, const uint8_t* frame) except -1
    cdef bint strays(self, const uint8_t* frame) except -1
    cdef bint head_is_late(self) noexcept
    # What the whole connection does in its own way:
    cdef int handle(self, const uint8_t* frame, const frame_t* at) except -1
    cdef int unreadable(self, const frame_t* at, str why) except -1
    cdef int wind_up(self) except -1
    cdef int waits_for_head(self) except -1
