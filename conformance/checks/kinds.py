"""What the proxy owes for a frame: an answer to a call, an acknowledgement for a heartbeat, nothing for a oneway."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from construct import Container

from conformance.bench import Bench
from conformance.outcome import Complete, DisagreementError, More
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.kernel.codec import Frame
from xproto.spec import Fault, Kind
from xproto.wire.http1 import METHODS

MOST_REQUESTS = 60
"""Requests that every fault is answered for."""


def own_frame(reader: Subject, made: bytes, what: str, role: str, kinds: set[Kind]) -> Frame:
    """A frame of our own making, as the other side reads it: whole, right, and of one of these kinds."""
    verified, judged = reader.verify(made), reader.oracle.outcome(made)
    if judged != Complete(len(made)) or verified != judged:
        raise DisagreementError(f"{what} cannot be read: {role}", made, f"construct: {judged}", f"plan: {verified}", field=role)
    found = reader.scan(made)
    if not isinstance(found, Frame) or found.kind not in kinds:
        kind = Kind(found.kind).name.lower() if isinstance(found, Frame) else found
        wanted = " or ".join(sorted(each.name.lower() for each in kinds))
        raise DisagreementError(f"{what} is read as {kind}: {role} must set the fields that make it {wanted}", made, field=role)
    return found


def check_reply(bench: Bench, fault: Fault, request: bytes) -> None:
    """The local reply for a fault is a whole answer to this request: its id, its variant, its echo."""
    client, server = bench.subjects
    asked = client.scan(request)
    if not isinstance(asked, Frame) or asked.kind != Kind.REQUEST:
        return
    role = f"reply[{fault.name}]"
    made = client.codec.reply(fault, asked.variant, asked.echo, asked.id)
    if _asks_for_head(client, request):
        made = _with_body(server, made)
    found = own_frame(server, made, f"the reply to a call for {fault.name}", role, {Kind.RESPONSE})
    _same_id(asked, found, made, role)
    if found.variant != asked.variant:
        kept = client.lowered.variant
        what = f"the reply is of another variant than the call: {kept.unpack(found.variant)}, {kept.unpack(asked.variant)}"
        raise DisagreementError(what, request, field=role, made=made)


def _asks_for_head(client: Subject, request: bytes) -> bool:
    """Whether the answer has no body, whatever it says of one (RFC 9110, 9.3.2)."""
    head = client.oracle.parse(request)[1].get("head")
    return isinstance(head, Container) and head.get("method") == METHODS[b"HEAD"]


def _with_body(server: Subject, made: bytes) -> bytes:
    """The answer to HEAD with the bytes of the body that its head counts, as its reader would otherwise wait for them."""
    found = server.verify(made)
    return made + bytes(found.total - len(made)) if isinstance(found, More) else made


def _same_id(asked: Frame, found: Frame, made: bytes, role: str) -> None:
    if found.id != asked.id:
        raise DisagreementError(f"the answer has the id {found.id}, the caller's is {asked.id}: {role}", made, field="id")


def check_heartbeat(bench: Bench, request: bytes) -> None:
    """A client's heartbeat is acknowledged with its id, in its variant."""
    client, server = bench.subjects
    asked = client.scan(request)
    if not isinstance(asked, Frame) or asked.kind != Kind.HEARTBEAT:
        return
    text = _told_by(bench, client, request) if bench.protocol.id is not None and asked.id_at < 0 else b""
    made = client.codec.heartbeat_ack(asked.variant, asked.echo, asked.id, text)
    if not made:
        what = "a heartbeat is not acknowledged: the protocol has Kind.HEARTBEAT and no heartbeat_ack"
        raise DisagreementError(what, request, field="heartbeat_ack")
    wanted = {Kind.HEARTBEAT_ACK, Kind.RESPONSE}  # RESPONSE: where heartbeats are calls
    found = own_frame(server, made, "the acknowledgement of a heartbeat", "heartbeat_ack", wanted)
    _same_id(asked, found, made, "heartbeat_ack")
    if text and _told_by(bench, server, made) != text:
        what = "the acknowledgement does not repeat what the heartbeat says"
        raise DisagreementError(what, request, field="echo_text", made=made)


def _told_by(bench: Bench, reader: Subject, frame: bytes) -> bytes:
    """What tells heartbeats apart that have no id, as construct reads it."""
    role = bench.protocol.echo_text
    if role is None:
        what = "a heartbeat has neither an id nor anything else to be known by: declare echo_text"
        raise DisagreementError(what, frame, field="echo_text")
    found = role(reader.oracle.parse(frame)[1])
    return found if isinstance(found, bytes) else str(found).encode("utf-8", "surrogateescape")


def check_own_heartbeat(bench: Bench, variant: int, number: int, _: bytes = b"") -> None:
    """The heartbeat that the proxy sends is one to the server, and has the id that was asked for, or the text."""
    client = bench.subjects[0]
    made = client.codec.heartbeat(variant, number)
    found = own_frame(client, made, "the heartbeat of the proxy", "heartbeat", {Kind.HEARTBEAT})
    if bench.protocol.id is not None and found.id_at < 0:
        text = number.to_bytes(len(_told_by(bench, client, made)), "big")
        made = client.codec.heartbeat(variant, number, text)
        own_frame(client, made, "the heartbeat of the proxy", "heartbeat", {Kind.HEARTBEAT})
        if _told_by(bench, client, made) != text:
            raise DisagreementError("the heartbeat does not say what it was to say", made, field="echo_text")
    elif bench.protocol.id is not None and found.id != number:
        raise DisagreementError(f"the heartbeat has the id {found.id}, {number} was given", made, field="id")


def requests(bench: Bench, kind: Kind, most: int = MOST_REQUESTS) -> Iterator[tuple[str, bytes]]:
    """Frames of clients of this kind, by name: the vectors first, then drawn ones."""
    client = bench.subjects[0]
    named = [(vector.name, vector.data) for vector in bench.usable(0)]
    named += [(f"drawn {index}", frame) for index, frame in enumerate(bench.frames(0))]
    count = 0
    for name, data in named:
        found = client.scan(data)
        if isinstance(found, Frame) and found.kind == kind and found.size == len(data):
            yield name, data
            count += 1
            if count == most:
                return


def _replies(bench: Bench) -> Iterator[Case]:
    for name, data in requests(bench, Kind.REQUEST):
        for fault in bench.protocol.reply:
            yield Case(f"{name}, {fault.name}", data, partial(check_reply, bench, fault))


def _heartbeats(bench: Bench) -> Iterator[Case]:
    for name, data in requests(bench, Kind.HEARTBEAT):
        yield Case(name, data, partial(check_heartbeat, bench))
    if bench.protocol.heartbeat is not None:
        variants = {
            found.variant
            for _, data in requests(bench, Kind.REQUEST)
            if isinstance(found := bench.subjects[0].scan(data), Frame)
        }
        for variant in sorted(variants):
            for number in (0, 1, bench.top_id):
                yield Case(
                    f"our own, variant {variant}, id {number}", b"", partial(check_own_heartbeat, bench, variant, number)
                )


def _oneways(bench: Bench) -> Iterator[Case]:
    for vector in bench.usable(0):
        if vector.kind == "oneway":
            yield Case(vector.name, vector.data, partial(check_oneway, bench.subjects[0]))


def check_oneway(subject: Subject, frame: bytes) -> None:
    """What a vector calls a oneway is of that kind, so that nobody answers it."""
    found = subject.scan(frame)
    if isinstance(found, Frame) and found.kind != Kind.ONEWAY:
        what = f"a oneway would be answered: kind[ONEWAY] does not take it, it is read as {Kind(found.kind).name.lower()}"
        raise DisagreementError(what, frame, field="kind")


def _no_heartbeat(bench: Bench) -> str:
    declared = Kind.HEARTBEAT in bench.protocol.kind or bench.protocol.heartbeat is not None
    return "" if declared else "the protocol has no heartbeat"


REPLIES = Check(
    "replies", "every local reply is a whole answer with the caller's id, for every fault", _replies,
    lambda bench: "" if bench.protocol.reply else "the protocol declares no reply",
)  # fmt: skip
HEARTBEATS = Check("heartbeats", "a heartbeat is acknowledged with its id; our own is one", _heartbeats, _no_heartbeat)
ONEWAYS = Check(
    "oneways", "a oneway is never answered", _oneways,
    lambda bench: "" if any(v.kind == "oneway" for v in bench.vectors) else "there is no vector of a oneway",
)  # fmt: skip
