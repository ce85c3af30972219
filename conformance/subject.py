"""One protocol under test: the kernel's readings of it as plain values, beside the oracle's.

`with_plans` gives the same subject running other Plans, which is how deliberate faults are put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from conformance.judges.oracle import Oracle
from conformance.outcome import Complete, Malformed, More, Outcome
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Codec, Frame
from xproto.kernel.lookup import Lookup
from xproto.lower import LookupPlan, Lowered
from xproto.lower.model import Bits, Branch, Literal, Load, Node, Primitive, Require, Section
from xproto.plan import OpCode, Plan
from xproto.registry import Registered, load
from xproto.spec import Protocol

Buffer = bytes | bytearray | memoryview


class Subject:
    """The kernel and the oracle for one protocol, and one direction: 0 for what clients send, 1 for what servers do."""

    def __init__(self, lowered: Lowered, direction: int = 0) -> None:
        self.lowered = lowered
        self.direction = direction
        self.codec = Codec(lowered)
        self.oracle = Oracle(lowered.protocol, direction)
        self.limit = lowered.protocol.limits.frame
        self._root_fields = frozenset(_checked(lowered.nodes)) - frozenset(_sections(lowered.nodes))
        self._lookups: dict[tuple[str, ...], tuple[LookupPlan, Lookup]] = {}

    @classmethod
    def of(cls, registered: Registered, direction: int = 0) -> Subject:
        return cls(registered.lowered, direction)

    @property
    def root_fields(self) -> frozenset[str]:
        """Paths of the fields at the frame's root that are checked or walked: scan must refuse what is wrong with them."""
        return self._root_fields

    @property
    def protocol(self) -> Protocol:
        return self.lowered.protocol

    @property
    def name(self) -> str:
        return self.lowered.protocol.name

    def with_plans(self, *, verify: Plan | None = None, scan: Plan | None = None) -> Subject:
        changed = replace(self.lowered, verify=verify or self.lowered.verify, scan=scan or self.lowered.scan)
        return Subject(changed, self.direction)

    def verify(self, data: Buffer) -> Outcome:
        """The verify Plan in the kernel."""
        try:
            found = self.codec.verify_bytes(data, self.direction)
        except MalformedError as error:
            return Malformed(error.path, error.why)
        return More(found.total) if isinstance(found, NeedMore) else Complete(found)

    def scan(self, data: Buffer) -> Frame | More | Malformed:
        """The scan Plan in the kernel."""
        try:
            found = self.codec.scan_bytes(data, self.direction)
        except MalformedError as error:
            return Malformed(error.path, error.why)
        except ValueError as error:  # a faulty Plan: a kind that is none
            return Malformed("(kernel)", str(error))
        return More(found.total) if isinstance(found, NeedMore) else found

    def lookup(self, keys: Sequence[str], frame: bytes) -> tuple[bytes | None, ...] | Malformed:
        """The values of routing keys."""
        return find(self._looking(keys)[1], frame)

    def lookup_plan(self, keys: Sequence[str]) -> LookupPlan:
        """What `lookup` runs."""
        return self._looking(keys)[0]

    def _looking(self, keys: Sequence[str]) -> tuple[LookupPlan, Lookup]:
        wanted = tuple(keys)
        if wanted not in self._lookups:
            plan = self.lowered.lookup(wanted)
            self._lookups[wanted] = plan, Lookup(plan)
        return self._lookups[wanted]


def _checked(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        match node:
            case Load(value) | Bits(value) if node.checked or (isinstance(node, Load) and not node.width):
                yield value.path
            case Primitive(value, opcode) if opcode != OpCode.CRC32:
                yield value.path
            case Literal(path) | Require(path):
                yield path
            case Branch():
                yield from _checked(node.then)
                yield from _checked(node.other)


def _sections(nodes: list[Node]) -> Iterator[str]:
    """Paths that name a section: what is wrong there may be inside, where scan does not look."""
    for node in nodes:
        match node:
            case Section():
                yield node.value.path
            case Branch():
                yield from _sections(node.then)
                yield from _sections(node.other)


def find(lookup: Lookup, frame: bytes) -> tuple[bytes | None, ...] | Malformed:
    """What a lookup finds in a frame."""
    try:
        return lookup.find_bytes(frame)
    except MalformedError as error:
        return Malformed(error.path, error.why)


def lookup_subject(plan: LookupPlan) -> Lookup:
    """A lookup of its own for a Plan (with a deliberate fault in it, say)."""
    return Lookup(plan)


def subject(name: str, *spec_paths: str) -> Subject:
    """The protocol of this name among the built-ins and those declared in the files."""
    return Subject.of(load(list(spec_paths))[name])
