"""The watchdog of filters: what a user's code may take of the worker's one thread.

A thread that never needs the interpreter's lock looks every TICK at whether the same run of a filter is still under way.
After `block` it wakes a second one, which takes the lock and asks the interpreter to call `strike`, in the main thread,
between two steps of whatever Python code runs there. After `stuck` nothing of that has helped, since the code is in C, with
or without the lock: the process ends, and control starts another.

What always holds: `strike` raises only if the very run that it was meant for is still under way at that moment, and what
then runs is the filter's code or called by it. The check and the raise are one step of the main thread, so there is no
moment between in which the filter could have returned: the exception cannot come out anywhere else. Whoever called
`enter` calls `leave` before any other Python code runs.

Time is counted in ticks that this thread has seen, not read from a clock: a machine that was suspended, or a process that
was stopped, does not count against a filter. docs/decisions/0023-pending-calls-break-filters.md says why no exception is set
from the other thread.
"""

import collections.abc
import threading

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport strlen
from posix.time cimport nanosleep, timespec
from posix.unistd cimport _exit, write

cdef extern from *:
    """
    #define xp_load(at) __atomic_load_n((at), __ATOMIC_ACQUIRE)
    #define xp_store(at, value) __atomic_store_n((at), (value), __ATOMIC_RELEASE)
    #define xp_ask(function, argument) Py_AddPendingCall((int (*)(void*))(function), (argument))
    """
    # The lock is not needed for it; but in CPython 3.11 the main thread sees that something is pending only when it gets
    # the lock from another thread.
    int xp_ask(void* function, void* argument) noexcept
    uint64_t xp_load(uint64_t*) noexcept nogil
    void xp_store(uint64_t*, uint64_t) noexcept nogil

cdef extern from "semaphore.h" nogil:
    ctypedef struct sem_t:
        pass
    int sem_init(sem_t*, int shared, unsigned int value)
    int sem_post(sem_t*)
    int sem_wait(sem_t*)

cdef sem_t wanted
cdef uint64_t to_strike

cdef enum:
    TICK = 10_000                 # microseconds: fine enough for bounds of tens of milliseconds, and 100 wakeups a second

EXIT_STUCK = 70
"""The exit code of a worker that ends because a filter does not come back (EX_SOFTWARE of sysexits.h)."""

cdef int _exit_stuck = EXIT_STUCK


class BlockedError(BaseException):
    """Raised inside a filter that does not come back. No Exception: code that goes on after any error should not catch it."""


cdef int strike(void* epoch) except -1:
    """In the main thread, between two steps of Python code."""
    if <uint64_t>epoch == watch.epoch:
        raise BlockedError
    return 0


cdef inline void put(const char* text) noexcept nogil:
    if write(2, text, strlen(text)) < 0:
        pass                          # there is nobody left to tell


cdef void end_worker() noexcept nogil:
    put("filter ")
    put(watch.bounds.name)
    put(" does not come back: this worker ends, and another is started\n")
    _exit(_exit_stuck)


cdef void watch_filters() noexcept nogil:
    cdef timespec tick
    cdef uint64_t seen = 0, epoch
    cdef int64_t inside = 0, struck = 0
    tick.tv_sec, tick.tv_nsec = 0, TICK * 1000
    while True:
        nanosleep(&tick, NULL)
        epoch = xp_load(&watch.epoch)
        if epoch != seen or not epoch & 1:
            seen, inside, struck = epoch, 0, 0
            continue
        inside += TICK
        if inside >= watch.bounds.stuck:
            if xp_load(&watch.epoch) == epoch:
                end_worker()
        elif inside - struck >= watch.bounds.block:
            struck = inside           # code that swallows it is struck again
            xp_store(&to_strike, epoch)
            sem_post(&wanted)


def _watch():
    with nogil:
        watch_filters()


def _strike():
    while True:
        with nogil:
            sem_wait(&wanted)
        xp_ask(<void*>strike, <void*>xp_load(&to_strike))


cdef int start_watching() except -1:
    """Once in the life of a process."""
    if not watch.running:
        watch.running = True
        sem_init(&wanted, 0, 0)
        for each in (_watch, _strike):
            threading.Thread(target=each, name=f"filters: {each.__name__}", daemon=True).start()
    return 0


_KEPT = {}


cdef const bounds_t* bounds_of(str name, double block, double stuck) except NULL:
    """One for each name and its bounds: as many as configurations ever had."""
    cdef bounds_t* made
    key = name, block, stuck
    if key not in _KEPT:
        made = <bounds_t*>malloc(sizeof(bounds_t))
        if made == NULL:
            raise MemoryError
        text = name.encode()
        made.name, made.block, made.stuck = text, <int64_t>(block * 1e6), <int64_t>(stuck * 1e6)
        _KEPT[key] = <uint64_t>made, text
    return <const bounds_t*><uint64_t>_KEPT[key][0]


cdef class Guarded:
    def __init__(self, awaitable, str name, double block, double stuck):
        self.steps, self.bounds = awaitable.__await__(), bounds_of(name, block, stuck)

    def send(self, value):
        enter(self.bounds)
        try:
            return self.steps.send(value)
        except BlockedError:
            raise TimeoutError(f"it did not come back for {self.bounds.block / 1e6:g} s, and was broken off") from None
        except (SystemExit, KeyboardInterrupt) as error:
            raise RuntimeError(f"it raised {error!r}") from error        # a task would end the loop with it
        finally:
            leave()

    def throw(self, *error):
        enter(self.bounds)
        try:
            return self.steps.throw(*error)
        except BlockedError:
            raise TimeoutError(f"it did not come back for {self.bounds.block / 1e6:g} s, and was broken off") from None
        except (SystemExit, KeyboardInterrupt) as error:
            raise RuntimeError(f"it raised {error!r}") from error        # a task would end the loop with it
        finally:
            leave()

    def close(self):
        enter(self.bounds)
        try:
            self.steps.close()
        except BlockedError:
            pass
        finally:
            leave()

    def __await__(self):
        return self


collections.abc.Coroutine.register(Guarded)
