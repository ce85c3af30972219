"""From a frame to its route: the asked-for keys, then a cache in front of the route table.

The cache's key is the values joined with their lengths, so no two different tuples are the same key. It has two
generations: what is used moves to the young one, and when that is full the old one goes. So it is bounded, and a peer
that sends different values all the time costs what a miss costs, never a growing table; Python's bytes are hashed with
a secret seed. In front of it stands the last key: most reads are runs of one method.

What a route's action (`actions.pyx`) or hash policy chooses by is looked up with the rest, but is no part of the key. So is
what the conditions of a listener's filters are about (`look`): a call that none of them looks at is read once.

What always holds: a cached answer is what the table decided for these very values; a table is immutable.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from proxy.datapath.actions cimport Action
from proxy.datapath.core cimport SCRATCH_SIZE, Core
from proxy.datapath.counters cimport add
from proxy.datapath.route cimport route_t
from proxy.datapath.subset cimport hash_of
from proxy.datapath.table cimport Table
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport SCAN_OK

from proxy.routing.keys import METADATA, PROTOCOL, SAN, SNI, SOURCE, asked_of, is_own
from xproto.errors import SpecError

TARGET = ("path", "query", "host")
"""What a redirect says again of its request."""

cdef enum:
    ABSENT = 0xFFFFFFFF       # in place of a length
    EVER = 8_766_000          # hours: 1,000 years


cdef int64_t spelled_timeout(const slice_t* text) noexcept nogil:
    """Up to eight digits and a unit, as gRPC's, in milliseconds, at least one; 0: there is none; -1: this is no timeout.

    Milliseconds are as fine as timers are; what is over 1,000 years is never.
    """
    cdef int64_t number = 0, scale, index
    if text.data == NULL:
        return 0
    if not 2 <= text.size <= 9:
        return -1
    for index in range(text.size - 1):
        if not c'0' <= text.data[index] <= c'9':
            return -1
        number = number * 10 + (text.data[index] - c'0')
    if text.data[text.size - 1] == c'n':
        scale = 1
    elif text.data[text.size - 1] == c'u':
        scale = 1000
    elif text.data[text.size - 1] == c'm':
        scale = 1000 * 1000
    elif text.data[text.size - 1] == c'S':
        scale = 1000 * 1000 * 1000
    elif text.data[text.size - 1] == c'M':
        return max(<int64_t>1, number * 60_000)
    elif text.data[text.size - 1] == c'H':
        return 0 if number > EVER else max(<int64_t>1, number * 3_600_000)
    else:
        return -1
    return max(<int64_t>1, (number * scale + 999_999) // 1_000_000)


cdef bytes bytes_of(str text):
    """As it came, where it is part of a header; what is no text at all is replaced."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


cdef class Decisions:
    """One table's decisions on frames of one protocol."""

    def __cinit__(self, Core core not None, Table table not None, Codec codec not None, tuple shared=()):
        """`shared`: what filters look at, as frames have it."""
        cdef tuple looked_at = (*table.keys, *table.wanted)
        cdef list asked = [asked_of(key, codec.lowered.protocol, codec.headed) for key in looked_at]
        cdef tuple keys = tuple(dict.fromkeys([key for key in asked if key is not None]))
        cdef tuple more
        cdef list every
        self.core, self.table = core, table
        self.asked = len(table.keys)
        self.timeout_at = -1
        if codec.timeout_key is not None:
            if codec.timeout_key not in keys:
                keys = (*keys, codec.timeout_key)
            self.timeout_at = keys.index(codec.timeout_key)
        self.headed, self.spelled = codec.headed, codec.spelled
        self.young, self.old = {}, {}
        self.last_size = -1
        more = tuple([key for key in shared if key not in keys])
        if shared:
            try:
                self.wide = codec.lookup((*keys, *more))
            except SpecError:                # too many for one lookup: the filters have their own
                more = ()
        every = [*keys, *more, *dict.fromkeys([key for key in looked_at if is_own(key)])]
        self.marks = tuple([(at, key[len(METADATA):]) for at, key in enumerate(every) if key.startswith(METADATA)])
        self.values = <slice_t*>calloc(len(every) + 1, sizeof(slice_t))
        self.places = <int*>calloc(self.asked + 1, sizeof(int))
        self.wanted = <int*>calloc(len(table.wanted) + 1, sizeof(int))
        self.shared = <int*>calloc(len(shared) + 1, sizeof(int))
        if self.values == NULL or self.places == NULL or self.wanted == NULL or self.shared == NULL:
            raise MemoryError
        for index, key in enumerate(shared if self.wide is not None else ()):
            self.shared[<int>index] = every.index(key)
        for index, key in enumerate(looked_at):
            name = key if is_own(key) else asked[index]
            place = len(every) if name is None else every.index(name)        # the last one is always absent
            if index < self.asked:
                self.places[<int>index] = place
            else:
                self.wanted[<int>index - self.asked] = place
        self.sni_at, self.san_at, self.source_at = [
            every.index(key) if key in every else -1 for key in (SNI, SAN, SOURCE)]
        self.protocol = codec.name.encode()
        if PROTOCOL in every:
            lend(&self.values[<int>every.index(PROTOCOL)], self.protocol)
        if table.redirects and codec.headed and not codec.spelled:
            self.target = codec.lookup(TARGET)
        if keys:
            self.lookup = codec.lookup(keys)
        if not self.asked:
            self.fixed = self.ask()

    def __dealloc__(self):
        free(self.values)
        free(self.places)
        free(self.wanted)
        free(self.shared)

    cdef int decide(self, const uint8_t* frame, int64_t size, int64_t* timeout, bytes sni, bytes san, bytes source) except -3:
        """The route's index, NOBODY or UNREADABLE; `timeout` gets the call's own, if a key holds it (milliseconds).

        `sni` and `san`: what the connection's TLS says of its client; `source`: its address. None: nothing.
        """
        cdef uint8_t key[KEY_LIMIT]
        cdef Py_ssize_t joined
        if frame != self.found and self.lookup is not None and self.lookup.find(
                frame, size, self.values, self.core.scratch, SCRATCH_SIZE, self.core.head if self.headed else NULL) != SCAN_OK:
            return UNREADABLE
        self.found = NULL
        if self.timeout_at >= 0:
            timeout[0] = spelled_timeout(&self.values[self.timeout_at]) if self.spelled else self.own_timeout()
            if timeout[0] < 0:
                return UNREADABLE
        if self.sni_at >= 0:
            lend(&self.values[self.sni_at], sni)
        if self.san_at >= 0:
            lend(&self.values[self.san_at], san)
        if self.source_at >= 0:
            lend(&self.values[self.source_at], source)
        if self.marks:
            self.lend_metadata()
        if not self.asked:
            return self.fixed
        joined = self.join(key)
        if joined < 0:
            add(self.table.uncached, 1)
            return self.ask()
        if joined == self.last_size and memcmp(key, self.last, joined) == 0:
            add(self.table.hits, 1)
            return self.last_route
        self.last_route = self.recall(PyBytes_FromStringAndSize(<char*>key, joined))
        self.last_size = joined
        memcpy(self.last, key, joined)
        return self.last_route

    cdef bint look(self, const uint8_t* frame, int64_t size) noexcept:
        """Find all values of a frame, for filters first. Whoever decides on it next, with nothing between, says so in `found`."""
        return self.wide.find(
            frame, size, self.values, self.core.scratch, SCRATCH_SIZE, self.core.head if self.headed else NULL) == SCAN_OK

    cdef route_t* chosen(self, route_t* route) except? NULL:
        """What the route's action chooses for the call that was just decided. NULL: no cluster."""
        cdef Action action = <Action>route.action
        return action.choose(self.core.dice(), NULL if action.wants < 0 else &self.values[self.wanted[action.wants]])
    cdef uint64_t hash(self, const route_t* route) noexcept nogil:
        """By the route's policy, of the call that was just decided; 0: it has nothing that the policy asks for."""
        cdef const slice_t* value
        cdef int index
        for index in range(route.hash_count):
            value = &self.values[self.wanted[route.hashes[index]]]
            if value.data != NULL and value.size > 0:
                return hash_of(value.data, value.size)
        return 0

    cdef Py_ssize_t join(self, uint8_t* into) noexcept nogil:
        """Each value behind its length. -1: too long to be kept."""
        cdef Py_ssize_t used = 0
        cdef uint32_t size
        cdef int place, index
        for place in range(self.asked):
            index = self.places[place]
            if used + 4 > KEY_LIMIT:
                return -1
            if self.values[index].data == NULL:
                size = ABSENT
                memcpy(into + used, &size, 4)
                used += 4
                continue
            if not 0 <= self.values[index].size <= KEY_LIMIT - 4 - used:
                return -1
            size = self.values[index].size
            memcpy(into + used, &size, 4)
            memcpy(into + used + 4, self.values[index].data, size)
            used += 4 + size
        return used

    cdef int lend_metadata(self) except -1:
        """What filters have set on the call; no frame is asked for it."""
        self.lent = []
        for at, name in self.marks:
            value = None if self.metadata is None else self.metadata.get(name)
            text = None if value is None else bytes_of(str(value))
            self.lent.append(text)
            lend(&self.values[<int>at], text)
        return 0

    cdef int recall(self, bytes key) except -3:
        """The table's answer for the current values, remembered under their key."""
        found = self.young.get(key)
        if found is not None:
            add(self.table.hits, 1)
            return found
        found = self.old.get(key)
        if found is None:
            add(self.table.misses, 1)
            found = self.ask()
        else:
            add(self.table.hits, 1)
        if len(self.young) >= ENTRIES:
            self.old, self.young = self.young, {}
        self.young[key] = found
        return found

    cdef int ask(self) except -3:
        cdef int place, index
        cdef list values = []
        for place in range(self.asked):
            index = self.places[place]
            if self.values[index].data == NULL:
                values.append(None)
            else:
                values.append(PyBytes_FromStringAndSize(<char*>self.values[index].data, self.values[index].size))
        index = self.table.decide(tuple(values))
        if not NOBODY <= index < self.table.size:
            raise IndexError(f"route table {self.table.name} decided {index} of {self.table.size}")
        return index

    cdef int64_t own_timeout(self) noexcept nogil:
        """Decimal milliseconds; 0 for anything else, and nothing is longer than 2**31."""
        cdef slice_t text = self.values[self.timeout_at]
        cdef int64_t number = 0, index
        if text.data == NULL or not 0 < text.size <= 18:
            return 0
        for index in range(text.size):
            if not c'0' <= text.data[index] <= c'9':
                return 0
            number = number * 10 + (text.data[index] - c'0')
        return min(number, <int64_t>1 << 31)
