"""What must hold of every reading of every sequence of bytes. Each check raises `DisagreementError` with the bytes."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.checks.pieces import check_resumed
from conformance.generate.mutations import prefixes
from conformance.judges import sources
from conformance.judges.expected import lookup, meaning
from conformance.judges.identity import id_in_place
from conformance.judges.interpreter import run
from conformance.outcome import Complete, DisagreementError, Malformed, More, Outcome
from conformance.subject import Buffer, Subject
from xproto.kernel.codec import Frame

COMPLETION = 1 << 16
"""How many bytes a refused prefix is tried with before it counts as rightly refused."""


def check_all(subject: Subject, data: bytes, keys: Sequence[str]) -> Outcome:
    """Verify, scan, lookup and the interpreter on the same bytes; construct is asked once. Returns what it says."""
    expected, fields = subject.oracle.parse(data)
    _verify(subject, data, expected)
    _scan(subject, data, expected, fields)
    _lookup(subject, data, keys, expected, fields)
    check_interpreter(subject, data)
    check_resumed(subject, data)
    return expected


def check_verify(subject: Subject, data: bytes) -> Outcome:
    """The verify Plan says what construct says. Returns construct's outcome.

    One liberty: bytes that no continuation can make a frame may be refused before construct comes to the reason.
    """
    expected = subject.oracle.outcome(data)
    _verify(subject, data, expected)
    return expected


def _verify(subject: Subject, data: bytes, expected: Outcome) -> None:
    found = subject.verify(data)
    if isinstance(found, More) and not found.total > len(data):
        raise DisagreementError("verify asks for bytes that it has", data, found)
    if not agree(expected, found) and not (isinstance(found, Malformed) and hopeless(subject, data, expected)):
        what = f"{subject.name}: verify and construct differ"
        raise DisagreementError(what, data, f"construct: {expected}", f"plan: {found}")


def agree(expected: Outcome, found: Outcome) -> bool:
    """Same outcome, same size. How many bytes are asked for is checked on prefixes of valid frames."""
    if isinstance(expected, Complete):
        return found == expected
    return type(expected) is type(found)


def hopeless(subject: Subject, data: bytes, expected: Outcome) -> bool:
    """Whether construct waits for bytes that could never help: tried with a few long continuations."""
    if not isinstance(expected, More):
        return False
    room = max(1, min(COMPLETION, subject.limit + 1 - len(data)))
    endings = (bytes(room), b"\1" * room, b"\xff" * room, b"\0\1" * (room // 2 + 1))
    return not any(isinstance(subject.oracle.outcome(data + ending), Complete) for ending in endings)


def check_interpreter(subject: Subject, data: bytes) -> None:
    """The kernel and the interpreter in Python run both Plans alike, to the last number."""
    for product, plan, found in (
        ("verify", subject.lowered.verify, subject.verify(data)),
        ("scan", subject.lowered.scan, scan_outcome(subject.scan(data))),
    ):
        expected = run(plan, data, direction=subject.direction).outcome
        if expected != found:
            what = f"{subject.name}: two runs of {product} differ"
            raise DisagreementError(what, data, f"Python: {expected}", f"kernel: {found}")


def scan_outcome(found: Frame | More | Malformed) -> Outcome:
    return Complete(found.size) if isinstance(found, Frame) else found


def check_scan(subject: Subject, data: bytes) -> None:
    """Scan finds the facts of a good frame, never ends one too early, and refuses what its own fields make wrong."""
    _scan(subject, data, *subject.oracle.parse(data))


def _scan(subject: Subject, data: bytes, expected: Outcome, fields: object) -> None:
    fault = scan_fault(subject, data, expected, fields, subject.scan(data))
    if fault:
        raise DisagreementError(f"{subject.name}: {fault}", data, f"construct: {expected}", f"scan: {subject.scan(data)}")


def scan_fault(
    subject: Subject, data: Buffer, expected: Outcome, fields: object, found: Frame | More | Malformed
) -> str | None:
    """What is wrong with a scan's answer, if anything."""
    if isinstance(found, More) and not found.total > len(data):
        return "scan asks for bytes that it has"
    if isinstance(expected, Complete):
        return _frame_fault(subject, data, fields, expected.size, found)
    if isinstance(expected, More):
        return "scan ends a frame that is not all there" if isinstance(found, Frame) else None
    if isinstance(found, Frame) and expected.path in subject.root_fields:
        return f"scan accepts a wrong {expected.path}"
    return None


def _frame_fault(subject: Subject, data: Buffer, fields: object, size: int, found: Frame | More | Malformed) -> str | None:
    fact = meaning(subject.protocol, fields, size)
    if fact.kind is None:
        return None if isinstance(found, Malformed) and found.path == "kind" else "scan accepts a frame of no kind"
    if not isinstance(found, Frame):
        return "scan does not accept a good frame"
    placed = id_in_place(subject, data, found)
    wanted = (fact.size, int(fact.kind), fact.id, fact.id, fact.crc_at, fact.timeout)
    if (found.size, int(found.kind), found.id, placed, found.crc_at, found.timeout) != wanted:
        return f"scan is wrong: {wanted} expected (size, kind, id, id in place, crc_at, timeout)"
    if (found.id_at >= 0) is not fact.numbered:
        return f"scan finds the id at {found.id_at}, the frame {'has' if fact.numbered else 'has not'} one"
    deadline = subject.lowered.deadline
    if (found.timeout_at >= 0) is not (deadline is not None and fact.timed):
        return f"scan finds the timeout at {found.timeout_at}"
    if deadline is not None and fact.timed:
        field = data[found.timeout_at : found.timeout_at + deadline.width]
        if int.from_bytes(field, "little" if deadline.little else "big", signed=fact.timeout < 0) != fact.timeout:
            return f"scan finds the timeout at {found.timeout_at}, where it is not"
    for packing, packed, facts in (
        (subject.lowered.variant, found.variant, fact.variant),
        (subject.lowered.echo, found.echo, fact.echo),
    ):
        if not 0 <= packed < 1 << packing.bits:
            return f"scan packs {packed} into {packing.bits} bits"
        unpacked = [_leaf(packing.unpack(packed), value.path) for value in packing.fields]
        if unpacked != [0 if value is None else value for value in facts.values()]:
            return f"scan packs {unpacked}, the fields are {facts}"
    return None


def _leaf(nested: object, path: str) -> object:
    for name in path.split("."):
        assert isinstance(nested, dict)
        nested = nested[name]
    return nested


def check_prefixes(subject: Subject, frame: bytes) -> None:
    """Every prefix of a good frame is asked more for: never too much, and never less than before."""
    last = {"verify": 0, "scan": 0}
    for prefix in prefixes(frame):
        for product, found in (("verify", subject.verify(prefix)), ("scan", scan_outcome(subject.scan(prefix)))):
            if not isinstance(found, More) or not len(prefix) < found.total <= len(frame):
                what = f"{subject.name}: {product} of {len(prefix)} of {len(frame)} good bytes"
                raise DisagreementError(what, frame, found)
            if found.total < last[product]:
                raise DisagreementError(f"{subject.name}: {product} asked for {last[product]} before", prefix, found)
            last[product] = found.total


def check_asks(subject: Subject, frame: bytes) -> None:
    """A good frame, given in just the pieces that are asked for, is found at the end."""
    size = 0
    while isinstance(found := subject.scan(frame[:size]), More):
        if not size < found.total <= len(frame):
            raise DisagreementError(f"{subject.name}: scan of {size} of {len(frame)} good bytes", frame, found)
        size = found.total
    if size != len(frame) or found != subject.scan(frame):
        raise DisagreementError(f"{subject.name}: a frame that was known after {size} bytes", frame, scan_outcome(found))


def check_lookup(subject: Subject, data: bytes, keys: Sequence[str]) -> None:
    """A lookup finds in a client's frame what construct's decoded fields say; asked for one key or for many."""
    _lookup(subject, data, keys, *subject.oracle.parse(data))


def _lookup(subject: Subject, data: bytes, keys: Sequence[str], expected: Outcome, fields: object) -> None:
    if subject.direction or not isinstance(expected, Complete) or not isinstance(subject.scan(data), Frame):
        return
    frame = data[: expected.size]
    wanted = tuple(lookup(subject.protocol, fields, key) for key in keys)
    found = subject.lookup(keys, frame)
    if not same_texts(found, wanted):
        raise DisagreementError(f"{subject.name}: lookup of {keys}", frame, f"construct: {wanted}", f"lookup: {found}")
    ran = sources.find(subject.lookup_plan(keys), frame)
    if ran != found:
        raise DisagreementError(f"{subject.name}: two runs of lookup differ", frame, f"Python: {ran}", f"kernel: {found}")
    for key, value in zip(keys, wanted, strict=True):
        single = subject.lookup((key,), frame)
        if not same_texts(single, (value,)):
            raise DisagreementError(f"{subject.name}: lookup of {key}", frame, f"construct: {value!r}", f"lookup: {single}")


def same_texts(found: tuple[bytes | None, ...] | Malformed, wanted: Sequence[bytes | None]) -> bool:
    """Equal, where construct could decode the text at all (it escapes bytes that are no UTF-8)."""
    if isinstance(found, Malformed) or len(found) != len(wanted):
        return False
    return all(a == b or (a is not None and b is not None and b"\\x" in b) for a, b in zip(found, wanted, strict=True))


def check_trailing(subject: Subject, frame: bytes, after: bytes) -> None:
    """What follows a frame changes nothing."""
    for what, alone, followed in (
        ("scan", subject.scan(frame), subject.scan(frame + after)),
        ("verify", subject.verify(frame), subject.verify(frame + after)),
    ):
        if alone != followed:
            raise DisagreementError(f"{subject.name}: {what} is changed by what follows", frame + after, alone, followed)
