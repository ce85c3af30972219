"""What is played: three nodes, eight clusters, eight routes, and what the clients ask. Data only.

Each node is a process that serves one host of every cluster, as nodes do, so one kill takes hosts of all protocols
away. The busy clusters show calls per second; `orders` and `stock` are quiet, so that heartbeats are seen there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xproto.spec import Fault

NODES = ("a", "b", "c")
VICTIM = "b"

ECHO = "com.test.EchoService:1.0"
ORDERS = "com.test.OrderService:1.0"
USERS = "com.test.UserService"
STOCK = "com.test.StockService"
ACCOUNTS = "AccountService"
PRICES = "Test.PriceServer.PriceObj"

NEVER = 1.5
"""Seconds that a host takes for the calls that are to miss their deadline: ten times that deadline, so that a machine
that stalls for a second changes nothing."""
WORK: Mapping[bytes, float] = {
    b"echoSlowly": 0.08,
    b"findUserSlowly": 0.08,
    b"getPriceSlowly": 0.08,
    b"getHistory": NEVER,
    b"queryArchive": NEVER,
    b"exportUsers": NEVER,
}
"""Seconds that a host takes for a method, by its name; the others are answered at once."""


@dataclass(frozen=True)
class Route:
    """One route; `match` is what the configuration says under ``headers``."""

    name: str
    cluster: str
    match: Mapping[str, Any]

    @property
    def takes(self) -> str:
        """The conditions in a few words."""
        return ", ".join(
            f"{key} {value}" if isinstance(value, str) else f"{key} {' '.join(f'{k} {v}' for k, v in value.items())}"
            for key, value in self.match.items()
        )


ROUTES = (
    Route("echo", "echo", {"service": ECHO}),
    Route("order-queries", "replicas", {"service": ORDERS, "method": {"prefix": "query"}}),
    Route("order-changes", "orders", {"service": {"prefix": "com.test.OrderService"}}),
    Route("users-v1", "users-old", {"service": USERS, "version": "1.0.0"}),
    Route("users-v2", "users-new", {"service": USERS, "version": {"prefix": "2."}}),
    Route("stock", "stock", {"method": {"regex": "(query|find)Stock"}}),
    Route("accounts", "accounts", {"service": ACCOUNTS}),
    Route("prices", "prices", {"service": PRICES, "method": {"prefix": "get"}}),
)
PROTOCOL_OF: Mapping[str, str] = {
    "echo": "bolt",
    "replicas": "bolt",
    "orders": "bolt",
    "users-old": "dubbo",
    "users-new": "dubbo",
    "stock": "dubbo",
    "accounts": "thrift",
    "prices": "tars",
}
"""What the hosts of each cluster speak. The proxy is not told: it takes what the call came in."""


@dataclass(frozen=True)
class Request:
    """One kind of call. `cluster` must answer it, unless `expects` says which of the proxy's own replies must come."""

    protocol: str
    service: str
    method: str
    cluster: str = ""
    version: str = ""
    expects: Fault | None = None
    oneway: bool = False
    deadline: int = 0
    """Milliseconds that travel with the call; 0 is none."""
    generic: bool = False
    """Dubbo's ``$invoke``, whose real method is an argument."""

    @property
    def measured(self) -> bool:
        """Is its latency the mesh's? Not where a host takes its time on purpose."""
        return self.expects is None and self.method.encode() not in WORK

    def __str__(self) -> str:
        return f"{self.protocol} {self.service}{f' {self.version}' if self.version else ''} {self.method}"


@dataclass(frozen=True)
class Caller:
    """`many` loops on each connection, each: one of `requests`, its answer, a pause of about `think` seconds."""

    requests: tuple[Request, ...]
    think: float
    many: int = 1


@dataclass(frozen=True)
class Client:
    """One connection; `fields` are laid on every frame that it sends."""

    name: str
    protocol: str
    fields: Mapping[str, Any] = field(default_factory=dict)


CLIENTS = (
    Client("bolt v1", "bolt", {"proto": 1}),
    Client("bolt v1", "bolt", {"proto": 1}),
    Client("bolt v2", "bolt", {"proto": 2, "ver1": 1}),
    Client("bolt v2 with CRC", "bolt", {"proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": 1}}),
    Client("dubbo", "dubbo"),
    Client("dubbo", "dubbo"),
    Client("dubbo", "dubbo"),
    Client("thrift", "thrift"),
    Client("thrift", "thrift"),
    Client("tars", "tars"),
    Client("tars", "tars"),
)

CALLERS: Mapping[str, tuple[Caller, ...]] = {
    "bolt": (
        Caller(
            (
                Request("bolt", ECHO, "echo", "echo"),
                Request("bolt", ECHO, "echo", "echo"),
                Request("bolt", ORDERS, "queryOrder", "replicas", deadline=3000),
            ),
            think=0.012,
            many=12,
        ),
        Caller((Request("bolt", ECHO, "echoSlowly", "echo"),), think=0.005, many=2),
        Caller((Request("bolt", ORDERS, "placeOrder", "orders"),), think=1.0),
        Caller((Request("bolt", ORDERS, "shipOrder", "orders", oneway=True),), think=0.1),
        Caller((Request("bolt", ORDERS, "queryArchive", "replicas", expects=Fault.TIMEOUT, deadline=150),), think=0.5),
        Caller((Request("bolt", "com.test.Nowhere:1.0", "call", expects=Fault.NO_ROUTE),), think=0.5),
    ),
    "dubbo": (
        Caller(
            (
                Request("dubbo", USERS, "findUser", "users-old", version="1.0.0"),
                Request("dubbo", USERS, "findUser", "users-new", version="2.1.0", deadline=3000),
            ),
            think=0.012,
            many=12,
        ),
        Caller((Request("dubbo", USERS, "findUserSlowly", "users-old", version="1.0.0"),), think=0.005, many=2),
        Caller((Request("dubbo", STOCK, "queryStock", "stock", generic=True),), think=1.0),
        Caller((Request("dubbo", STOCK, "findStock", "stock", oneway=True),), think=0.1),
        Caller(
            (Request("dubbo", USERS, "exportUsers", "users-new", version="2.1.0", expects=Fault.TIMEOUT, deadline=150),),
            think=0.5,
        ),
        Caller((Request("dubbo", USERS, "findUser", version="3.0.0", expects=Fault.NO_ROUTE),), think=0.5),
    ),
    "thrift": (
        Caller((Request("thrift", ACCOUNTS, "findAccount", "accounts"),), think=0.012, many=6),
        Caller((Request("thrift", ACCOUNTS, "noteVisit", "accounts", oneway=True),), think=0.1),
        Caller((Request("thrift", "NoService", "call", expects=Fault.NO_ROUTE),), think=0.5),
    ),
    "tars": (
        Caller((Request("tars", PRICES, "getPrice", "prices", deadline=3000),), think=0.012, many=6),
        Caller((Request("tars", PRICES, "getPriceSlowly", "prices"),), think=0.005, many=2),
        Caller((Request("tars", PRICES, "getNothing", "prices", oneway=True),), think=0.1),
        Caller((Request("tars", PRICES, "getHistory", "prices", expects=Fault.TIMEOUT, deadline=150),), think=0.5),
        Caller((Request("tars", PRICES, "setPrice", expects=Fault.NO_ROUTE),), think=0.5),
    ),
}

HEARTBEAT_EVERY = 0.7
"""Seconds between the heartbeats of one client connection."""
