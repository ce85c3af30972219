# What one run over one frame carries between the executor and the wire primitives.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cdef enum:
    DONE = 0
    SHORT = 1    # the bytes end inside a value
    BAD = 2      # no value of this kind

cdef enum:
    OVERRIDDEN = -2   # size of a slot whose key is there with something that is no text

cdef enum:
    MAX_CHUNKED = 4   # chunked parts of one frame

cdef enum:
    MAX_CLASSES = 1024
    MAX_DEPTH = 512

cdef struct span_t:
    const uint8_t* data
    int64_t size

cdef struct key_t:
    const uint8_t* name
    int64_t size
    int32_t slot

cdef enum:
    MAX_LEVELS = 64

cdef struct level_t:          # a Thrift struct or container that a walk is in
    int64_t left              # values still to come; -1: a struct, until its stop
    uint8_t key               # types of what is in it, in turn; alike in a list
    uint8_t value

cdef struct walk_t:           # through a Thrift struct
    int64_t at                # offset behind the last value that was whole
    int depth
    level_t[64] levels

cdef struct classes_t:        # Hessian2 class definitions, by the number of their fields
    int32_t count
    int32_t fields[1024]

cdef struct progress_t:       # of one incomplete frame; all zero is a frame not looked at yet
    walk_t* walk              # owned: whoever zeroes it frees it; NULL: in no Thrift struct
    int64_t at                # offset of the first chunk of its (first) chunked part that is not known to be whole
    int64_t later[3]          # the same for further chunked parts, in the order that a frame has them
    void* head                # borrowed head_t that a message's head is read into; NULL: nobody wants to see it
    bint read                 # it was read already, by a scan of this very frame
    classes_t* classes        # borrowed: where the definitions go that a run met; NULL: nobody wants them
    int64_t asked             # of an answer: what its request said (`http1_facts`), and ASKED; 0: not known

cdef struct cursor_t:
    const uint8_t* data       # the frame's first byte
    int64_t at                # offset of the next byte
    int64_t stop              # offset after the last byte that may be read
    span_t* slots             # NULL when nothing is captured
    uint8_t* scratch          # for texts that are not in one piece
    int64_t scratch_left
    int32_t chunked           # chunked parts so far
    int32_t classes           # Hessian2 class definitions so far
    int32_t fields[1024]      # and the number of fields of each
