# Finds the values of a fixed tuple of routing keys in whole frames.
from libc.stdint cimport int32_t, int64_t, uint8_t

from xproto.kernel.program cimport Program
from xproto.kernel.run cimport span_t

cdef enum:
    FIND_OK = 0
    FIND_BAD = 2     # a malformed header block

ctypedef span_t slice_t
# data: NULL where the key is absent; points into the frame or into the scratch space. size: bytes.

cdef struct source_t:
    int32_t slot
    int32_t unless_count
    bint parted           # only what stands before the first separator counts, or `behind` it
    bint behind
    uint8_t separator
    span_t* unless        # values that count as absent

cdef class Lookup:
    # Finds the values of a fixed tuple of keys in one whole frame, which came from downstream if it is not one of answers.
    cdef readonly tuple keys
    cdef Program program
    cdef int direction        # that its frames come from
    cdef int count
    cdef int slots            # that the program fills
    cdef int* starts          # of each key's sources in `sources`
    cdef source_t* sources    # in order of preference
    cdef object _keep
    # `out` has one slice for each key. Returns FIND_OK or FIND_BAD (SCAN_OK and SCAN_BAD).
    # head: the head_t that a scan of this very frame filled; NULL: none did.
    cdef int find(self, const uint8_t* frame, int64_t size, slice_t* out,
                  uint8_t* scratch, int64_t scratch_size, void* head) noexcept nogil
