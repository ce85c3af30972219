"""A declaration as Plans.

`lower(protocol)` walks the construct layout once into a tree (`layout`), adds what the roles need (`roles`), and writes
three products from it (`prune`, `emit`): verify, scan, and lookups made on demand for the keys that routes ask.
Everything that could go wrong on the wire is decided here: intervals, definedness, limits. A declaration that cannot be
proven safe is refused with the field's path, what is wrong, and what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from xproto.errors import SpecError
from xproto.lower.coalesce import coalesce
from xproto.lower.deadline import Deadline, find_deadline, timeout_role
from xproto.lower.emit import Emitter
from xproto.lower.expressions import Scope
from xproto.lower.identity import Identity, identity, marked
from xproto.lower.layout import lower_into
from xproto.lower.locate import LengthField, locate
from xproto.lower.model import Compute, Node, Primitive, Ref, Value
from xproto.lower.pieces import head_nodes, refuse_many_chunked, refuse_many_structs, rest_nodes
from xproto.lower.place import Place, Registers, peel
from xproto.lower.prune import Wanted, captured_arguments, prune
from xproto.lower.roles import Packing, kind_nodes, packing
from xproto.lower.sections import refuse_behind_checksum
from xproto.lower.shape import refuse_shapes
from xproto.lower.status import Status, status_role
from xproto.lower.texts import Source, Texts
from xproto.plan import FIRST_FREE, LITTLE, MAX_SLOTS, Form, Op, OpCode, Plan, Result
from xproto.spec import Protocol

MAX_FRAME_LIMIT = 1 << 31


class Alternative(NamedTuple):
    """A slot that a key's value may be in, what does not count as one, and which part of it does."""

    slot: int
    unless: tuple[bytes, ...] = ()
    separator: bytes = b""
    behind: bool = False


@dataclass(frozen=True)
class LookupPlan:
    """A Plan that fills slots, and for each key the slots it may come from, with the values that do not count."""

    plan: Plan
    keys: tuple[str, ...]
    alternatives: tuple[tuple[Alternative, ...], ...]
    answers: bool = False
    """Whether it reads frames from upstream."""


@dataclass(frozen=True)
class SplicePlan:
    """A Plan that leaves a field's start and end, and the values and offsets of its lengths, in registers.

    opcode: of the op that reads the field; None where it is plain bytes. width, flags, data, most: that op's operands.
    """

    plan: Plan
    path: str
    start: int
    end: int
    lengths: tuple[LengthField, ...]
    opcode: OpCode | None = None
    width: int = 0
    flags: int = 0
    data: bytes = b""
    most: int = 0


@dataclass(frozen=True)
class Lowered:
    """A protocol that was accepted: its Plans, and what the kernel needs to patch frames and make replies.

    head: what a scan finds, without the way to the frame's end; None where that takes all of the frame.
    rest: the scan from the chunks on, for frames passed on in pieces; None where they cannot be.
    deadline: the field of the timeout, where the proxy may rewrite it.
    spelled: the timeout's key has a unit in its value.
    carried: the messages that streams carry; none where a connection has no streams.
    """

    protocol: Protocol
    verify: Plan
    scan: Plan
    head: Plan | None
    rest: Plan | None
    identity: Identity
    crc_little: bool
    timeout_key: str | None
    spelled: bool
    deadline: Deadline | None
    status: Status
    variant: Packing
    echo: Packing
    opaque: tuple[str, ...]
    carried: tuple[Lowered, ...]
    nodes: list[Node] = field(repr=False)
    registers: Registers = field(repr=False)
    texts: Texts = field(repr=False)
    scope: Scope = field(repr=False)

    @property
    def id_name(self) -> str:
        return "" if self.identity.id is None else self.identity.id.path

    @property
    def id_width(self) -> int:
        return 0 if self.identity.id is None else self.identity.id.width

    @property
    def id_little(self) -> bool:
        return self.identity.id is not None and self.identity.id.little

    def lookup(self, keys: tuple[str, ...]) -> LookupPlan:
        """The Plan that finds these routing keys in a whole frame from downstream."""
        return _lookup(self, keys, self.texts.key)

    def answer_lookup(self, names: tuple[str, ...]) -> LookupPlan:
        """The Plan that finds headers of these names in a whole answer."""
        return replace(_lookup(self, names, self.texts.answer_key), answers=True)

    def status_plan(self) -> Plan | None:
        """The Plan that leaves an answer's status in the register of the kind; None where no field holds it."""
        return _status_plan(self)

    def splice(self, path: str) -> SplicePlan:
        """The Plan for replacing the bytes of the field at `path` by more or fewer; raises `SpecError`."""
        return _splice(self, path)


def lower(protocol: Protocol) -> Lowered:
    """Raises `SpecError` where the declaration is wrong."""
    try:
        return _lower(protocol)
    except SpecError as error:
        raise error.within(protocol.name) from None


def _lower(protocol: Protocol) -> Lowered:
    refuse_shapes(protocol)
    if not isinstance(protocol.limits.frame, int) or not 1 <= protocol.limits.frame < MAX_FRAME_LIMIT:
        raise SpecError("limits.frame", f"{protocol.limits.frame} is out of bounds", f"choose 1..{MAX_FRAME_LIMIT - 1}")
    nodes: list[Node] = []
    opaque: list[str] = []
    registers = Registers()
    outer = Scope()
    try:
        top = lower_into(protocol.frame, Place("", outer, nodes, registers, opaque, lower_into))
    except SpecError as error:
        raise SpecError(error.path or "frame", error.wrong, error.instead) from None
    if top.kind != "struct":
        raise SpecError("frame", f"is {type(peel(protocol.frame, 'frame')).__name__}", "write Struct('name' / …)")
    scope = Scope(fields=top.fields)
    refuse_behind_checksum(nodes)
    refuse_many_structs(nodes)
    variant = packing("variant", protocol.variant, scope)
    echo = packing("echo", protocol.echo, scope)
    timeout = timeout_role(protocol, scope)
    texts = Texts(protocol, scope)
    others = [
        *variant.nodes(Result.VARIANT),
        *echo.nodes(Result.ECHO),
        *kind_nodes(protocol, scope),
    ]
    first = FIRST_FREE + len(registers.numbers)
    verify = _verify(protocol, nodes, first)
    ids = identity(protocol, scope, nodes, checksum=any(op.code is OpCode.CRC32 for op in verify.ops))
    read_as_ids = [Compute(Value("id", reg=Result.ID), Ref(Value(field.path, reg=field.reg))) for field in ids.fields]
    deadline = None if ids.moves else find_deadline(timeout, nodes, [*others, *read_as_ids])
    read = [*marked(nodes, ids), *(timeout.nodes() if deadline is None else ()), *others]
    scan, head, rest = _scans(protocol, read, ids, deadline, first)
    crc_orders = {bool(op.flags & LITTLE) for op in verify.ops if op.code is OpCode.CRC32}
    if len(crc_orders) > 1:
        raise SpecError("frame", "checksums of both byte orders", "use one")
    through = protocol.detect.through
    if through is not None and all(op.path != through for op in scan.ops):
        raise SpecError("detect", f"{through} is not a field that a scan reads", "name one that is bounded or constant")
    if through is None and protocol.detect.followed_by:
        raise SpecError("detect", "followed_by, but not by which field it stands", "name the field before it: through=…")
    return Lowered(
        protocol,
        verify,
        scan,
        head,
        rest,
        ids,
        crc_orders == {True},
        timeout.key,
        timeout.spelled,
        deadline,
        status_role(protocol, scope),
        variant,
        echo,
        tuple(opaque),
        _carried(protocol),
        nodes,
        registers,
        texts,
        scope,
    )


def _carried(protocol: Protocol) -> tuple[Lowered, ...]:
    """What the streams carry. A stream has no streams in it."""
    if protocol.carries and protocol.id is None:
        raise SpecError("carries", "streams that have no number", "name the field: id=this.…")
    for place, each in enumerate(protocol.carries):
        if each.carries:
            raise SpecError("carries", f"{each.name} has streams of its own", "name a protocol whose frames are calls")
        if bool(each.media) != bool(place):
            said, where = "a" if each.media else "no", "behind" if place else "before"
            wrong = f"{each.name} has {said} content type, and is {where} others"
            raise SpecError("carries", wrong, "put the one without `media` first: it has all that is not another's")
    try:
        return tuple(_lower(each) for each in protocol.carries)
    except SpecError as error:
        raise error.within("carries") from None


def _scans(
    protocol: Protocol, nodes: list[Node], ids: Identity, deadline: Deadline | None, first: int
) -> tuple[Plan, Plan | None, Plan | None]:
    """The scan, its head and its rest. Results that are plain fields are loaded into their result registers at once."""
    results = {Result.KIND, Result.VARIANT, Result.TIMEOUT, Result.ECHO, *(field.reg for field in ids.fields)}
    alias: dict[int, int] = {}
    at: dict[int, int] = {}
    for each, (result, place) in zip(ids.fields, _ID_RESULTS, strict=False):
        alias[each.reg] = int(result)
        if each.form is Form.FIXED:
            at[each.word] = int(place)
    if deadline is not None:
        results.add(deadline.reg)
        alias[deadline.reg], at[deadline.reg] = int(Result.TIMEOUT), int(Result.TIMEOUT_AT)

    def written(product: str, kept: list[Node] | None) -> Plan | None:
        if kept is None:
            return None
        emitter = Emitter(first, alias, at)
        emitter.nodes(coalesce(kept))
        return _finish(protocol, product, emitter, 0)

    scanned = prune(nodes, Wanted(results, checks=True, to_end=True, checksum=True))
    for path in sorted(captured_arguments(scanned)):
        wrong = "what it describes would have to be walked by every scan, which keeps no texts"
        raise SpecError(path, wrong, "put both into FixedSized(length, …), behind what the roles read")
    refuse_many_chunked(scanned)
    head = head_nodes(prune(nodes, Wanted(results)))
    rest = None if head is None or ids.moves or ids.again else rest_nodes(scanned)
    scan = written("scan", scanned)
    assert scan is not None
    return scan, written("head", head), written("rest", rest)


_ID_RESULTS = ((Result.ID, Result.ID_AT), (Result.AGAIN, Result.AGAIN_AT))


def _finish(protocol: Protocol, product: str, emitter: Emitter, slots: int) -> Plan:
    emitter.add(Op(OpCode.END, path="frame", why=f"is over the limit of {protocol.limits.frame} bytes"))
    return Plan(protocol.name, product, tuple(emitter.ops), protocol.limits.frame, emitter.highest + 1, slots)


def _verify(protocol: Protocol, nodes: list[Node], first: int) -> Plan:
    slots = {path: slot for slot, path in enumerate(sorted(captured_arguments(nodes)))}
    emitter = Emitter(first, slots=slots, verify=True)
    emitter.nodes(coalesce(nodes))
    return _finish(protocol, "verify", emitter, len(slots))


def _lookup(lowered: Lowered, keys: tuple[str, ...], sources_of: Callable[[str], list[Source]]) -> LookupPlan:
    slots: dict[str, int] = {}
    blocks: dict[str, dict[str, int]] = {}
    count = 0

    def slot_of(source: Source) -> int:
        nonlocal count
        table = slots if source.key is None else blocks.setdefault(source.path, {})
        name = source.path if source.key is None else source.key
        if name not in table:
            table[name] = count
            count += 1
        return table[name]

    alternatives = tuple(
        tuple(Alternative(slot_of(source), source.unless, source.separator, source.behind) for source in sources_of(key))
        for key in keys
    )
    captures = dict(slots) | dict.fromkeys(blocks, 0)
    nodes = prune(lowered.nodes, Wanted(captures=captures))
    for path in sorted(captured_arguments(nodes)):
        slot_of(Source(path))
    if count > MAX_SLOTS:
        raise SpecError("routes", f"ask for {count} values of each frame", f"at most {MAX_SLOTS}")
    named = {path: tuple((k.encode(), slot) for k, slot in table.items()) for path, table in blocks.items()}
    emitter = Emitter(FIRST_FREE + len(lowered.registers.numbers), slots=slots, keys=named)
    emitter.nodes(coalesce(nodes))
    plan = _finish(lowered.protocol, f"lookup {', '.join(keys) or 'nothing'}", emitter, count)
    if not keys:
        plan = Plan(plan.protocol, plan.product, (plan.ops[-1],), plan.limit, plan.registers, 0)
    return LookupPlan(plan, keys, alternatives)


def _status_plan(lowered: Lowered) -> Plan | None:
    if lowered.status.value is None:
        return None
    read = Compute(Value("status", reg=Result.KIND), Ref(lowered.status.value))
    nodes = prune([*lowered.nodes, read], Wanted({int(Result.KIND)}))
    arguments = {name: slot for slot, name in enumerate(sorted(captured_arguments(nodes)))}
    emitter = Emitter(FIRST_FREE + len(lowered.registers.numbers), slots=arguments)
    emitter.nodes(coalesce(nodes))
    return _finish(lowered.protocol, "status", emitter, len(arguments))


def _splice(lowered: Lowered, path: str) -> SplicePlan:
    first = FIRST_FREE + len(lowered.registers.numbers)
    found = locate(coalesce(lowered.nodes), path, first)
    wanted = Wanted({length.reg for length in found.lengths})
    nodes = prune(found.nodes, wanted)
    arguments = {name: slot for slot, name in enumerate(sorted(captured_arguments(nodes)))}
    at = {length.reg: length.at for length in found.lengths if length.width}
    emitter = Emitter(found.next_free, at=at, slots=arguments)
    emitter.nodes(coalesce(nodes))
    plan = _finish(lowered.protocol, f"splice {path}", emitter, len(arguments))
    made = SplicePlan(plan, path, found.start, found.end, found.lengths)
    if not isinstance(found.field, Primitive):
        return made
    field = found.field
    return replace(made, opcode=OpCode(field.opcode), width=field.width, flags=field.flags, data=field.data, most=field.most)


__all__ = ["Alternative", "LookupPlan", "Lowered", "SplicePlan", "lower"]
