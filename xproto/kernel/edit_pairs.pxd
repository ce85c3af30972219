# The pairs of a header block, in whichever of the forms that can be edited.
from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.run cimport classes_t, cursor_t, span_t

cdef enum BlockCode:          # the values of xproto.plan.OpCode
    KEYVALUES = 20
    HESSIAN_MAP = 23
    THRIFT_INFO = 27
    JCE_MAP = 31
    HTTP_HEAD = 35

cdef enum:
    COMMA = 44                # between the values of one name, where it can be there once

cdef struct block_t:          # how a block is written: the op that reads it, and its operands
    int code                  # BlockCode; 0: there is none
    int width                 # of lengths; of JCE_MAP: the tag
    bint little
    bint signed
    int unit                  # bytes by which it may grow: it is padded to that

cdef struct pair_t:
    span_t key                # data NULL: no text
    span_t value              # data NULL: none, or no text, or (size -1) longer than the scratch space
    bint plain                # it may be taken away: nothing else refers to it
    int64_t at                # all of it lies from here
    int64_t end               # to here

cdef struct pairs_t:          # a walk through a block
    cursor_t c
    int64_t left              # pairs to come of those that were counted
    int64_t number            # of the counted ones of THRIFT_INFO: their kind
    uint8_t* kept             # what stands in the scratch space up to here stays
    int64_t kept_left

# 1: there is a block; 0: null, or not there; -1: it cannot be read. classes: what the frame defined before it, or NULL.
cdef int begin_pairs(const block_t* kind, pairs_t* walk, const uint8_t* data, int64_t start, int64_t stop,
                     const classes_t* classes, uint8_t* scratch, int64_t scratch_size) noexcept nogil
# 1: a pair; 0: there are no more; -1: it cannot be read.
cdef int next_pair(const block_t* kind, pairs_t* walk, pair_t* out) noexcept nogil
# What the last pair's texts point at stays as it is.
cdef void keep_pair(pairs_t* walk) noexcept nogil
