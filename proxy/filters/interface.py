"""What a filter is, for those who write one.

A filter is a class with a method for each phase that it takes part in. Where a method is not overridden the filter costs
nothing in that phase. It is made once for a listener (and once for each route that gives it other settings), so what it
keeps in `self` is shared by all calls; it runs in the worker's one thread, so nothing of it runs twice at a time.

What a method returns says how the call goes on: None (or `Next.CONTINUE`) to the next filter; a `Reply` is the answer; an
awaitable keeps the call waiting until it says one of these. It must not keep the thread: while it runs every call of the
worker waits.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, MutableMapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from proxy.snapshot import HeaderMatch
from xproto.spec import Fault

Condition = HeaderMatch
"""On a routing key: `Condition("x-env", "exact", "gray")`. What the kinds mean: `proxy.routing.condition`."""

PHASES = ("on_request", "on_route", "on_body", "on_host", "on_response", "on_log")
"""In the order in which a call goes through them, but for `on_body`, which goes on while the others do."""
BODY_LIMIT = 1 << 20
"""Bytes of a body that a filter which buffers gets, if it does not say how many: what a request of an API has."""
MAX_BODY_LIMIT = 1 << 26
"""And at most: a few such calls are all that the buffers of a worker have room for."""

BODILESS = (204, 205, 304)
"""Statuses of HTTP whose answers have no body, and so no place for a text: what follows their heads is the next answer."""


class Next(enum.Enum):
    """How a call goes on."""

    CONTINUE = "continue"
    MATCH_AGAIN = "match again"
    """From `on_route`: the route is decided again, by the headers as they are now."""
    CHOOSE_AGAIN = "choose again"
    """From `on_host`: another host of the cluster; the call does not come to this one again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in the caller's protocol, as that answers for a `Fault`.

    `http_status`, `grpc_status` and `text` take the place of what HTTP and gRPC say of the fault; other protocols have no place
    for them.
    """

    fault: Fault | int = Fault.OVERLOAD
    http_status: int | None = None
    grpc_status: int | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        Fault(self.fault)
        if self.http_status is not None and self.http_status not in range(200, 600):
            raise ValueError(f"{self.http_status!r} is no status of an answer of HTTP")
        if self.grpc_status is not None and self.grpc_status not in range(1, 17):
            raise ValueError(f"{self.grpc_status!r} is no status of a call of gRPC that failed")
        if self.text is not None:
            self.text.encode()
            if self.http_status in BODILESS:
                raise ValueError(f"an answer of HTTP with status {self.http_status} has no body, and no place for a text")


class Body(enum.Enum):
    """What a filter needs of the body of a request of HTTP. Frames of other protocols are always whole."""

    NONE = "none"
    """Nothing: it is asked when the head is there."""
    BUFFERED = "buffered"
    """All of it, up to `Filter.body_limit` bytes: `on_request` and `on_route` are asked when it is there."""
    STREAMED = "streamed"
    """Each piece as it passes, in `on_body`."""


class Response(Protocol):
    """An answer, in `on_response`."""

    @property
    def status(self) -> int | None:
        """Of HTTP; None elsewhere."""

    @property
    def frame_bytes(self) -> bytes:
        """The whole frame; of HTTP the head."""

    def get(self, name: str, default: str | None = None) -> str | None:
        """A field of HTTP, or a header of another protocol's answer."""

    def set_header(self, name: str, value: str) -> None: ...
    def append_header(self, name: str, value: str) -> None: ...
    def remove_header(self, name: str) -> None: ...


class Call(Protocol):
    """A call, in every phase. What is asked for when it is not to be had any more raises `RuntimeError`."""

    @property
    def protocol(self) -> str:
        """Its name."""

    @property
    def is_oneway(self) -> bool:
        """Nobody waits for an answer."""

    @property
    def client(self) -> str | None:
        """Its address; None when the client has gone."""

    @property
    def service(self) -> str | None: ...
    @property
    def method(self) -> str | None: ...

    def get(self, key: str, default: str | None = None) -> str | None:
        """The value of a routing key: `service`, `path`, a header's name. Before the request is sent, or if it is in `keys`."""

    def get_bytes(self, key: str) -> bytes | None:
        """The same as it came."""

    @property
    def frame_bytes(self) -> bytes:
        """The whole request; of HTTP the head. Before it is sent."""

    @property
    def body(self) -> bytes | None:
        """The whole body of a request of HTTP, where the filter buffers it, without the framing of its chunks; until it is
        sent. None of other protocols, which have `frame_bytes`.
        """

    def set_header(self, name: str, value: str) -> None:
        """Before the request is sent. `NotImplementedError` where the protocol has no headers that can be edited, `LookupError`
        where this frame has no place for one, `OverflowError` over a limit, `ValueError` for a header that frames the message.
        """

    def append_header(self, name: str, value: str) -> None: ...
    def remove_header(self, name: str) -> None: ...

    @property
    def metadata(self) -> MutableMapping[str, str]:
        """What filters tell each other of the call."""

    @property
    def route(self) -> str | None:
        """From `on_route` on."""

    @property
    def cluster(self) -> str | None:
        """From `on_route` on. None of a call that its route answers itself, or that names a cluster which there is not."""

    @property
    def host(self) -> str | None:
        """From `on_host` on: the address."""

    @property
    def response(self) -> Response:
        """In `on_response`."""

    @property
    def outcome_name(self) -> str | None:
        """In `on_log`: answered, unanswered (its client went; of a oneway: it was sent), or a fault's name."""

    @property
    def duration(self) -> float:
        """Seconds since the request came; in `on_log`, that it took."""


Result = Next | Reply | None
Later = Result | Awaitable[Result]


class Filter:
    """The base of all filters: none of its methods does anything."""

    Settings: ClassVar[type[Any] | None] = None
    """The model of its settings: of pydantic (`BaseModel`), or a `msgspec.Struct`. None: it has none."""
    body: Body = Body.NONE
    body_limit: int = BODY_LIMIT
    """Where `body` is BUFFERED: bytes. A call with more of them is answered with 413, one of gRPC with RESOURCE_EXHAUSTED."""
    keys: tuple[str, ...] = ()
    """Routing keys that are read while the request is there, so that `on_host`, `on_response` and `on_log` can ask for them."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def looks(self) -> tuple[tuple[Condition, ...], ...] | None:
        """The calls that it looks at: those that meet all conditions of any of these groups; None: every call.

        Asked once. Most kinds are compared without Python, so a call that meets none costs next to nothing.
        """
        return None

    def on_request(self, call: Call) -> Later:
        """The request is here, and has no route yet."""

    def on_route(self, call: Call) -> Later:
        """The request has its route, and with it this filter's settings."""

    def on_body(self, call: Call, chunk: bytes, last: bool) -> Result:
        """Some of the body of a request of HTTP, which goes on next; must not wait.

        Called once at least, and the last time with `last`, unless the request breaks off: without a body the chunk is empty.
        """

    def on_host(self, call: Call) -> Later:
        """A host is chosen."""

    def on_response(self, call: Call) -> Later:
        """The answer is here (of HTTP: its head), and goes on next. Not asked for answers of the proxy's own."""

    def on_log(self, call: Call) -> None:
        """The call has ended, however; must not wait."""
