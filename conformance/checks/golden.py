"""Golden vectors: each is read as it says, and building from what was read gives the same bytes.

`check_vector` does both. A compressed frame is read as such, and in its plain form for its keys and its fields. A refused
one must be refused by construct and by the kernel, and by the field that the vector names.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from conformance.bench import Bench
from conformance.golden import Vector
from conformance.judges.oracle import path_of
from conformance.judges.said import as_bytes, changes, differences, headers_of
from conformance.outcome import Complete, DisagreementError, Malformed, More, Outcome
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.registry import Registered, register
from xproto.spec import Header, Kind

KEYS_AT_ONCE = 40
MODULUS = 1 << 64
"""The kernel widens an id with its sign to 64 bits."""
REFUSED = "refused"
SESSION = (Kind.HANDSHAKE, Kind.HANDSHAKE_ACK)


def check_vector(subject: Subject, vector: Vector) -> None:
    """Reads and builds one vector; `subject` is of its protocol, direction and options. Raises `DisagreementError`."""
    check_decodes(subject, vector)
    if vector.kind != REFUSED:
        check_encodes(subject, vector)


def with_options(registered: Registered, vector: Vector) -> Registered:
    """The protocol as the vector wants it configured."""
    if not vector.options:
        return registered
    configure = registered.protocol.configure
    if configure is None:
        raise DisagreementError(f"{vector.name}: {vector.protocol} has no options", vector.data, dict(vector.options))
    return replace(register(configure(**vector.options), registered.source), options=vector.options)


def check_decodes(subject: Subject, vector: Vector) -> None:
    """The vector's frame is read as it says: whole, or refused where it says."""
    if vector.kind == REFUSED:
        _check_refused(subject, vector)
        return
    fields = _whole(subject, vector)
    frame = _scanned(subject, vector)
    kinds = SESSION if vector.kind == "session" else (Kind[vector.kind.upper()],)
    if frame.kind not in kinds:
        raise _fault(vector, f"the kind is {Kind(frame.kind).name.lower()}, the vector says {vector.kind}", "kind")
    if vector.id is not None and frame.id % MODULUS != vector.id % MODULUS:
        raise _fault(vector, f"the id is {frame.id}, the vector says {vector.id}", _id_path(subject))
    if frame.kind == Kind.WRAPPED:
        plain = unwrapped(subject, vector)
        fields, frame = _whole(subject, plain), _scanned(subject, plain)
        if frame.kind == Kind.WRAPPED or (vector.id is not None and frame.id % MODULUS != vector.id % MODULUS):
            raise _fault(plain, f"in plain form it is {Kind(frame.kind).name.lower()} with the id {frame.id}", "kind")
        vector = plain
    _check_keys(subject, vector, fields)
    _check_timeout(subject, vector, frame)
    for path, found, wanted in differences(vector.expected.get("fields", {}), fields, ""):
        raise _fault(vector, f"{path} is {found}, the vector says {wanted}", path)


def check_encodes(subject: Subject, vector: Vector) -> None:
    """Building from the decoded fields gives the same bytes; others of the same kind and id where the vector says so."""
    fields = _whole(subject, vector)
    try:
        made = subject.protocol.frame.build(fields, from_upstream=subject.direction)
    except Exception as error:
        raise _fault(vector, f"building it raised {type(error).__name__}: {error}", "") from error
    if vector.encodes:
        if made != vector.data:
            at = next((i for i, byte in enumerate(made) if vector.data[i : i + 1] != bytes((byte,))), len(made))
            raise _fault(vector, f"building it gives other bytes, from offset {at} on", _changed(subject, fields, made), made)
        return
    if not vector.because:
        raise _fault(vector, "the vector says that it encodes otherwise, and not why", "because")
    if made == vector.data:
        raise _fault(vector, "the vector says that it encodes otherwise, and it does not", "encodes")
    before, after = subject.scan(vector.data), subject.scan(made)
    if not isinstance(before, Frame) or not isinstance(after, Frame) or (before.kind, before.id) != (after.kind, after.id):
        raise _fault(vector, "building it gives a frame of another kind or id", "encodes", made)


def unwrapped(subject: Subject, vector: Vector) -> Vector:
    """The vector of a compressed frame with its bytes in plain form."""
    unwrap = subject.protocol.unwrap
    if unwrap is None:
        raise _fault(vector, "it is wrapped, and the protocol cannot unwrap", "unwrap")
    return replace(vector, data=unwrap(vector.data))


def _whole(subject: Subject, vector: Vector) -> Any:
    """What construct reads of a frame that it and the kernel must read to its end."""
    outcome, fields = _parse(subject, vector.data)
    if isinstance(outcome, Malformed):
        raise _fault(vector, f"{outcome.path or 'the frame'} cannot be read: {outcome.why}", outcome.path)
    if outcome.size != len(vector.data):
        last, absent = last_field(fields), [name for name, value in fields.items() if value is None]
        missed = f", and {', '.join(absent)} is not there" if absent else ""
        less = len(vector.data) - outcome.size
        what = f"it is read as {outcome.size} bytes, {less} fewer than it has: the last field is {last}{missed}"
        raise _fault(vector, what, last)
    found = subject.verify(vector.data)
    if found != outcome:
        raise _fault(vector, f"verify does not read it whole: {found}", found.path if isinstance(found, Malformed) else "")
    return fields


def last_field(fields: Any) -> str:
    """The path of the last field that took bytes."""
    named = [(name, value) for name, value in fields.items() if not name.startswith("_") and value is not None]
    name, value = named[-1] if named else ("", None)
    inner = last_field(value) if isinstance(value, Mapping) and value else ""
    return f"{name}.{inner}" if inner else name


def _parse(subject: Subject, data: bytes) -> tuple[Complete | Malformed, Any]:
    stream = io.BytesIO(data)
    try:
        fields = subject.protocol.frame.parse_stream(stream, from_upstream=subject.direction)
    except Exception as error:  # noqa: BLE001 - a declaration's own adapters raise anything
        why = str(error).splitlines()[-1] if str(error) else ""
        return Malformed(path_of(error), f"{type(error).__name__}: {why}"), None
    return Complete(stream.tell()), fields


def _scanned(subject: Subject, vector: Vector) -> Frame:
    found = subject.scan(vector.data)
    if not isinstance(found, Frame):
        raise _fault(vector, f"scan does not accept it: {found}", found.path if isinstance(found, Malformed) else "")
    if found.size != len(vector.data):
        raise _fault(vector, f"scan ends it after {found.size} bytes of {len(vector.data)}", "")
    return found


def _check_refused(subject: Subject, vector: Vector) -> None:
    """Construct and verify refuse it, or else scan does (a frame of no kind), or unwrap."""
    outcome, _ = _parse(subject, vector.data)
    found: Outcome = subject.verify(vector.data)
    if isinstance(outcome, Complete) and outcome.size <= subject.limit:
        if not isinstance(found, Complete):
            raise _fault(vector, f"construct accepts it; the kernel says {found}", vector.refused_at)
        found = _refused_later(subject, vector)
    if not isinstance(found, Malformed):
        what = "asks for more bytes" if isinstance(found, More) else "is accepted"
        raise _fault(vector, f"it must be refused at {vector.refused_at}, and {what}: {found}", vector.refused_at)
    if found.path != vector.refused_at:
        raise _fault(vector, f"{found.path} refuses it ({found.why}), the vector says {vector.refused_at}", found.path)


def _refused_later(subject: Subject, vector: Vector) -> Outcome:
    """What comes after a frame was read: it has no kind, or its plain form cannot be had."""
    found = subject.scan(vector.data)
    if not isinstance(found, Frame):
        return found
    if found.kind == Kind.WRAPPED:
        try:
            unwrapped(subject, vector)
        except MalformedError as error:
            return Malformed(error.path, error.why)
    return Complete(found.size)


def _check_keys(subject: Subject, vector: Vector, fields: Any) -> None:
    """Headers as construct reads them; of what clients send, these, service and method as the kernel looks them up."""
    headers = {key: as_bytes(text) for key, text in vector.expected.get("headers", {}).items()}
    read = headers_of(subject.protocol, fields)
    for key, value in headers.items():
        if key in read and read[key] != value:
            raise _fault(vector, f"{key}: construct reads {read[key]!r}, the vector says {value!r}", key)
        if subject.direction and key not in read and value is not None:
            raise _fault(vector, f"{key}: construct reads no such header, the vector says {value!r}", key)
    if subject.direction:
        return
    wanted = headers | {role: as_bytes(vector.expected[role]) for role in ("service", "method") if role in vector.expected}
    names = tuple(wanted)
    for some in (names[at : at + KEYS_AT_ONCE] for at in range(0, len(names), KEYS_AT_ONCE)):
        found = subject.lookup(some, vector.data)
        if isinstance(found, Malformed):
            raise _fault(vector, f"lookup of {', '.join(some)} refuses it: {found}", found.path)
        for key, value in zip(some, found, strict=True):
            if value != wanted[key]:
                raise _fault(vector, f"{key}: lookup finds {value!r}, the vector says {wanted[key]!r}", key)


def _check_timeout(subject: Subject, vector: Vector, frame: Frame) -> None:
    if "timeout" not in vector.expected:
        return
    wanted, role = vector.expected["timeout"], subject.protocol.timeout
    if isinstance(role, Header):
        found = subject.lookup((role.name,), vector.data)
        said = None if isinstance(found, Malformed) else found[0]
        if said != str(wanted).encode():
            raise _fault(vector, f"the timeout is {said!r}, the vector says {wanted}", role.name)
    elif frame.timeout != wanted:
        raise _fault(vector, f"the timeout is {frame.timeout}, the vector says {wanted}", "timeout")


def _changed(subject: Subject, fields: Any, made: bytes) -> str:
    """The first field that reads otherwise in the bytes that were made."""
    outcome, again = _parse(subject, made)
    if not isinstance(outcome, Complete):
        return ""
    return next((path for path in changes(fields, again, "")), "")


def _id_path(subject: Subject) -> str:
    found = subject.lowered.identity.fields
    return found[0].path if found else "id"


def _fault(vector: Vector, what: str, field: str, made: bytes | None = None) -> DisagreementError:
    wanted = None if made is None else vector.data
    return DisagreementError(f"{vector.name}: {what}", vector.data, vector.meaning, field=field, made=made, wanted=wanted)


def _cases(bench: Bench) -> Iterator[Case]:
    for vector in bench.vectors:
        registered = with_options(bench.registered, vector)
        subject = (
            bench.subjects[vector.direction] if registered is bench.registered else Subject.of(registered, vector.direction)
        )
        tests = {"decoded": check_decodes} | ({"encoded": check_encodes} if vector.kind != REFUSED else {})
        for what, test in tests.items():
            tried = partial(_tried, test, subject, vector)
            yield Case(f"{vector.name}, {what}", vector.data, tried, vector.direction, declaration=registered.protocol)


def _tried(test: Callable[[Subject, Vector], None], subject: Subject, vector: Vector, data: bytes) -> None:
    test(subject, replace(vector, data=data))


GOLDEN = Check(
    "golden", "each vector is read as it says, and is built again to the same bytes", _cases,
    lambda bench: "" if bench.vectors else "there are no vectors",
)  # fmt: skip
