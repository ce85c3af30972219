# What is to be done with headers, whatever protocol they are of.
from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.run cimport span_t

cdef enum EditOp:
    EDIT_SET = 0              # whatever there was of this name, this is all of it now
    EDIT_ADD = 1              # where there is none of this name
    EDIT_APPEND = 2           # behind what there is: another line, or behind a comma where a name can be there once
    EDIT_REMOVE = 3

cdef enum EditOutcome:
    EDIT_DONE = 0
    EDIT_SAME = 1             # nothing had to be changed
    EDIT_ABSENT = 2           # this frame has no such place
    EDIT_OVER = 3             # over a limit: of a length, of the frame, of a head
    EDIT_VALUE = 4            # the name or value cannot be written, or is not to be edited
    EDIT_UNREADABLE = 5       # what is there cannot be read, or not be taken away
    EDIT_MEMORY = 6

cdef enum:
    MAX_EDITS = 64            # of one block, at a time
    MAX_NAME = 1024           # bytes
    MAX_VALUE = 16384         # bytes: as long as a field may be for most servers of HTTP

cdef struct edit_t:
    int op                    # EditOp
    const uint8_t* name
    int64_t name_size
    const uint8_t* value
    int64_t value_size

cdef struct settled_t:        # of the edit at the same place: whether its value is in the outcome,
    bint written
    int first                 # the first edit of the same name: the fields below are of that one, for all of them
    bint keeps                # what the block has of this name stays
    int64_t there             # how often the block has it
    span_t old                # the value that counts now; data NULL: none, or no text

# Which edits are of one name. False: one of them cannot be written.
cdef bint group_edits(const edit_t* edits, int count, bint fold, settled_t* out) noexcept nogil
# The place of a name among the edits (of the first of them); -1: none is of it.
cdef int edit_of(const edit_t* edits, int count, bint fold, const settled_t* settled, const uint8_t* name, int64_t size) noexcept nogil
# After `there` is known: what becomes of each name. False: nothing changes.
cdef bint settle_edits(const edit_t* edits, int count, settled_t* settled) noexcept nogil
# Whether a name has values of edits in the outcome; `first` as above.
cdef bint has_written(const settled_t* settled, int count, int first) noexcept nogil
