from libc.stdint cimport uint8_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.newcomer cimport Newcomer
from proxy.datapath.upstream cimport Upstream

cdef int switch_over(Newcomer near, call_t* call, Upstream far, const uint8_t* data, size_t size) except -1
