"""The filters of a listener as its calls meet them: who looks at a call at all is decided here, without Python.

A filter may say which calls it looks at, as conditions on keys. All conditions of a listener's filters share one lookup,
so a call that none of them looks at pays for that and for comparing, and no Python code runs for it.

What always holds: a Steps never changes; the places of filters in it are the same with every route of the listener.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from proxy.datapath.cluster cimport microseconds
from proxy.datapath.core cimport SCRATCH_SIZE, Core
from proxy.datapath.counters cimport Counters
from proxy.datapath.decisions cimport lend
from proxy.datapath.guard cimport bounds_of, start_watching
from proxy.datapath.table cimport Table
from xproto.kernel.codec cimport Codec
from xproto.kernel.lookup cimport FIND_OK, Lookup, slice_t

from proxy.filters.interface import PHASES as NAMES
from proxy.routing.condition import compile_regex, holds as condition_holds, pattern_of
from proxy.routing.keys import PROTOCOL, SAN, SNI, SOURCE, asked_of

cdef enum Kind:
    EXACT, PREFIX, SUFFIX, REGEX, PRESENT, OTHER

KINDS = {
    "exact": EXACT, "prefix": PREFIX, "suffix": SUFFIX, "regex": REGEX, "template": REGEX, "contains": REGEX, "present": PRESENT,
}
"""Those that are compared here; the others, and whose case is ignored, as routes' explanations do it (OTHER)."""
MAX_LOOKUPS = 256
"""Keys whose lookups are kept; a filter that makes names up from what callers send would collect them for ever."""

if len(NAMES) != PHASES:
    raise ImportError("the data path and proxy.filters differ: build again")


cdef class Step:
    def __cinit__(self, placed, str listener, bint headed, Counters counters not None):
        cdef int phase
        self.name, self.filter = placed.name, placed.filter
        self.block, self.stuck = placed.block_limit, placed.stuck_limit
        self.bounds = bounds_of(self.name, self.block, self.stuck)
        self.timeout = microseconds(placed.timeout)
        self.body_limit = placed.body_limit if headed else -1
        self.kept = [placed.methods.get(name) for name in NAMES]
        if not headed:
            self.kept[ON_BODY] = None        # its frames are whole
        for phase in range(PHASES):
            self.functions[phase] = NULL if self.kept[phase] is None else <void*>self.kept[phase]
        labels = {"listener": listener, "filter": self.name}
        self.replies = counters.slot("filter_replies_total", labels)
        self.failures = counters.slot("filter_failures_total", labels)


cdef bint holds(const condition_t* condition, const slice_t* value) except -1:
    """As `proxy.routing.condition` says it."""
    cdef bint met = True
    if value.data == NULL:
        return condition.kind == PRESENT and condition.invert
    if condition.kind == EXACT:
        met = value.size == condition.size and memcmp(value.data, condition.data, condition.size) == 0
    elif condition.kind == PREFIX:
        met = value.size >= condition.size and memcmp(value.data, condition.data, condition.size) == 0
    elif condition.kind == SUFFIX:
        met = value.size >= condition.size and (
            memcmp(value.data + value.size - condition.size, condition.data, condition.size) == 0)
    elif condition.kind == REGEX:
        text = PyBytes_FromStringAndSize(<char*>value.data, value.size)
        met = (<object>condition.regex).fullmatch(text) is not None
    elif condition.kind == OTHER:
        return condition_holds(<object>condition.regex, PyBytes_FromStringAndSize(<char*>value.data, value.size))
    return met != condition.invert


cdef class Steps:
    def __cinit__(self, Core core not None, Codec codec not None, list steps, list looks):
        """`looks`: for each filter, groups of conditions of which one must hold; None: it looks at every call."""
        cdef int at, phase
        cdef Step step
        self.core, self.headed = core, codec.headed
        self.steps, self.count = steps, len(steps)
        self.texts, self.asked = [], ()
        for at in range(self.count):
            step = steps[at]
            for phase in range(PHASES if step is not None else 0):
                if step.functions[phase] != NULL:
                    self.masks[phase] |= <uint32_t>1 << at
            if step is not None and step.body_limit >= 0 and step.functions[ON_REQUEST] == NULL:
                self.masks[ON_ROUTE] |= <uint32_t>1 << at        # there it waits for the body, whatever it has to say then
            if looks[at] is None:
                self.always |= <uint32_t>1 << at
        self.behind = self.masks[ON_BODY] | self.masks[ON_HOST] | self.masks[ON_RESPONSE] | self.masks[ON_LOG]
        self.later = self.masks[ON_ROUTE] | self.behind
        self.keys = tuple(dict.fromkeys([key for step in steps if step is not None for key in step.filter.keys]))
        self._conditions(codec, looks)

    def _conditions(self, Codec codec, list looks):
        cdef uint32_t part = self.later | self.masks[ON_REQUEST]         # who has nothing to do here need not look
        cdef list groups = [(at, group) for at in range(self.count) for group in looks[at] or () if part >> at & 1]
        cdef dict asked = {
            each.key: asked_of(each.key, codec.lowered.protocol, codec.headed) for _, group in groups for each in group}
        cdef tuple keys = tuple(dict.fromkeys([name for name in asked.values() if name is not None]))
        cdef list every = [*keys, *[key for key, name in asked.items() if name is None]]     # those are absent, or not of frames
        cdef int used = 0, number
        cdef condition_t* into
        cdef bytes text
        self.sni_at, self.san_at, self.source_at = [every.index(key) if key in every else -1 for key in (SNI, SAN, SOURCE)]
        if not groups:
            return
        self.asked, self.asked_count = keys, len(keys)
        self.lookup = codec.lookup(keys) if keys else None
        self.group_count = len(groups)
        self.values = <slice_t*>calloc(len(every) + 1, sizeof(slice_t))
        self.groups = <group_t*>calloc(self.group_count, sizeof(group_t))
        self.conditions = <condition_t*>calloc(sum([len(group) for _, group in groups]) + 1, sizeof(condition_t))
        if self.values == NULL or self.groups == NULL or self.conditions == NULL:
            raise MemoryError
        for number, (at, group) in enumerate(groups):
            self.groups[number].step, self.groups[number].first, self.groups[number].count = at, used, len(group)
            for each in group:
                into = &self.conditions[used]
                text = each.value.encode()
                into.key, into.invert = every.index(asked[each.key] or each.key), each.invert
                into.kind = OTHER if each.ignore_case else KINDS.get(each.kind, OTHER)
                into.data, into.size = <const uint8_t*>text, len(text)
                regex = each if into.kind == OTHER else compile_regex(pattern_of(each)) if into.kind == REGEX else None
                into.regex = <void*>regex
                self.texts.append((text, regex))
                used += 1
        if PROTOCOL in every:
            self.texts.append(codec.name.encode())
            lend(&self.values[<int>every.index(PROTOCOL)], self.texts[-1])

    def __dealloc__(self):
        free(self.values)
        free(self.groups)
        free(self.conditions)

    cdef uint32_t due(self, const uint8_t* frame, int64_t size, void* head, bytes sni, bytes san, bytes source) except? 0xFFFFFFFF:
        """Which filters look at this request. One that cannot be read is looked at by all: its route says what becomes of it."""
        if self.lookup is not None and self.lookup.find(frame, size, self.values, self.core.scratch, SCRATCH_SIZE, head) != FIND_OK:
            return self.always
        return self.met(sni, san, source)

    cdef uint32_t due_of(self, const slice_t* values, const int* places, bytes sni, bytes san, bytes source) except? 0xFFFFFFFF:
        cdef int at
        for at in range(self.asked_count):
            self.values[at].data, self.values[at].size = values[places[at]].data, values[places[at]].size
        return self.met(sni, san, source)

    cdef uint32_t met(self, bytes sni, bytes san, bytes source) except? 0xFFFFFFFF:
        """Whose conditions hold, of the values that are there."""
        cdef uint32_t found = self.always
        cdef group_t* group
        cdef int number, at
        if self.sni_at >= 0:
            lend(&self.values[self.sni_at], sni)
        if self.san_at >= 0:
            lend(&self.values[self.san_at], san)
        if self.source_at >= 0:
            lend(&self.values[self.source_at], source)
        for number in range(self.group_count):
            group = &self.groups[number]
            if found >> group.step & 1:
                continue
            for at in range(group.first, group.first + group.count):
                if not holds(&self.conditions[at], &self.values[self.conditions[at].key]):
                    break
            else:
                found |= <uint32_t>1 << group.step
        return found


cdef class Filters:
    def __cinit__(self, Core core not None, str listener, Codec codec not None, Table table not None, placed,
                  Counters counters not None):
        cdef dict known = {}, rows = {}

        def steps_of(tuple filters):
            found = [None if each is None else known.get(id(each)) or known.setdefault(
                id(each), Step(each, listener, codec.headed, counters)) for each in filters]
            return Steps(core, codec, found, [() if each is None else each.looks for each in filters])

        self.listener, self.codec, self.lookups = listener, codec, {}
        self.steps = steps_of(placed.filters)
        self.routes = {}
        for index, row in placed.routes.get(table.name, {}).items():     # a virtual host's routes share theirs
            self.routes[index] = rows.get(row) or rows.setdefault(row, steps_of(row))
        start_watching()

    cdef Steps for_route(self, int index):
        if not self.routes:
            return self.steps
        found = self.routes.get(index)
        return self.steps if found is None else <Steps>found

    cdef Lookup lookup_of(self, str key):
        found = self.lookups.get(key)
        if found is None:
            found = self.codec.lookup((key,))
            if len(self.lookups) < MAX_LOOKUPS:
                self.lookups[key] = found
        return found
