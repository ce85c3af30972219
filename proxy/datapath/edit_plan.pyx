"""A route's edits for one protocol, compiled: what values are made of, and how they are made for one call.

What always holds: a value that is the same for all calls is a text that is there already; what a request says is looked up
once, before anything is changed, and what the answer's edits want of it is kept with the call.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from proxy.datapath.calls cimport call_t, kept_text
from proxy.datapath.core cimport SCRATCH_SIZE, Core
from proxy.datapath.counters cimport add
from xproto.kernel.codec cimport Codec
from xproto.kernel.editor cimport ROLE_METHOD, Editor
from xproto.kernel.edits cimport EDIT_ABSENT, EDIT_DONE, EDIT_SAME, EDIT_VALUE, MAX_EDITS, edit_t
from xproto.kernel.frame cimport FROM_UPSTREAM, Direction, frame_t
from xproto.kernel.lookup cimport FIND_OK, slice_t
from xproto.kernel.room cimport empty, put_bytes

from datetime import UTC, datetime

from proxy.routing.condition import compile_regex
from xproto.kernel.edit_face import OPS
from xproto.kernel.editor import ROLES

cdef enum:
    MAX_KEPT = 1024           # bytes of a request that are kept for its answer: as many as a note has, so that calls stay small


VARIABLES = {"downstream_address": CLIENT, "cluster": CLUSTER, "upstream_host": HOST, "start_time": START}
"""Those that are known for each call alone; the others are what a request says, or are the same for all calls of a Plan."""


cdef bytes moment(int64_t when):
    """RFC 3339, in milliseconds; `when` is microseconds since 1970."""
    return datetime.fromtimestamp(when / 1e6, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00").encode() + b"Z"


cdef class Side:
    """`rewrites` and `edits` are of `proxy.snapshot`; keys that values are made of are added to `keys`."""

    def __cinit__(self, tuple rewrites, tuple edits, Codec codec not None, str route, list keys not None):
        cdef int i = 0
        cdef int at = 0
        every = [*rewrites, *edits]
        pieces = [self.resolved(each.value, codec.name, route) for each in every]
        self.count, self.headers = len(every), len(edits)
        self.keep, self.patterns = [], []
        self.items = <item_t*>calloc(self.count + 1, sizeof(item_t))
        self.parts = <part_t*>calloc(sum([len(each) for each in pieces]) + 1, sizeof(part_t))
        if self.items == NULL or self.parts == NULL:
            raise MemoryError
        for i in range(self.count):
            self.items[i].first, self.items[i].count = at, len(pieces[i])
            for piece in pieces[i]:
                self.part(&self.parts[at], piece, keys)
                at += 1
            self.items[i].pattern = -1
            if i < len(rewrites):
                self.role(&self.items[i], every[i], keys)
            else:
                self.items[i].role, self.items[i].op = HEADER, OPS.index(every[i].op)
                self.items[i].name, self.items[i].name_size = self.lend(every[i].name.encode()), len(every[i].name.encode())

    def __dealloc__(self):
        free(self.items)
        free(self.parts)

    def resolved(self, tuple value, str protocol, str route):
        """(kind, text) of each part; texts that stand side by side are one."""
        found, said = [], ""
        for piece in value:
            text = {"": piece.text, "protocol": protocol, "route": route}.get(piece.variable)
            if text is not None:
                said += text
                continue
            found += [("", said), (piece.variable, piece.text)]
            said = ""
        return [each for each in (*found, ("", said)) if each[0] or each[1]]

    cdef const uint8_t* lend(self, bytes text):
        self.keep.append(text)
        return <const uint8_t*>PyBytes_AS_STRING(text)

    def index(self, str key, list keys):
        if key not in keys:
            keys.append(key)
        return keys.index(key)

    cdef int part(self, part_t* into, piece, list keys) except -1:
        variable, text = piece
        if not variable:
            into.kind, into.data, into.size = TEXT, self.lend(text.encode()), len(text.encode())
        elif variable in VARIABLES:
            into.kind = VARIABLES[variable]
            self.clients, self.clusters = self.clients or into.kind == CLIENT, self.clusters or into.kind == CLUSTER
        else:
            into.kind, into.index = KEY, self.index(text if variable == "request_header" else variable, keys)
        return 0

    cdef int role(self, item_t* into, rewrite, list keys) except -1:
        into.role = ROLES.index(rewrite.role)
        if rewrite.prefix:
            into.prefix, into.prefix_size = self.lend(rewrite.prefix.encode()), len(rewrite.prefix.encode())
        if rewrite.regex:
            into.pattern = len(self.patterns)
            self.patterns.append((compile_regex(rewrite.regex), "".join([piece.text for piece in rewrite.value]).encode()))
        if rewrite.prefix or rewrite.regex:
            into.path = self.index(rewrite.role, keys)
        return 0


cdef class Plan:
    def __cinit__(self, spec, str route not None, Editor editor not None):
        cdef Codec codec = editor.codec
        cdef list keys = []
        self.codec, self.editor = codec, editor
        rewrites = tuple([each for each in spec.rewrites if each.role in editor.roles])
        self.answer = Side((), spec.response if editor.answers else (), codec, route, keys)
        self.kept = len(keys)
        self.request = Side(rewrites, spec.request if editor.calls else (), codec, route, keys)
        self.restores = codec.echoes_text and any([each.role == "method" for each in rewrites])
        if keys:
            self.lookup = codec.lookup(tuple(keys))
        self.values = <slice_t*>calloc(len(keys) + 1, sizeof(slice_t))
        if self.values == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.values)
        free(self.texts.data)

    cdef bint idle(self) noexcept:
        """Has it nothing to do with requests?"""
        return self.request.count == 0 and self.kept == 0

    cdef bint keep(self, call_t* call) noexcept:
        """What the answer's edits want of the request that was looked up: copies, as long as the call lives."""
        cdef size_t room = 1
        cdef uint8_t* into
        cdef int64_t size
        cdef int i
        for i in range(self.kept):
            room += sizeof(int64_t) + (<size_t>self.values[i].size if self.values[i].data != NULL else 0)
        if room > MAX_KEPT:
            return False
        free(call.said)
        call.said = into = <uint8_t*>malloc(room)
        if into == NULL:
            return False
        for i in range(self.kept):
            size = self.values[i].size if self.values[i].data != NULL else -1
            memcpy(into, &size, sizeof(int64_t))
            into += sizeof(int64_t)
            if size > 0:
                memcpy(into, self.values[i].data, <size_t>size)
                into += size
        return True

    cdef void recall(self, const call_t* call) noexcept:
        """The same values again."""
        cdef const uint8_t* at = call.said
        cdef int64_t size = -1
        cdef int i
        for i in range(self.kept):
            if at != NULL:
                memcpy(&size, at, sizeof(int64_t))
                at += sizeof(int64_t)
            self.values[i].data, self.values[i].size = at if size >= 0 else NULL, max(size, <int64_t>0)
            if size > 0:
                at += size

    cdef bint look(self, Core core, const uint8_t* frame, int64_t size) noexcept:
        return self.lookup is None or self.lookup.find(
            frame, size, self.values, core.scratch, SCRATCH_SIZE, core.head if self.codec.headed else NULL) == FIND_OK

    cdef const uint8_t* apply(self, Core core, Side side, Direction direction, const call_t* call, bytes client, bytes cluster,
                              const uint8_t* data, int64_t size, const frame_t* before, frame_t* after, int64_t* edited) except? NULL:
        cdef Editor editor = self.editor
        cdef bytes text
        cdef int outcome = editor.begin(direction, data, size, -1 if before == NULL else before.crc_at)
        if outcome == EDIT_DONE and side.count > side.headers:
            outcome = self.rewrite_all(core, side, call, client, cluster)
        if direction == FROM_UPSTREAM and self.kept:
            self.recall(call)
        if outcome == EDIT_DONE and direction == FROM_UPSTREAM and self.restores:
            text = kept_text(call)
            if text:
                outcome = editor.rewrite(ROLE_METHOD, <const uint8_t*>text, len(text))
                outcome = EDIT_DONE if outcome == EDIT_ABSENT or outcome == EDIT_SAME else outcome
        if outcome == EDIT_DONE and side.headers:
            outcome = self.edit_all(core, side, call, client, cluster)
        if outcome == EDIT_DONE and before != NULL:
            outcome = editor.finish(before, after)
        if outcome != EDIT_DONE:
            add(self.refused, 1)
            return NULL
        edited[0] = editor.size
        return editor.data

    cdef int rewrite_all(self, Core core, Side side, const call_t* call, bytes client, bytes cluster) except -1:
        """An EditOutcome. A value that comes out empty rewrites nothing."""
        cdef const item_t* item
        cdef int i, outcome
        for i in range(side.count - side.headers):
            item = &side.items[i]
            empty(&self.texts)
            if item.pattern >= 0:
                self.substitute(side, item)
            elif not self.write(core, side, item, call, client, cluster):
                return EDIT_VALUE
            if self.texts.size == 0:
                continue
            outcome = self.editor.rewrite(item.role, self.texts.data, self.texts.size)
            if outcome == EDIT_ABSENT:
                add(self.skipped, 1)
            elif outcome != EDIT_DONE and outcome != EDIT_SAME:
                return outcome
        return EDIT_DONE

    cdef int substitute(self, Side side, const item_t* item) except -1:
        cdef slice_t* path = &self.values[item.path]
        cdef bytes found, text
        if path.data == NULL:
            return 0
        text = (<const char*>path.data)[:path.size]
        pattern, substitution = side.patterns[item.pattern]
        found = pattern.sub(substitution, text, 1)
        if found != text:
            put_bytes(&self.texts, <const uint8_t*>found, len(found))
        return 0

    cdef bint write(self, Core core, Side side, const item_t* item, const call_t* call, bytes client, bytes cluster) except -1:
        """The item's value, behind what is in `texts`. False: no memory."""
        cdef const part_t* part
        cdef slice_t* path = NULL
        cdef bytes text
        cdef bint fine = True
        cdef int i
        if item.prefix != NULL:
            path = &self.values[item.path]
            if path.data == NULL or path.size < item.prefix_size or memcmp(path.data, item.prefix, <size_t>item.prefix_size) != 0:
                return True
        for i in range(item.first, item.first + item.count):
            part = &side.parts[i]
            if part.kind == TEXT:
                fine = fine and put_bytes(&self.texts, part.data, part.size)
            elif part.kind == KEY:
                if self.values[part.index].data != NULL:
                    fine = fine and put_bytes(&self.texts, self.values[part.index].data, self.values[part.index].size)
            elif part.kind == HOST:
                if call.reached != NULL:
                    fine = fine and put_bytes(&self.texts, call.reached.host.data, <int64_t>call.reached.host.size)
            else:
                text = client if part.kind == CLIENT else cluster if part.kind == CLUSTER else moment(
                    core.clock.wall() - core.now + call.start)
                if text is not None:
                    fine = fine and put_bytes(&self.texts, <const uint8_t*>text, len(text))
        if item.prefix != NULL:
            fine = fine and put_bytes(&self.texts, path.data + item.prefix_size, path.size - item.prefix_size)
        return fine

    cdef int edit_all(self, Core core, Side side, const call_t* call, bytes client, bytes cluster) except -1:
        """An EditOutcome."""
        cdef edit_t[MAX_EDITS] made
        cdef int64_t[MAX_EDITS] starts
        cdef const item_t* item
        cdef const part_t* part
        cdef int first = side.count - side.headers, i, outcome
        empty(&self.texts)
        if side.headers > MAX_EDITS:
            return EDIT_VALUE
        for i in range(side.headers):
            item = &side.items[first + i]
            made[i].op, made[i].name, made[i].name_size = item.op, item.name, item.name_size
            part = &side.parts[item.first]
            if item.count == 1 and part.kind == TEXT:
                made[i].value, made[i].value_size, starts[i] = part.data, part.size, -1
                continue
            starts[i] = self.texts.size
            if not self.write(core, side, item, call, client, cluster):
                return EDIT_VALUE
            made[i].value_size = self.texts.size - starts[i]
        for i in range(side.headers):
            if starts[i] >= 0:               # now it stays where it is
                made[i].value = self.texts.data + starts[i]
        outcome = self.editor.edit(made, side.headers)
        if outcome == EDIT_ABSENT:
            add(self.skipped, 1)
        return EDIT_DONE if outcome == EDIT_ABSENT or outcome == EDIT_SAME else outcome
