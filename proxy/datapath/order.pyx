"""Answers in the order of their requests, for clients that do not look at ids.

Each two-way request gets a number. The answer to the oldest goes straight out, as it would without this; one that is
early is parked under its number until all before it are gone. The proxy's own answers have their place like others.

What always holds: the place of `first` is not done, so there is somebody who will answer it; a place is done once; what
is parked is charged to the worker's buffers.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from proxy.datapath.buffers cimport MODEST, Buffers, filled, queue_t

cdef enum:
    FIRST_ROOM = 16


cdef class Order:
    def __cinit__(self, Buffers buffers not None):
        self.buffers = buffers

    def __dealloc__(self):
        self.drop()
        free(self.places)

    cdef bint enter(self, uint64_t* number) noexcept:
        """A place for one more request. False: no memory."""
        if self.next - self.first == self.room and not self.grow():
            return False
        memset(&self.places[self.next & (self.room - 1)], 0, sizeof(place_t))
        number[0] = self.next
        self.next += 1
        return True

    cdef bint grow(self) noexcept:
        cdef uint64_t room = 2 * self.room or FIRST_ROOM
        cdef place_t* more = <place_t*>realloc(self.places, room * sizeof(place_t))
        cdef uint64_t number
        if more == NULL:
            return False
        for number in range(self.first, self.next):        # those that lay before the ring's end and now do not
            if number & self.room:
                more[number & (room - 1)] = more[number & (self.room - 1)]
        self.places, self.room = more, room
        return True

    cdef uint8_t* park(self, uint64_t number, size_t size) noexcept:
        """Room for the whole answer to a request that is not the oldest. NULL: no memory."""
        cdef place_t* place = &self.places[number & (self.room - 1)]
        cdef uint8_t* into = self.buffers.extend(&place.answer, size, size) if size else <uint8_t*>place
        if into != NULL:
            place.answer.size = size
            place.done = True
            self.parked += size
        return into

    cdef bint passed(self, queue_t* queue) noexcept:
        """The oldest is answered: what waited for it alone goes into the queue. False: no memory."""
        cdef place_t* place
        cdef uint8_t* into
        self.first += 1
        while self.first != self.next:
            place = &self.places[self.first & (self.room - 1)]
            if not place.done:
                break
            self.parked -= place.answer.size
            if place.answer.size > MODEST:
                if not self.buffers.adopt(queue, &place.answer):
                    self.parked += place.answer.size
                    return False
            elif place.answer.size:
                into = self.buffers.room(queue, place.answer.size)
                if into == NULL:
                    self.parked += place.answer.size
                    return False
                memcpy(into, place.answer.data + place.answer.head, place.answer.size)
                filled(queue, place.answer.size)
                self.buffers.drop(&place.answer)
            self.first += 1
        return True

    cdef void drop(self) noexcept:
        """Nobody will read what is parked."""
        cdef uint64_t number
        for number in range(self.first, self.next):
            self.buffers.drop(&self.places[number & (self.room - 1)].answer)
        self.first, self.parked = self.next, 0
