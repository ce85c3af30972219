"""What every protocol's client and host have in common: a call, an answer, and what a protocol can say.

A test is written in these words alone and so holds for every protocol of the table. Bytes are written and read by hand, or by
the `h2` package: nothing here depends on what is tested.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from proxy.snapshot import DirectResponse
from tests.datapath import web
from tests.datapath.world import Peer, World

if TYPE_CHECKING:
    from tests.policy.speech.host import Connection

SERVICE, METHOD, VERSION, HOST = "test.Echo", "echo", "1.0", "mesh.test"
WORD = "x-word"


@dataclass(frozen=True)
class Call:
    """What a client says; what its protocol has no place for is not said (`Speech.says`).

    `path`: of HTTP, its query with it; None: that of the service and the method. `http_method`: None is GET without a body,
    POST with one. `number`: by which its answer is known. `source`: where the client connects from.
    """

    service: str = SERVICE
    method: str = METHOD
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    host: str = HOST
    http_method: str | None = None
    body: bytes = b""
    oneway: bool = False
    number: int = 7
    source: str = "127.0.0.1"

    @property
    def target(self) -> str:
        return self.path or f"/{self.service}/{self.method}"


@dataclass(frozen=True)
class Answer:
    """What a host says, or what a client hears. `headers`: but those that frame it or are the protocol's own."""

    text: str = ""
    code: int = 0
    """0: it went well; else the protocol's number."""
    headers: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    method: str | None = None
    """Where answers say it again."""
    raw: bytes = b""
    """As it came; nothing of HTTP/2."""
    faults: frozenset[str] = frozenset()
    """Those of the proxy's own that are said so; several may be said alike."""

    @property
    def ok(self) -> bool:
        return self.code == 0


@dataclass
class Asked:
    """A call at a host. `roles`: where it says that it goes. `headers`: but those that frame it or are the protocol's."""

    number: int
    roles: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    query: str | None = None
    timeout: int = 0
    """Milliseconds, where the protocol has a field for them that the proxy writes."""
    raw: bytes = b""
    connection: Connection = field(default=None, compare=False, repr=False)  # type: ignore[assignment]
    """By which it came; known when a host has taken it."""

    @property
    def word(self) -> str:
        return self.headers[WORD] if WORD in self.headers else self.roles["service"]

    async def answer(self, text: str = "", code: int = 0, headers: Mapping[str, str] | None = None) -> None:
        await self.reply(Answer(text, code, headers or {}))

    async def reply(self, answer: Answer) -> None:
        await self.connection.server.reply(self, answer)

    async def refuse(self) -> None:
        """Says that it was not looked at, where the protocol has a word for that which is no answer ("refusal")."""
        await self.connection.server.refuse(self)

    async def reset(self) -> None:
        """Its connection ends before it is answered."""
        await self.connection.reset()


class Client(Protocol):
    """One connection of a client."""

    peer: Peer

    async def ask(self, call: Call | None = None, **fields: Any) -> None:
        """A call, or one with these fields."""

    async def answer(self) -> Answer:
        """The next one; EOFError where the connection ends before it."""

    async def silent(self) -> bool:
        """Has nothing come, after all that is under way was handled?"""


class Server(Protocol):
    """One connection of a host."""

    async def take(self) -> Asked:
        """The next call; EOFError at the connection's end."""

    async def reply(self, asked: Asked, answer: Answer) -> None: ...

    async def refuse(self, asked: Asked) -> None: ...


class Speech(ABC):
    """A protocol: a file here makes one, and a line of the table has all tests of policies run for it."""

    name: ClassVar[str]
    """By which counters and rules know its calls."""
    protocol: ClassVar[str]
    """Of listeners."""
    says: ClassVar[frozenset[str]]
    """What calls can say, of `SAYINGS`."""
    faults: ClassVar[Mapping[str, tuple[int, str]]]
    """The code and the text of the proxy's own answers, by fault."""
    bad: ClassVar[tuple[str, Answer]]
    """An answer of servers that says that a call failed, and the name of its status."""
    busy: ClassVar[tuple[str, Answer] | None] = None
    """One that says that nothing was processed."""
    listener: ClassVar[dict[str, Any]] = {}
    cluster: ClassVar[dict[str, Any]] = {}

    def __repr__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """Under which routes find a call's word."""
        return WORD if "headers" in self.says else "service"

    def word(self, text: str, **fields: Any) -> Call:
        """A call that says this."""
        return Call(headers={WORD: text}, **fields) if "headers" in self.says else Call(service=text, **fields)

    def direct(self, said: DirectResponse) -> tuple[int, str]:
        """The code and the text of a route's own answer."""
        return self.faults[said.fault][0], said.body or f"{said.status} {HTTPStatus(said.status).phrase}"

    def heard(self, answer: Answer) -> Answer:
        """With the faults that it may be."""
        if answer.ok:
            return answer
        said = (answer.code, answer.text)
        return replace(answer, faults=frozenset(name for name, told in self.faults.items() if told == said))

    async def client(self, world: World, source: str = "127.0.0.1", door: str | None = None) -> Client:
        """`door`: where to, if not to the world's own listener."""
        return await self.speak(await world.client(door, source))

    @abstractmethod
    async def speak(self, peer: Peer) -> Client:
        """A connection that was made."""

    @abstractmethod
    async def serve(self, peer: Peer) -> Server:
        """One that was accepted."""

    @abstractmethod
    def begins(self, data: bytes) -> bool:
        """Is this how a client's connection begins?"""


RPC = frozenset({"service", "method"})
HTTP = frozenset({"path", "query", "host", "headers", "answer_headers", "fields"})
SAYINGS = RPC | HTTP | {"version", "http_method", "oneway", "numbers", "unordered", "refusal", "timeout", "frames"}
"""`answer_headers`: answers have some too; `fields`: which filters can edit; `numbers`: many calls at once by a connection;
`unordered`: their answers come as they are there; `refusal`: of a call that was not looked at; `timeout`: a field that the
proxy writes; `frames`: a call is a frame of bytes."""
PLAIN = {"http": web.PLAIN}
