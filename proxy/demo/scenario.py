"""What is played: three nodes, sixteen clusters, as many routes, and what the clients ask. Data only.

Each node is a process that serves one host of every cluster, as nodes do, so one kill takes hosts of all protocols
away. The busy clusters show calls per second; `orders` and `stock` are quiet, so that heartbeats are seen there.
HTTP has neither services nor methods of calls: here a request's host stands for the one, its path for the other. Its
versions cross: some requests come by HTTP/1.1 and go to hosts of HTTP/2, some the other way.
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
SHOP = "shop.test"
MEDIA = "media.test"
WATCHES = "shop.Watches"
WATCH = "Watch"
"""gRPC's method that has several answers."""
ORDERING = "shop.Orders"

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
    b"/shop/search": 0.08,
    b"/reports/year": NEVER,
    b"/media/film": 0.08,
    b"/archive/film": NEVER,
    b"PlaceSlowly": 0.08,
    b"Audit": NEVER,
}
"""Seconds that a host takes for a method, by its name, or for a path; the others are answered at once."""


@dataclass(frozen=True)
class Route:
    """One route; `match` and `timeout` are what the configuration says there."""

    name: str
    cluster: str
    match: Mapping[str, Any]
    timeout: str = ""

    @property
    def takes(self) -> str:
        """The conditions in a few words."""
        conditions = {**self.match.get("headers", {}), **{key: value for key, value in self.match.items() if key != "headers"}}
        return ", ".join(f"{key} {_words(value)}" for key, value in conditions.items())


def _words(condition: Any) -> str:
    if isinstance(condition, Mapping):
        return " ".join(f"{kind} {value}" for kind, value in condition.items())
    return condition if isinstance(condition, str) else " or ".join(condition)


def _headers(**conditions: Any) -> Mapping[str, Any]:
    return {"headers": conditions}


ROUTES = (
    Route("echo", "echo", _headers(service=ECHO)),
    Route("order-queries", "replicas", _headers(service=ORDERS, method={"prefix": "query"})),
    Route("order-changes", "orders", _headers(service={"prefix": "com.test.OrderService"})),
    Route("users-v1", "users-old", _headers(service=USERS, version="1.0.0")),
    Route("users-v2", "users-new", _headers(service=USERS, version={"prefix": "2."})),
    Route("stock", "stock", _headers(method={"regex": "(query|find)Stock"})),
    Route("accounts", "accounts", _headers(service=ACCOUNTS)),
    Route("prices", "prices", _headers(service=PRICES, method={"prefix": "get"})),
    Route("carts", "web-carts", {"host": SHOP, "path": {"prefix": "/shop/"}, "http_method": ["POST", "PUT"]}),
    Route("shop", "web", {"host": SHOP, "path": {"prefix": "/shop/"}}),
    Route("reports", "web-reports", {"path": {"prefix": "/reports/"}}, timeout="150ms"),
    Route("media", "media", {"host": MEDIA, "path": {"prefix": "/media/"}}),
    Route("archive", "media-archive", {"path": {"prefix": "/archive/"}}, timeout="150ms"),
    Route("audits", "order-audits", _headers(service=ORDERING, method="Audit"), timeout="150ms"),
    Route("ordering", "ordering", _headers(service=ORDERING)),
    Route("watches", "watches", _headers(service=WATCHES)),
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
    "web": "http1",
    "web-carts": "http1",
    "web-reports": "http1",
    "media": "http2",
    "media-archive": "http2",
    "ordering": "grpc",
    "order-audits": "grpc",
    "watches": "grpc",
}
"""What the hosts of each cluster speak. The proxy is told of HTTP/2 alone: else it takes what the call came in."""
SHARING = frozenset({"http2", "grpc"})
"""By these, many calls at once share a connection to a host."""


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
    posts: bool = False
    """HTTP's POST with a body, not a GET."""
    streams: bool = False
    """gRPC's, with several answers."""

    @property
    def measured(self) -> bool:
        """Is its latency the mesh's? Not where a host takes its time on purpose."""
        return self.expects is None and self.method.encode() not in WORK

    def __str__(self) -> str:
        verb = " POST" if self.posts else ""
        return f"{self.protocol}{verb} {self.service}{f' {self.version}' if self.version else ''} {self.method}"


@dataclass(frozen=True)
class Caller:
    """`many` loops on each connection, each: one of `requests`, its answer, a pause of about `think` seconds.

    client: the name of those that call so; all of the protocol if empty.
    """

    requests: tuple[Request, ...]
    think: float
    many: int = 1
    client: str = ""


@dataclass(frozen=True)
class Client:
    """One connection; `fields` are laid on every frame that it sends."""

    name: str
    protocol: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    secret: bool = False
    """Whether it comes by TLS, with a certificate."""


CLIENTS = (
    Client("bolt v1", "bolt", {"proto": 1}),
    Client("bolt v1", "bolt", {"proto": 1}),
    Client("bolt v2", "bolt", {"proto": 2, "ver1": 1}, secret=True),
    Client("bolt v2 with CRC", "bolt", {"proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": 1}}),
    Client("dubbo", "dubbo"),
    Client("dubbo", "dubbo"),
    Client("dubbo", "dubbo", secret=True),
    Client("thrift", "thrift"),
    Client("thrift", "thrift", secret=True),
    Client("tars", "tars"),
    Client("tars", "tars", secret=True),
    Client("http1 keep-alive", "http1"),
    Client("http1 keep-alive", "http1"),
    Client("http1 keep-alive", "http1", secret=True),
    Client("http1 pipelined", "http1", secret=True),
    Client("http1 patient", "http1"),
    Client("http2", "http2"),
    Client("http2", "http2", secret=True),
    Client("grpc", "grpc"),
    Client("grpc", "grpc", secret=True),
)
"""HTTP's answers come in the order of the requests, so calls that take long have a connection of their own there."""

_BROWSING = (
    Request("http1", SHOP, "/shop/items", "web"),
    Request("http1", SHOP, "/shop/items/7", "web"),
    Request("http1", SHOP, "/shop/cart", "web-carts", posts=True),
    Request("http1", MEDIA, "/media/tile", "media"),
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
    "http1": (
        Caller(_BROWSING, think=0.005, client="http1 keep-alive"),
        Caller(_BROWSING, think=0.012, many=4, client="http1 pipelined"),
        Caller((Request("http1", SHOP, "/shop/search", "web"),), think=0.005, client="http1 patient"),
        Caller((Request("http1", SHOP, "/reports/year", expects=Fault.TIMEOUT),), think=0.5, client="http1 patient"),
        Caller((Request("http1", "nowhere.test", "/shop/items", expects=Fault.NO_ROUTE),), think=0.5, client="http1 patient"),
        Caller((Request("http1", SHOP, "/nothing", expects=Fault.NO_ROUTE, posts=True),), think=0.5, client="http1 patient"),
    ),
    "http2": (
        Caller(
            (
                Request("http2", MEDIA, "/media/tile", "media"),
                Request("http2", MEDIA, "/media/upload", "media", posts=True),
                Request("http2", SHOP, "/shop/items", "web"),
            ),
            think=0.012,
            many=6,
        ),
        Caller((Request("http2", MEDIA, "/media/film", "media"),), think=0.005, many=4),
        Caller((Request("http2", MEDIA, "/archive/film", expects=Fault.TIMEOUT),), think=0.5),
        Caller((Request("http2", MEDIA, "/nothing", expects=Fault.NO_ROUTE),), think=0.5),
    ),
    "grpc": (
        Caller((Request("grpc", ORDERING, "Place", "ordering", deadline=3000),), think=0.06, many=4),
        Caller((Request("grpc", ORDERING, "PlaceSlowly", "ordering"),), think=0.04, many=2),
        Caller((Request("grpc", WATCHES, WATCH, "watches", streams=True),), think=0.1),
        Caller((Request("grpc", ORDERING, "Audit", expects=Fault.TIMEOUT),), think=0.5),
        Caller((Request("grpc", "shop.Nothing", "Call", expects=Fault.NO_ROUTE),), think=0.5),
    ),
}


def callers(client: Client) -> list[Caller]:
    """The loops on one client's connection."""
    return [each for each in CALLERS[client.protocol] if each.client in ("", client.name)]


HEARTBEAT_EVERY = 0.7
"""Seconds between the heartbeats of one client connection."""
