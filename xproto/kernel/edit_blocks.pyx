"""Header blocks of pairs, written again after edits: Bolt's, Dubbo's attachments, THeader's, Tars' maps, and all like them.

A name that was edited goes behind the others; the pairs of all other names are the bytes that they were, in their order. In all
of these blocks the last pair of a name counts, so what is appended to a name becomes part of that value, behind a comma.

What always holds: lengths, counts and padding are those of the new block; a value that does not fit its length is refused.
Padding (THeader's) is as short as it can be.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove

from xproto.kernel.edit_pairs cimport (
    HESSIAN_MAP, JCE_MAP, THRIFT_INFO, begin_pairs, block_t, keep_pair, next_pair, pair_t, pairs_t,
)
from xproto.kernel.edits cimport (
    EDIT_DONE, EDIT_MEMORY, EDIT_SAME, EDIT_UNREADABLE, EDIT_VALUE, MAX_EDITS, edit_of, edit_t, group_edits,
    has_written, settle_edits, settled_t,
)
from xproto.kernel.edit_write cimport put_jce_head, put_jce_integer, put_text
from xproto.kernel.room cimport make_room, put_byte, put_bytes, room_t
from xproto.kernel.run cimport OVERRIDDEN, classes_t, span_t

cdef enum:
    GAP = 6                   # bytes: a kind and a count of THRIFT_INFO, at most
    ONE_CALL = 1              # of its kinds: headers of this message alone
    JCE_MAP_TYPE = 8


cdef struct plan_t:           # what is done with one block
    const edit_t* edits
    int count
    settled_t settled[MAX_EDITS]
    int64_t pairs             # that stay as they are


cdef bint stays(const plan_t* plan, const pair_t* pair) noexcept nogil:
    cdef int which
    if pair.key.data == NULL:
        return True
    which = edit_of(plan.edits, plan.count, False, plan.settled, pair.key.data, pair.key.size)
    return which < 0 or plan.settled[which].keeps and not has_written(plan.settled, plan.count, which)


cdef int survey(const block_t* kind, pairs_t* walk, plan_t* plan) noexcept nogil:
    """What the block has of the names that are edited."""
    cdef pair_t pair
    cdef settled_t* settled
    cdef int which, more = next_pair(kind, walk, &pair)
    while more == 1:
        which = -1
        if pair.key.data != NULL:
            which = edit_of(plan.edits, plan.count, False, plan.settled, pair.key.data, pair.key.size)
        if which >= 0:
            settled = &plan.settled[which]
            if not pair.plain:
                return EDIT_UNREADABLE
            if pair.value.data != NULL or pair.value.size < 0 or kind.code == HESSIAN_MAP:
                settled.old = pair.value
                settled.there = pair.value.data != NULL or pair.value.size < 0
                keep_pair(walk)
        more = next_pair(kind, walk, &pair)
    return EDIT_DONE if more == 0 else EDIT_UNREADABLE


cdef int put_edited(const block_t* kind, const plan_t* plan, int first, room_t* into) noexcept nogil:
    """The pair of a name that was edited."""
    cdef span_t texts[MAX_EDITS + 1]
    cdef const settled_t* settled = &plan.settled[first]
    cdef int count = 0, i, outcome
    texts[0].data, texts[0].size = plan.edits[first].name, plan.edits[first].name_size
    outcome = put_text(kind, into, texts, 1, False)
    if outcome != EDIT_DONE:
        return outcome
    if settled.keeps and settled.there:
        if settled.old.data == NULL:
            return EDIT_UNREADABLE               # it did not fit into the scratch space
        texts[0] = settled.old
        count = 1
    for i in range(first, plan.count):
        if plan.settled[i].written and plan.settled[i].first == first:
            texts[count].data, texts[count].size = plan.edits[i].value, plan.edits[i].value_size
            count += 1
    return put_text(kind, into, texts, count, True)


cdef int put_all_edited(const block_t* kind, const plan_t* plan, room_t* into) noexcept nogil:
    cdef int i, outcome
    for i in range(plan.count):
        if plan.settled[i].first == i and has_written(plan.settled, plan.count, i):
            outcome = put_edited(kind, plan, i, into)
            if outcome != EDIT_DONE:
                return outcome
    return EDIT_DONE


cdef int64_t edited_names(const plan_t* plan) noexcept nogil:
    cdef int64_t names = 0
    cdef int i
    for i in range(plan.count):
        names += plan.settled[i].first == i and has_written(plan.settled, plan.count, i)
    return names


cdef int close_gap(room_t* into, int64_t at, int64_t number, int64_t count) noexcept nogil:
    """The kind and the count of the pairs that stand behind a gap; without any there is neither."""
    cdef uint8_t head[GAP]
    cdef uint64_t left = <uint64_t>count
    cdef int size = 1
    if count == 0:
        into.size = at
        return EDIT_DONE
    head[0] = <uint8_t>number
    while left > 0x7F:
        head[size] = <uint8_t>(left & 0x7F | 0x80)
        left >>= 7
        size += 1
    head[size] = <uint8_t>left
    size += 1
    memmove(into.data + at + size, into.data + at + GAP, <size_t>(into.size - at - GAP))
    memcpy(into.data + at, head, <size_t>size)
    into.size -= GAP - size
    return EDIT_DONE


cdef bint open_gap(room_t* into) noexcept nogil:
    if not make_room(into, GAP):
        return False
    into.size += GAP
    return True


cdef int write_info(const block_t* kind, pairs_t* walk, plan_t* plan, int64_t before, room_t* into) noexcept nogil:
    """Counted pairs of two kinds, then padding."""
    cdef pair_t pair
    cdef int64_t gap = -1, number = 0, kept = 0
    cdef int outcome
    while next_pair(kind, walk, &pair) == 1:
        if gap < 0 or walk.number != number:
            if gap >= 0:
                close_gap(into, gap, number, kept)
            gap, number, kept = into.size, walk.number, 0
            if not open_gap(into):
                return EDIT_MEMORY
        if stays(plan, &pair):
            kept += 1
            if not put_bytes(into, walk.c.data + pair.at, pair.end - pair.at):
                return EDIT_MEMORY
    if gap < 0 or number != ONE_CALL:
        if gap >= 0:
            close_gap(into, gap, number, kept)
        gap, number, kept = into.size, ONE_CALL, 0
        if not open_gap(into):
            return EDIT_MEMORY
    outcome = put_all_edited(kind, plan, into)
    if outcome != EDIT_DONE:
        return outcome
    close_gap(into, gap, number, kept + edited_names(plan))
    while (into.size - before) % kind.unit:
        if not put_byte(into, 0):
            return EDIT_MEMORY
    return EDIT_DONE


cdef int write_pairs(const block_t* kind, pairs_t* walk, plan_t* plan, int64_t start, bint there, room_t* into) noexcept nogil:
    cdef pair_t pair
    cdef int outcome
    if kind.code == JCE_MAP:
        if put_jce_head(into, kind.width, JCE_MAP_TYPE) != EDIT_DONE:
            return EDIT_MEMORY
        if put_jce_integer(into, 0, plan.pairs + edited_names(plan)) != EDIT_DONE:
            return EDIT_MEMORY
    elif kind.code == HESSIAN_MAP:
        if not (put_bytes(into, walk.c.data + start, walk.c.at - start) if there else put_byte(into, 0x48)):
            return EDIT_MEMORY
    while there and next_pair(kind, walk, &pair) == 1:
        if stays(plan, &pair) and not put_bytes(into, walk.c.data + pair.at, pair.end - pair.at):
            return EDIT_MEMORY
    outcome = put_all_edited(kind, plan, into)
    if outcome != EDIT_DONE:
        return outcome
    return EDIT_DONE if kind.code != HESSIAN_MAP or put_byte(into, 0x5A) else EDIT_MEMORY


cdef int64_t count_staying(const block_t* kind, pairs_t* walk, const plan_t* plan) noexcept nogil:
    cdef pair_t pair
    cdef int64_t count = 0
    while next_pair(kind, walk, &pair) == 1:
        count += stays(plan, &pair)
    return count


cdef int edit_block(const block_t* kind, const uint8_t* data, int64_t start, int64_t stop, const classes_t* classes,
                    const edit_t* edits, int count, uint8_t* scratch, int64_t scratch_size, room_t* into) noexcept nogil:
    cdef plan_t plan
    cdef pairs_t walk
    cdef int there, outcome
    plan.edits, plan.count, plan.pairs = edits, count, 0
    if not group_edits(edits, count, False, plan.settled):
        return EDIT_VALUE
    there = begin_pairs(kind, &walk, data, start, stop, classes, scratch, scratch_size)
    if there < 0:
        return EDIT_UNREADABLE
    if there:
        outcome = survey(kind, &walk, &plan)
        if outcome != EDIT_DONE:
            return outcome
    if not settle_edits(edits, count, plan.settled):
        return EDIT_SAME
    scratch, scratch_size = walk.kept, walk.kept_left      # values that are kept stand before
    if kind.code == JCE_MAP and there:
        begin_pairs(kind, &walk, data, start, stop, classes, scratch, scratch_size)
        plan.pairs = count_staying(kind, &walk, &plan)
    begin_pairs(kind, &walk, data, start, stop, classes, scratch, scratch_size)
    if kind.code == THRIFT_INFO:
        return write_info(kind, &walk, &plan, into.size + stop - start, into)
    return write_pairs(kind, &walk, &plan, start, there, into)


cdef bint find_value(const block_t* kind, const uint8_t* data, int64_t start, int64_t stop, const classes_t* classes,
                     const span_t* name, uint8_t* scratch, int64_t scratch_size, span_t* value) noexcept nogil:
    cdef pairs_t walk
    cdef pair_t pair
    cdef int more = begin_pairs(kind, &walk, data, start, stop, classes, scratch, scratch_size)
    value.data, value.size = NULL, 0
    if more < 0:
        return False
    more = next_pair(kind, &walk, &pair) if more else 0
    while more == 1:
        if pair.key.data != NULL and pair.key.size == name.size and memcmp(
                pair.key.data, name.data, <size_t>name.size) == 0:
            if not pair.plain or pair.value.size < 0:
                return False
            if pair.value.data != NULL or kind.code == HESSIAN_MAP:
                value[0] = pair.value
                if value.data == NULL:
                    value.size = OVERRIDDEN      # as lookups have it
                keep_pair(&walk)
        more = next_pair(kind, &walk, &pair)
    return more == 0
