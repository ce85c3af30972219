"""What a server answers where it has no such service or method, and what it makes of headers that were edited.

Names are replaced by others of the same length, wherever a request says them, so that every length stays right; headers
through construct. The declaration's own answer for no route is the measure of an error's shape:
which fields it gives a value, and which.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from conformance.checks.edits import Block, Pairs, source_of
from conformance.generate.mutations import reseal
from conformance.live.shapes import declared, leaves
from conformance.live.target import Asked, Target
from conformance.outcome import Complete, DisagreementError
from conformance.suite import Case

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
    """Headers that are added, repeated and removed; each such request is answered."""
    source, subject, layout = source_of(target.bench), target.bench.subjects[0], target.registered.protocol.frame
    for asked in target.chosen if source is not None else ():
        fields = subject.oracle.parse(asked.data)[1]
        block = Block(source, fields) if fields is not None else None
        if block is None or block.pairs is None or layout.build(fields, from_upstream=0) != asked.data:
            continue
        for name, pairs in _edits(block, block.pairs):
            data = bytes(layout.build(block.replaced(fields, pairs), from_upstream=0))
            if subject.verify(data) != Complete(len(data)):
                continue  # a header that frames must have, or have once
            yield Case(f"{asked.name}: {name}", data, partial(_edited, target))


def _edits(block: Block, pairs: Pairs) -> Iterator[tuple[str, Pairs]]:
    added = [(block.text(name), block.text(value)) for name, value in ADDED]
    for count in range(1, len(added) + 1):
        yield f"{count} headers more", [*pairs, *added[:count]]
    yield "a header in front", [added[0], *pairs]
    for index, pair in enumerate(pairs[:MOST_REMOVED]):
        yield f"without its header {index}", pairs[:index] + pairs[index + 1 :]
        yield f"its header {index} twice", [*pairs, pair]


def _edited(target: Target, data: bytes) -> None:
    target.ask(data)


def lacks_headers(target: Target) -> str:
    return "" if source_of(target.bench) is not None else "the protocol has no headers"
