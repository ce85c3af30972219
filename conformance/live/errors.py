"""What a server answers where it has no such service or method, and what it makes of headers that were edited.

Names are replaced by others of the same length, wherever a request says them, so that every length stays right; headers
by the kernel's splice, as a proxy would. The declaration's own answer for no route is the measure of an error's shape:
which fields it gives a value, and which.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import construct as c

from conformance.generate.mutations import reseal
from conformance.live.shapes import declared, leaves
from conformance.live.target import Asked, Target
from conformance.outcome import DisagreementError
from conformance.suite import Case
from xproto.errors import MalformedError, SpecError
from xproto.kernel.splice import Splicer
from xproto.lower.expressions import resolve
from xproto.spec import View

ADDED = ("x-conformance", "1"), ("x-conformance", "another and longer value"), ("x-empty", "")
MOST_REMOVED = 12


def names(target: Target) -> Iterator[Case]:
    """A service and a method that nobody has."""
    for asked in target.chosen:
        lookup = target.registered.codec.lookup(("service", "method"))
        for role, name in zip(("service", "method"), lookup.find_bytes(asked.data), strict=True):
            if name:
                data = reseal(target.registered.lowered.verify, asked.data.replace(name, bytes(_other(byte) for byte in name)))
                if data != asked.data:
                    yield Case(f"{asked.name}: no such {role}", data, partial(_unknown, target, asked, role))


def _other(byte: int) -> int:
    """Another letter; what is no letter stays, so that a name keeps its shape."""
    char = chr(byte)
    if not (char.isascii() and char.isalpha()):
        return byte
    return ord("q" if char.islower() else "Q") if char not in "qQ" else byte + 1


def _unknown(target: Target, asked: Asked, role: str, data: bytes) -> None:
    answer, bench = target.ask(data), target.bench
    found, usual = leaves(bench, answer.data), leaves(bench, target.answer_to(asked).data)
    wanted = declared(bench.registered, numbers=role == "service")
    shared = {path: value for path, value in wanted.items() if path in found}
    if all(found[path] == usual.get(path) for path in shared):
        return  # the server goes by something else than this name
    for path, value in shared.items():
        if found[path] != value:
            what = f"no such {role} is answered with {found[path]}, where the declaration answers {value}"
            raise DisagreementError(what, data, f"answered: {answer.data[:96].hex(' ')}", field=path)


def headers(target: Target) -> Iterator[Case]:
    """Headers that are added, replaced and removed; each is answered."""
    block = _block(target)
    if block is None:
        return
    path, splicer, layout = block
    for asked in target.chosen:
        found = splicer.find(asked.data)
        if found is None:
            continue
        pairs = _pairs(target, asked.data, path)
        if pairs is None:
            continue
        for name, edited in _edits(pairs):
            try:
                data = splicer.splice(asked.data, layout.build(edited))
            except (MalformedError, OverflowError, c.ConstructError):
                continue  # a pair that cannot be written again, such as one with a null
            yield Case(f"{asked.name}: {name}", data, partial(_edited, target))


def _edited(target: Target, data: bytes) -> None:
    try:
        found = target.registered.codec.verify_bytes(data, 0)
    except MalformedError as error:
        raise DisagreementError(
            "the codec refuses the frame that its splice made", data, str(error), field=error.path
        ) from error
    if found != len(data):
        raise DisagreementError("the frame that the codec's splice made is not one whole frame", data, str(found))
    target.ask(data)


def _edits(pairs: list[tuple[Any, Any]]) -> Iterator[tuple[str, list[tuple[Any, Any]]]]:
    for index in range(len(ADDED)):
        yield f"{index + 1} headers more", [*pairs, *ADDED[: index + 1]]
    yield "a header in front", [ADDED[0], *pairs]
    for index, (key, value) in list(enumerate(pairs))[:MOST_REMOVED]:
        yield f"without the header {key}", pairs[:index] + pairs[index + 1 :]
        yield f"the header {key} twice", [*pairs, (key, value)]


def _block(target: Target) -> tuple[str, Splicer, c.Construct] | None:
    protocol, lowered = target.registered.protocol, target.registered.lowered
    if protocol.headers is None:
        return None
    source = protocol.headers.block if isinstance(protocol.headers, View) else protocol.headers
    path = resolve(source, lowered.scope, "headers").path
    layout = _layout_at(protocol.frame, path)
    try:
        return None if layout is None else (path, Splicer(target.registered.codec, path), layout)
    except SpecError:
        return None


def _layout_at(layout: c.Construct, path: str) -> c.Construct | None:
    """The construct that reads the field at `path`, without what is around it."""
    for name in path.split("."):
        struct = _inner(layout)
        layout = next((sub for sub in getattr(struct, "subcons", ()) if sub.name == name), None)
        if layout is None:
            return None
    return _inner(layout)


def _inner(layout: c.Construct) -> c.Construct:
    while True:
        if isinstance(layout, c.IfThenElse):
            layout = layout.thensubcon
        elif isinstance(layout, c.Subconstruct) and not isinstance(layout, c.Struct):
            layout = layout.subcon
        else:
            return layout


def _pairs(target: Target, data: bytes, path: str) -> list[tuple[Any, Any]] | None:
    value = target.bench.subjects[0].oracle.parse(data)[1]
    for name in path.split("."):
        value = None if value is None else value.get(name)
    return None if value is None else list(value)


def lacks_headers(target: Target) -> str:
    return "" if _block(target) is not None else "it has no headers, or none that can be spliced"
