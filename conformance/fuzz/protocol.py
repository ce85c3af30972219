"""What is asked of every input of a protocol: the kernel's answers must agree with each other, and with construct.

The first part needs the kernel alone and is asked of every input. The second asks the judges, which are a thousand times
slower, so of one input in many, and of all inputs of a corpus when it is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random

from conformance.checks.agreement import check_all
from conformance.checks.ids import check_set_id
from conformance.checks.pieces import check_known, check_streamed
from conformance.fuzz.blocks import Block
from conformance.fuzz.edits import check_edits
from conformance.fuzz.engine import choices
from conformance.fuzz.mutator import mutated
from conformance.fuzz.reading import Reading
from conformance.fuzz.seeds import keys
from conformance.outcome import Complete, DisagreementError
from conformance.subject import Subject
from xproto.errors import MalformedError, SpecError
from xproto.kernel.codec import Frame
from xproto.kernel.editor import Editor
from xproto.kernel.pieces import Progress, ids, with_ids, with_timeout
from xproto.kernel.splice import Splicer
from xproto.registry import Registered
from xproto.spec import Kind
from xproto.wire.http1 import METHODS, fact

JUDGED_EVERY = 64
"""One input in so many is given to the judges as well."""
PIECES = 3
SHORT = 256
"""Checks that take a step for each byte are made with frames of up to so many."""
CALLS = {Kind.REQUEST, Kind.RESPONSE, Kind.ONEWAY, Kind.HEARTBEAT, Kind.HEARTBEAT_ACK}
"""Kinds of frames that get another id on their way."""


class ProtocolTarget:
    """A protocol, both ways. deep: the judges are asked about every input."""

    def __init__(self, registered: Registered, *, deep: bool = False) -> None:
        self.name = registered.protocol.name
        self.deep = deep
        self.subjects = Subject.of(registered, 0), Subject.of(registered, 1)
        lowered, self.codec = registered.lowered, self.subjects[0].codec
        self.keys = keys(registered)
        looking = replace(lowered, verify=lowered.lookup(self.keys).plan)
        self.looking = Subject(looking, 0), Subject(looking, 1)
        self.splicers = tuple(_splicers(self.subjects[0]))
        self.editor = Editor(self.codec)

    def mutate(self, data: bytes, rng: Random) -> bytes:
        return mutated(self.subjects[rng.randrange(2)].lowered.verify, data, rng)

    def test(self, data: memoryview) -> None:
        rng, whole = choices(data), bytes(data)
        readings = [Reading(subject, data, whole) for subject in self.subjects]
        progress = [Progress() for _ in readings]
        for cut in sorted(rng.randrange(len(data) + 1) for _ in range(PIECES)):
            with Block(whole[:cut]) as piece:
                for reading, walked in zip(readings, progress, strict=True):
                    reading.check_piece(piece, cut)
                    reading.check_resumed(piece, cut, walked)
        for reading, walked in zip(readings, progress, strict=True):
            reading.check_resumed(data, len(data), walked)
        for reading, looking in zip(readings, self.looking, strict=True):
            if isinstance(reading.scanned, Frame):
                with Block(whole[: reading.scanned.size]) as frame:
                    looking.verify(frame)
                self._frame(reading.subject, whole[: reading.scanned.size], reading.scanned, rng)
        if self.deep or rng.randrange(JUDGED_EVERY) == 0:
            for subject in self.subjects:
                judge(subject, whole, self.keys, rng)

    def _frame(self, subject: Subject, frame: bytes, found: Frame, rng: Random) -> None:
        """What a proxy does with a whole frame."""
        if subject.scan(frame) != found:
            raise DisagreementError(f"{self.name}: scan is changed by what follows", frame, found, subject.scan(frame))
        subject.lookup(self.keys, frame)
        check_ids(subject, frame, found, rng)
        if rng.randrange(4) == 0:
            check_edits(subject, self.editor, frame, found, rng)
        if found.kind == Kind.WRAPPED:
            self._unwrapped(subject, frame)
        if subject.direction == 0:
            check_timeout(subject, frame, found, rng)
            if len(frame) <= SHORT and rng.randrange(8) == 0:
                if subject.lowered.head is not None and not self.codec.in_order:
                    check_known(subject, frame)
                if self.codec.streams:
                    check_streamed(subject, frame)
            for splicer in self.splicers:
                check_splice(subject, splicer, frame, rng)
            if rng.randrange(8) == 0:
                check_answers(subject, found, rng)

    def _unwrapped(self, subject: Subject, frame: bytes) -> None:
        assert subject.protocol.unwrap is not None
        with suppress(MalformedError):
            subject.scan(subject.protocol.unwrap(frame))


def check_ids(subject: Subject, frame: bytes, found: Frame, rng: Random) -> None:
    """Another id, and the old one back."""
    codec = subject.codec
    if found.id_at < 0 or found.kind not in CALLS:
        return
    new = rng.getrandbits(codec.id_bits) or 1  # zero may be none
    changed = codec.with_id(frame, new, subject.direction)
    after = subject.scan(changed)
    if not isinstance(after, Frame) or after.size != len(changed) or after.kind != found.kind:
        raise DisagreementError(f"{subject.name}: the id {new} broke the frame", frame, found, after, made=changed)
    if after.id & ((1 << codec.id_bits) - 1) != new:
        raise DisagreementError(f"{subject.name}: the id {new} is not there", frame, found, after, made=changed)
    if with_ids(codec, changed, *ids(codec, frame, subject.direction), direction=subject.direction) != frame:
        raise DisagreementError(f"{subject.name}: putting the id {found.id} back gives other bytes", frame, made=changed)


def check_timeout(subject: Subject, frame: bytes, found: Frame, rng: Random) -> None:
    """Another timeout, and nothing else."""
    changed, written = with_timeout(subject.codec, frame, rng.choice((-1, 0, 1, rng.getrandbits(31), 1 << 40)))
    after = subject.scan(changed)
    if not isinstance(after, Frame) or after != found._replace(timeout=written if found.timeout_at >= 0 else found.timeout):
        raise DisagreementError(f"{subject.name}: the timeout {written} changed more", frame, found, after, made=changed)


def _splicers(subject: Subject) -> list[Splicer]:
    """For each field at the root that can be replaced."""
    made = []
    for path in subject.lowered.scope.fields:
        with suppress(SpecError):
            made.append(Splicer(subject.codec, path))
    return made


def check_splice(subject: Subject, splicer: Splicer, frame: bytes, rng: Random) -> None:
    """A field replaced by others bytes is found again, and by its own gives the same frame."""
    try:
        own = splicer.find(frame)
        if own is None:
            return
        if splicer.splice(frame, own) != frame:
            raise DisagreementError(f"{subject.name}: a field replaced by itself changes the frame", frame, splicer.plan.path)
        splicer.splice(frame, rng.randbytes(rng.choice((0, 1, len(own) + 1, 300))))
    except (MalformedError, OverflowError):
        return


def check_answers(subject: Subject, found: Frame, rng: Random) -> None:
    """The proxy's own answers to a request can be read, and carry its id."""
    codec, name = subject.codec, subject.name
    if found.kind not in {Kind.REQUEST, Kind.HEARTBEAT}:
        return
    if found.kind == Kind.HEARTBEAT:
        answer = codec.heartbeat_ack(found.variant, found.echo, found.id)
    else:
        answer = codec.reply(rng.choice(list(subject.protocol.reply) or [0]), found.variant, found.echo, found.id)
    if not answer or answers_nothing(subject, found.echo):
        return
    try:
        read = codec.scan_bytes(answer, 1)
    except MalformedError as error:
        raise DisagreementError(f"{name}: an answer that cannot be read: {error}", answer, found) from error
    if not isinstance(read, Frame) or read.size != len(answer) or (subject.protocol.id is not None and read.id != found.id):
        raise DisagreementError(f"{name}: an answer with another id", answer, found, read)


def answers_nothing(subject: Subject, echo: int) -> bool:
    """Whether an answer is read only by who knows the question: HTTP's to HEAD has a length and no body."""
    return subject.name == "http1" and fact(echo, "method") == METHODS[b"HEAD"]


def judge(subject: Subject, data: bytes, asked: Sequence[str], rng: Random) -> None:
    """The kernel beside construct and the Plan's interpreter in Python; another id as construct would write it."""
    check_all(subject, data, asked)
    found = subject.scan(data)
    if isinstance(found, Frame) and subject.verify(data) == Complete(found.size):
        check_set_id(subject, data[: found.size], rng.getrandbits(subject.codec.id_bits))
