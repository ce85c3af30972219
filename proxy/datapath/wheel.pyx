"""One coarse timer wheel for everything in the worker that waits: deadlines, connects, heartbeats, idleness, back-off.

A call's deadline is set and cancelled far more often than it fires, so both are a few stores into an intrusive list;
10 ms are fine enough for every timeout that a user can see. The loop's own timer runs only while something is set,
and only for the next used slot, so an idle worker sleeps.

What always holds: an alarm never fires early; it is unlinked before it fires, so firing may set it again, or set and
cancel any other; a slot's bit may be set for an empty slot (cleared when visited), never clear for a used one.
"""

from libc.stdint cimport int64_t, uint64_t

cdef int64_t NEVER = 1 << 62


cdef inline void unlink(alarm_t* alarm) noexcept nogil:
    alarm.prev.next = alarm.next
    alarm.next.prev = alarm.prev
    alarm.next = alarm.prev = NULL


cdef inline void link_before(alarm_t* head, alarm_t* alarm) noexcept nogil:
    alarm.prev = head.prev
    alarm.next = head
    head.prev.next = alarm
    head.prev = alarm


cdef class Wheel:
    def __cinit__(self, loop, Clock clock not None, log):
        cdef int index
        for index in range(SLOTS):
            self.slots[index].prev = self.slots[index].next = &self.slots[index]
        self.due.prev = self.due.next = &self.due
        self.loop, self.clock, self.log = loop, clock, log
        self.done = clock.now() // TICK
        self.armed = NEVER

    cdef int set(self, alarm_t* alarm, int64_t at) except -1:
        """(Re)set the alarm to fire at `at` (microseconds of the clock) or up to a tick later."""
        cdef int64_t tick = at // TICK + 1
        cdef int slot
        if alarm.next != NULL:
            unlink(alarm)
            self.count -= 1
        if self.count == 0:           # nothing moved `done` while the wheel was empty
            self.done = self.clock.now() // TICK
        if tick <= self.done:
            tick = self.done + 1
        slot = tick & (SLOTS - 1)
        alarm.tick = tick
        link_before(&self.slots[slot], alarm)
        self.used[slot >> 6] |= <uint64_t>1 << (slot & 63)
        self.count += 1
        if tick < self.armed:
            self.arm(tick)
        return 0

    cdef void cancel(self, alarm_t* alarm) noexcept:
        if alarm.next != NULL:
            unlink(alarm)
            self.count -= 1

    cdef int64_t next_tick(self) noexcept:
        """The first tick after `done` whose slot is used."""
        cdef int ahead, slot
        for ahead in range(1, SLOTS + 1):
            slot = (self.done + ahead) & (SLOTS - 1)
            if self.used[slot >> 6] >> (slot & 63) & 1:
                if self.slots[slot].next != &self.slots[slot]:
                    return self.done + ahead
                self.used[slot >> 6] &= ~(<uint64_t>1 << (slot & 63))
        return NEVER

    cdef int arm(self, int64_t tick) except -1:
        cdef int64_t wait = tick * TICK - self.clock.now()
        if self.handle is not None:
            self.handle.cancel()
        # The loop's timers are good to a millisecond and start from a cached time: aim one later, never spin.
        self.handle = self.loop.call_later((wait if wait > 0 else 0) / 1e6 + 0.001, self.turn)
        self.armed = tick
        return 0

    def turn(self):
        """Fire what is due, then arm for the next used slot."""
        cdef alarm_t* alarm
        self.handle = None
        self.armed = NEVER
        self.collect(self.clock.now() // TICK)
        while self.due.next != &self.due:
            alarm = self.due.next
            unlink(alarm)
            self.count -= 1
            try:
                alarm.fire(alarm)
            except Exception as error:  # noqa: BLE001 - one alarm's fault must not stop the others
                self.log(f"internal error in a timer: {error!r}")
        if self.count:
            tick = self.next_tick()
            if tick < self.armed:
                self.arm(tick)

    cdef int collect(self, int64_t now) except -1:
        """Move every alarm that is due to the list `due`."""
        cdef int64_t step, steps = now - self.done
        cdef alarm_t* head
        cdef alarm_t* alarm
        cdef alarm_t* following
        if steps > SLOTS:             # after a stall each slot needs one visit only
            steps = SLOTS
        if steps <= 0:
            return 0
        self.done = now
        for step in range(steps):
            head = &self.slots[(now - steps + 1 + step) & (SLOTS - 1)]
            alarm = head.next
            while alarm != head:
                following = alarm.next
                if alarm.tick <= now:
                    unlink(alarm)
                    link_before(&self.due, alarm)
                alarm = following
        return 0

    cdef int close(self) except -1:
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None
        self.armed = 0                # nothing arms it again
        return 0
