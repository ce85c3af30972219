"""What a protocol declares: a construct layout, and the role that each field plays.

`Protocol` is only data; `xproto.lower` turns it into Plans and refuses what is wrong, naming the field, the fault and
what to write instead. Roles refer to fields by construct's own expressions (``this.id``, ``this.type == "request"``),
so that a declaration reads like the protocol's own specification.

Text roles (`service`, `method`, and keys of the routing view) are sources: `header`, a field, `first` of several,
`unless` to pass over values that only stand in for another, `item` for an argument inside a serialized block.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from construct import Construct


class Kind(enum.IntEnum):
    """What a frame is to the proxy. The values are the kernel's.

    INTERIM: an answer that another one follows. PART: it belongs to a call that is under way, and is answered with that call
    or not at all. CONTROL: it says something of the connection, and nobody waits for an answer.
    """

    REQUEST = 1
    ONEWAY = 2
    RESPONSE = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    GOAWAY = 6
    WRAPPED = 7
    HANDSHAKE = 8
    HANDSHAKE_ACK = 9
    INTERIM = 10
    PART = 11
    CONTROL = 12


class Fault(enum.IntEnum):
    """Why the proxy answers a call itself.

    MISDIRECTED is for protocols whose calls name a host, as HTTP's do: it is another filter chain's than the connection's.
    FILTER: a filter failed that the call went through.
    """

    NO_ROUTE = 1
    NO_HOST = 2
    CONNECT = 3
    OVERLOAD = 4
    TIMEOUT = 5
    CLOSED = 6
    MALFORMED = 7
    MISDIRECTED = 8
    FILTER = 9


LOCATION = b"xproto:location"
"""What stands in a redirect's frame where each request's own location goes: no URI, so no configuration can mean it."""
MESSAGE_MAX = 1024
"""Characters of an answer's text where it is no body but a field: ample for a sentence, and within what heads may have."""

_PHRASES = {int(each): each.phrase for each in HTTPStatus}


@dataclass(frozen=True)
class Direct:
    """An answer that the configuration of a proxy gives in a server's place.

    status: of HTTP. body: UTF-8. fault: the nearest to it, for protocols whose answers have no status of HTTP. grpc_status:
    for those that end as gRPC's. redirects: it names another location, for which `LOCATION` stands.
    """

    status: int
    body: bytes = b""
    fault: Fault = Fault.NO_ROUTE
    grpc_status: int = 2
    redirects: bool = False

    @property
    def phrase(self) -> str:
        """The reason phrase; empty where the status is not known."""
        return _PHRASES.get(self.status, "")

    @property
    def message(self) -> str:
        """The body for protocols that have a line of text in its place; the status where there is no body."""
        return self.body.decode("utf-8", "replace")[:MESSAGE_MAX] or f"{self.status} {self.phrase}".rstrip()


class Pool(enum.StrEnum):
    """How upstream connections are shared: by many calls at once, or by one at a time."""

    MULTIPLEXED = "multiplexed"
    PING_PONG = "ping_pong"


class Order(enum.StrEnum):
    """How a client tells its answers apart: by their id, or by the order of its requests."""

    BY_ID = "by_id"
    IN_ORDER = "in_order"


@dataclass(frozen=True)
class Header:
    """The value of one key of the protocol's header block."""

    name: str


@dataclass(frozen=True)
class Spelled(Header):
    """A header that holds a timeout as gRPC writes it: up to eight digits, and one of H M S m u n."""


@dataclass(frozen=True)
class First:
    """The first of several sources that is present."""

    sources: tuple[Any, ...]


@dataclass(frozen=True)
class Unless:
    """A source that counts as absent while it holds one of `values`."""

    source: Any
    values: tuple[bytes, ...]


@dataclass(frozen=True)
class Part:
    """The part of a source before the first `separator` (absent where there is none), or after it (then all of it)."""

    source: Any
    separator: bytes
    behind: bool


@dataclass(frozen=True)
class Item:
    """The text at `index` of a block of serialized values (index 0 only: the rest is skipped, not read)."""

    block: Any
    index: int


@dataclass(frozen=True)
class View:
    """A header block whose pairs override fields of the frame: what the protocol's own servers look at."""

    block: Any
    fields: Mapping[str, Any] = field(default_factory=dict)


def header(name: str) -> Header:
    """The value of the header `name`; a repeated key resolves to its last value."""
    return Header(name)


def spelled(name: str) -> Spelled:
    """The timeout in the header `name`, with its unit. A value that is none makes a call malformed."""
    return Spelled(name)


def first(*sources: Any) -> First:
    """The first of `sources` that is present."""
    return First(sources)


def unless(source: Any, *values: bytes) -> Unless:
    """`source`, but absent while its value is one of `values`."""
    return Unless(source, values)


def before(source: Any, separator: bytes) -> Part:
    """What `source` has before its first `separator`, one byte; absent where it has none."""
    return Part(source, separator, behind=False)


def after(source: Any, separator: bytes) -> Part:
    """What `source` has after its first `separator`, one byte; all of it where it has none."""
    return Part(source, separator, behind=True)


def item(block: Any, index: int = 0) -> Item:
    """The text that a block of serialized values begins with."""
    return Item(block, index)


def view(block: Any, **fields: Any) -> View:
    """`block`, with `fields` as the keys that it may override."""
    return View(block, fields)


DEFAULT_FRAME_LIMIT = 16 * 1024 * 1024 - 1
"""Keeps the first byte of every 32-bit length prefix zero, so that a length is never taken for another protocol."""


@dataclass(frozen=True)
class Limits:
    """Bounds that the layout cannot say itself. Everything else is bounded in the layout, so that oracle and Plan agree."""

    frame: int = DEFAULT_FRAME_LIMIT


@dataclass(frozen=True)
class Detect:
    """The signature: the leading fields of a frame, up to and with the one named, decide what a connection speaks.

    through: that field; None stands for all fields whose place is fixed.
        Where there is a session, only frames that reach it: a connection begins with its handshake.
    followed_by: the values of the byte behind it, where the layout cannot say them: of a text whose length is `through`,
        the characters that it may begin with.
    before: names of protocols whose signature may be had by the same bytes: this protocol is asked before them, and takes
        what both could be. Without it such a pair is refused on one listener.
    """

    through: str | None = None
    followed_by: bytes = b""
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """What a connection begins with: a frame of kind HANDSHAKE from its client, and the other side's HANDSHAKE_ACK.

    handshake: the fields of the one that the proxy sends upstream, before any call.
    handshake_ack: the fields of its answer to a client. None where no frame answers that and nothing else.

    A client's calls before that are malformed. A protocol whose frames may be a HANDSHAKE but which has no session answers
    it with `Fault.NO_ROUTE`: it would change what an upstream connection speaks, which other calls share.
    """

    handshake: Mapping[str, Any]
    handshake_ack: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Protocol:
    """One protocol. Every role but `frame`, `kind` and `id` has a default.

    frame: the layout of one frame, both directions.
    kind: for each `Kind` the protocol has, when a frame is of that kind; asked in the order given.
    id: the field that ties an answer to its request: an unsigned integer of a fixed width, or one whose width varies. None
        where frames have none: then one call at a time on a connection, and answers in the order of the requests. Only where
        there are frames of kind `CONTROL` may it be a field that some frames lack: those are of no call.
    again: a second field for the same purpose, behind the first; both are the same number upstream.
    length: the integer at the frame's beginning that counts its bytes, where the id's width varies.
    headers: the block (or `view`) that routing keys are looked up in.
    answer_headers: the block that answers have in place of `headers`, where that is another one; False where they have none
        that can be read. Only edits look at it.
    service, method: text sources; these roles win over a header of the same name.
    keys: the same for other routing keys, by their names.
    timeout: an integer field in milliseconds, or a header with decimal milliseconds; at most 0 means none. `spelled`: calls
        as gRPC's, whose header has a unit, and whose answers say in `grpc-status` how they ended.
    pool, order: how connections are shared and answers told apart.
    status: of an answer, the field or header (in decimal) that says what came of the call.
    statuses: what its values are called; a name may stand for several.
    unprocessed: those of the names that say that the call was not processed: it may be sent to another server.
    variant: fields that must be alike for all frames of one upstream connection.
    echo: fields that a local reply repeats from its request.
    echo_text: a field of bytes or text that it repeats as well, of at most 255 bytes (a longer one: as none). Heartbeats have
        it too where it, and not the id, tells them apart.
    unwrap: gives a frame of kind `WRAPPED` (compressed, say) in its plain form; raises `MalformedError`.
    session: how a connection begins, where its first frame is no call.
    carries: the protocols of the messages that a connection's streams carry, each stream one call; `frame` is then what the
        streams are cut into. A stream is of the first of them, or of one of the others if its request has its `media`.
    media: of a protocol that is carried beside others: the content type of its requests, which a suffix (`+proto`) or
        parameters may follow.
    detect: which leading fields are the signature, and its rank.
    reply: the fields of a local reply for each fault, over `reply_base`.
    direct: gives the fields of an answer that a configuration asks for, over `reply_base`; None: the reply for its fault.
    heartbeat, heartbeat_ack: the fields of the frames that keep a connection alive.
    configure: called with the configuration's `protocol_options` of this name, gives the Protocol to use instead.
    """

    name: str
    frame: Construct
    kind: Mapping[Kind, Any]
    id: Any = None
    again: Any = None
    length: Any = None
    headers: Any = None
    answer_headers: Any = None
    service: Any = None
    method: Any = None
    keys: Mapping[str, Any] = field(default_factory=dict)
    timeout: Any = None
    status: Any = None
    statuses: Mapping[str, int | Collection[int]] = field(default_factory=dict)
    unprocessed: tuple[str, ...] = ()
    pool: Pool = Pool.MULTIPLEXED
    order: Order = Order.BY_ID
    unwrap: Callable[[bytes], bytes] | None = None
    session: Session | None = None
    carries: tuple[Protocol, ...] = ()
    media: bytes = b""
    variant: tuple[Any, ...] = ()
    echo: tuple[Any, ...] = ()
    echo_text: Any = None
    detect: Detect = Detect()
    limits: Limits = Limits()
    reply_base: Mapping[str, Any] = field(default_factory=dict)
    reply: Mapping[Fault, Mapping[str, Any]] = field(default_factory=dict)
    direct: Callable[[Direct], Mapping[str, Any]] | None = None
    heartbeat: Mapping[str, Any] | None = None
    heartbeat_ack: Mapping[str, Any] | None = None
    configure: Callable[..., Protocol] | None = None
    doc: str = ""
