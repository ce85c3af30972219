"""Access logs: calls that have ended become lines in a file, and the loop never waits for that.

The loop links a note to its listener's journal, and ten times a second, or sooner if they are many, hands over what came
together. One thread of the worker formats and writes it, without the interpreter's lock: neither a slow disk nor a burst of
lines is felt by calls. A batch is one write to a file that is open for appending, or several of whole lines if it is long,
so workers share a file.

What always holds: no more than MOST_WAITING notes wait, whatever the disk does, and what is dropped is counted; a note is
written once or dropped once; whoever reads the file finds whole lines, since behind one that was cut off by a full disk
there is an end of line first.
"""

import os
import queue
import threading

from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free
from libc.string cimport memchr, memset
from posix.unistd cimport write

from proxy.datapath.counters cimport Counters, add, log_count_t
from proxy.datapath.lines cimport put_break, put_line, text_t
from proxy.datapath.notes cimport free_note, note_t
from proxy.datapath.wheel cimport alarm_t

LAST_WORDS = 0.5
"""Seconds that the end of a worker waits for its lines to be written, of the one that it has (`supervisor.KILL_AFTER`)."""


cdef int fire(alarm_t* alarm) except -1:
    return (<Scribe>alarm.owner).hand_over()


cdef size_t write_all(int fd, const uint8_t* data, size_t size) noexcept nogil:
    """Bytes written; if they are fewer than `size`, errno says why."""
    cdef size_t done = 0
    cdef Py_ssize_t put
    while done < size:
        put = write(fd, data + done, size - done)
        if put >= 0:
            done += put
        elif errno != EINTR:
            break
    return done


cdef int64_t lines_in(const uint8_t* data, size_t size) noexcept nogil:
    cdef const uint8_t* stop = data + size
    cdef int64_t count = 0
    while data < stop:
        data = <const uint8_t*>memchr(data, c'\n', stop - data)
        if data == NULL:
            break
        data += 1
        count += 1
    return count


def work(batches):
    """The thread: until it gets None."""
    cdef Batch batch
    while True:
        batch = batches.get()
        if batch is None:
            return
        batch.go()
        batch = None                     # it has a file, which may be wanted no more


cdef class Batch:
    cdef int go(self) except -1:
        """Writes it. Whatever goes wrong, the thread goes on, and its notes are written once or dropped once."""
        try:
            self.write()
        except Exception as error:  # noqa: BLE001 - told
            self.lose(error)
        return 0

    cdef int lose(self, object error) except -1:
        """Drops what is not written."""
        self.settle(0)
        return self.scribe.core.tell(f"access log: internal error: {error!r}")

    cdef int settle(self, int64_t written) except -1:
        """Counts its notes, once."""
        add(self.tally.lines, written)
        add(self.tally.dropped, self.count - written)
        self.scribe.waiting -= self.count
        self.count = 0
        return 0

    cdef int write(self) except -1:
        """All its lines; called by the thread. Its file is nobody else's meanwhile, but for other processes."""
        cdef text_t text
        cdef note_t* note = self.first
        cdef bint torn = self.file.torn == self.file.generation
        cdef int fd = self.file.descriptor()
        cdef size_t done
        cdef int64_t written = 0
        cdef int code = 0
        memset(&text, 0, sizeof(text_t))
        with nogil:
            while note != NULL:
                text.size = 0
                if torn and put_break(&text):
                    written -= 1
                while note != NULL and text.size < AT_ONCE:
                    put_line(&text, note, note.start + self.offset, self.json)
                    self.first = note.next
                    free_note(note)
                    note = self.first
                done = write_all(fd, text.data, text.size)
                if done < text.size:
                    code = errno
                written += lines_in(text.data, done)
                if done:
                    torn = text.data[done - 1] != c'\n'
            free(text.data)
        self.settle(max(written, 0))
        self.file.torn = self.file.generation if torn else -1  # opened again meanwhile: an empty line does no harm
        return self.say(code)

    cdef int say(self, int code) except -1:
        """Once when it fails, and once when it works again."""
        if bool(code) == self.file.failing:
            return 0
        self.file.failing = bool(code)
        why = f"cannot be written: {os.strerror(code)}" if code else "can be written again"
        return self.scribe.core.tell(f"access log {self.file.path}: {why}")

    def __dealloc__(self):
        cdef note_t* note
        while self.first != NULL:
            note = self.first
            self.first = note.next
            free_note(note)


cdef class Journal(Notebook):
    cdef int become(self, object file, str format, log_count_t* tally) except -1:
        """What waits is written as it would have been before."""
        self.hand_over()
        self.file, self.json, self.tally = file, format != "text", tally
        self.left = False
        self.turns += 1
        return 0

    cdef int leave(self, int64_t turn) except -1:
        """Nobody is left of a listener that is no more. Another may have its name by now: `turn` is when it went."""
        if turn == self.turns:
            self.left = True
            if not self.open:
                self.become(None, "", NULL)
        return 0

    cdef void end(self, note_t* note, int outcome, bint oneway) noexcept:
        cdef Scribe scribe = self.scribe
        self.open -= 1
        if self.file is None or scribe.waiting >= MOST_WAITING:
            if self.file is not None:
                add(self.tally.dropped, 1)
            free_note(note)
            return
        note.outcome, note.oneway, note.took = outcome, oneway, scribe.core.now - note.start
        note.next = NULL
        if self.last != NULL:
            self.last.next = note
        else:
            self.first = note
        self.last = note
        self.count += 1
        scribe.waiting += 1
        try:
            if self.left and not self.open:
                self.become(None, "", NULL)
            elif self.count >= MANY:
                self.hand_over()
            elif scribe.alarm.next == NULL:
                scribe.core.wheel.set(&scribe.alarm, scribe.core.now + EVERY)
        except Exception as error:  # noqa: BLE001 - the next note tries again
            scribe.core.tell(f"access log: internal error: {error!r}")

    cdef int hand_over(self) except -1:
        cdef Batch batch
        if self.first == NULL:
            return 0
        batch = Batch.__new__(Batch)
        batch.first, batch.count, self.first, self.last, self.count = self.first, self.count, NULL, NULL, 0
        batch.offset = self.scribe.core.clock.wall() - self.scribe.core.clock.now()
        batch.json, batch.file, batch.tally = self.json, self.file, self.tally
        batch.scribe, batch.counters = self.scribe, self.scribe.counters
        try:
            self.scribe.queue.put(batch)
        except Exception as error:  # noqa: BLE001 - told
            batch.lose(error)
        return 0

    def __dealloc__(self):
        cdef note_t* note
        while self.first != NULL:
            note = self.first
            self.first = note.next
            free_note(note)


cdef class Scribe:
    def __cinit__(self, Core core not None):
        self.core, self.journals, self.queue = core, {}, queue.SimpleQueue()
        self.alarm.owner, self.alarm.fire = <void*>self, fire

    cdef Journal journal(self, str name, spec, files, Counters counters):
        """The listener's log, as `spec` (`proxy.snapshot.AccessLog`) says from now on; None: it has none."""
        cdef Journal found = self.journals.get(name)
        self.counters = counters
        if found is None:
            if spec is None:
                return None
            found = self.journals[name] = Journal.__new__(Journal)
            found.scribe = self
        if spec is None:
            found.become(None, "", NULL)
            return None
        found.become(files.by_path[spec.path], spec.format, counters.for_log(name))
        if self.thread is None:
            self.thread = threading.Thread(target=work, args=(self.queue,), name="access-log", daemon=True)
            self.thread.start()
        return found

    cdef int hand_over(self) except -1:
        cdef Journal journal
        for journal in self.journals.values():
            journal.hand_over()
        return 0

    cdef int close(self) except -1:
        """What there is is written, if that can be done in time; what comes later is not."""
        cdef Journal journal
        self.core.wheel.cancel(&self.alarm)
        for journal in self.journals.values():
            journal.become(None, "", NULL)
        if self.thread is not None:
            self.queue.put(None)
            self.thread.join(LAST_WORDS)
            self.thread = None
            if self.waiting:
                self.core.tell(f"access log: {self.waiting} lines could not be written in time")
        return 0
