from libc.stdint cimport uint8_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.cluster cimport Cluster
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t

cdef int dispatch_to(Cluster cluster, str address, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1
cdef int dispatch_past(Cluster cluster, str address, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1
