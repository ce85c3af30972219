"""A loop without a world: its clock is a number, and one seeded generator decides which event comes next.

The datapath asks little of a loop, and this is all of it. Every callback that could run now is a candidate: what was
called soon, a timer that is due, a connection that can be read or written, a listening socket, bytes that reach a peer.
One of them is drawn, it runs, time passes a little, and whoever watches looks on. So every order that a real poll could
bring comes up sooner or later, and one seed brings the same order always.

What always holds: nothing here asks the machine (no time, no descriptor, no hash, no address of an object); callbacks of
`call_soon` keep their order, as do timers of one time; time moves on only by `drift` while there is something to do, and
otherwise to the next timer.
"""

from asyncio import Task
from collections import deque
from heapq import heappop, heappush

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.clock cimport ManualClock


cdef inline uint64_t mixed(uint64_t z) noexcept nogil:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef class Dice:
    """All chance in a simulation: splitmix64."""

    def __init__(self, uint64_t seed):
        self.state = mixed(seed + 0x9E3779B97F4A7C15ULL)

    cdef uint64_t roll(self) noexcept:
        self.state += 0x9E3779B97F4A7C15ULL
        return mixed(self.state)

    cpdef uint64_t below(self, uint64_t end) noexcept:
        """0 <= number < end; 0 where there is no choice."""
        return self.roll() % end if end > 1 else 0

    cpdef bint chance(self, uint64_t in_1000) noexcept:
        return in_1000 != 0 and self.roll() % 1000 < in_1000

    def choice(self, options):
        return options[self.below(len(options))]


cdef class Source:
    cdef bint ready(self) noexcept:
        return False

    cdef int happen(self) except -1:
        return 0


cdef class Watch:
    cdef int look(self) except -1:
        return 0


cdef class Timer:
    def __lt__(self, Timer other):
        return self.at < other.at if self.at != other.at else self.order < other.order

    def cancel(self):
        self.callback = None


cdef class SimulatedLoop:
    def __init__(self, ManualClock clock not None, Dice dice not None):
        self.clock, self.dice = clock, dice
        self.ready, self.timers, self.soon, self.doors = [], [], deque(), {}

    @property
    def now(self):
        """Seconds of the clock."""
        return self.clock.at / 1e6

    # -- what the datapath asks of a loop ---------------------------------------------------------------------------

    def call_soon(self, callback, *arguments, context=None):
        self.soon.append((callback, arguments))

    def create_task(self, awaitable):
        return Task(awaitable, loop=self)

    def get_debug(self):
        """Tasks ask for it."""
        return False

    def call_later(self, double delay, callback, *arguments):
        cdef Timer timer = Timer.__new__(Timer)
        timer.at = self.clock.at + (<int64_t>(delay * 1e6) if delay > 0 else 0)
        self.made += 1
        timer.order = self.made
        timer.callback, timer.arguments = callback, arguments
        heappush(self.timers, timer)
        return timer

    def add_reader(self, int fd, callback):
        cdef Door door = self.doors[fd]
        door.reader = callback
        self.offer(door)

    def remove_reader(self, int fd):
        cdef Door door = self.doors[fd]
        had = door.reader is not None
        door.reader = None
        return had

    # -- what happens -----------------------------------------------------------------------------------------------

    cdef int offer(self, Source source) except -1:
        """The source may have become ready."""
        if not source.listed and source.ready():
            source.listed = True
            self.ready.append(source)
        return 0

    cdef void note(self, uint64_t what, uint64_t more) noexcept:
        self.trace = mixed(self.trace + what * 0x9E3779B97F4A7C15ULL + more)

    def mark(self, uint64_t what):
        """Something outside that belongs to the trace."""
        self.note(0xFF, what)

    cpdef bint step(self, int64_t until) except -1:
        """Run one callback. False: nothing happens before `until` (microseconds), and now it is then."""
        cdef Timer first
        cdef Source source
        cdef Py_ssize_t at, count
        cdef bint due
        while True:
            while self.timers and (<Timer>self.timers[0]).callback is None:
                heappop(self.timers)
            first = self.timers[0] if self.timers else None
            due = first is not None and first.at <= self.clock.at
            count = len(self.ready)
            if count or due or self.soon:
                break
            if first is None or first.at > until:
                self.clock.at = max(until, self.clock.at)
                return False
            self.clock.at = first.at
        self.steps += 1
        if due and (self.dice.roll() & 1 or not (count or self.soon)):     # a late timer is soon in time again
            heappop(self.timers)
            self.note(1, self.clock.at)
            callback, first.callback = first.callback, None
            callback(*first.arguments)
        else:
            at = self.dice.below(count + (1 if self.soon else 0))
            if at == count:
                self.note(2, self.clock.at)
                callback, arguments = self.soon.popleft()
                callback(*arguments)
            else:
                self.happen(at)
        if self.drift:
            self.clock.at += self.dice.below(self.drift)
        if self.watch is not None:
            self.watch.look()
        return True

    cdef int happen(self, Py_ssize_t at) except -1:
        """Let the source at this place of the list have its event; the last takes its place."""
        cdef Source source = self.ready[at]
        last = self.ready.pop()
        if last is not source:
            self.ready[at] = last
        source.listed = False
        if source.ready():
            source.happen()
            self.offer(source)
        return 0


cdef class Door(Source):
    """A listening socket."""

    def __init__(self, SimulatedLoop loop not None, int fd):
        self.loop, self.backlog = loop, deque()
        loop.doors[fd] = self

    cdef bint ready(self) noexcept:
        return self.reader is not None and len(self.backlog) > 0

    cdef int happen(self) except -1:
        self.loop.note(3, len(self.backlog))
        self.reader()
        return 0
