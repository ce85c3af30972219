from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.edit_pairs cimport block_t
from xproto.kernel.edits cimport edit_t
from xproto.kernel.room cimport room_t
from xproto.kernel.run cimport classes_t, span_t

# Writes the block from `start` to `stop` as it is after the edits; an EditOutcome, EDIT_DONE only where it is another one now.
cdef int edit_block(const block_t* kind, const uint8_t* data, int64_t start, int64_t stop, const classes_t* classes,
                    const edit_t* edits, int count, uint8_t* scratch, int64_t scratch_size, room_t* into) noexcept nogil
# The value that counts of this name; data NULL: it has none, or (size OVERRIDDEN) one that is no text and hides what it would
# override. False: the block cannot be read.
cdef bint find_value(const block_t* kind, const uint8_t* data, int64_t start, int64_t stop, const classes_t* classes,
                     const span_t* name, uint8_t* scratch, int64_t scratch_size, span_t* value) noexcept nogil
