"""What the three protocols have in common, so that one test speaks each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.hostile.peers import CALLS
from tests.hostile.wire import ECHO, attach, bolt, bolt_answer, dubbo, dubbo_answer, short
from tests.protocols import beacon_peer

FOREIGN = 0xDEAD
"""An id that the proxy has not given out."""


@dataclass(frozen=True)
class Speech:
    """A protocol's frames. `timed` is a call with a deadline in milliseconds; the numbers are statuses of local replies."""

    name: str
    answer: Callable[[bytes, bytes], bytes]
    foreign: Callable[[bytes], bytes]
    timed: Callable[[int, int], bytes]
    service: Callable[[bytes], bytes]
    oneway: Callable[[int], bytes]
    ack: Callable[[bytes], bytes]
    closed: int
    timeout: int
    connect: int
    no_host: int
    overload: int

    def call(self, id: int, content: bytes = b"hello") -> bytes:
        return CALLS[self.name](id, content)


def beacon_answer(request: bytes, content: bytes, **fields: object) -> bytes:
    found = beacon_peer.decode(request)
    assert found is not None
    asked = {"kind": beacon_peer.RESPONSE, "status": beacon_peer.OK, "service": b"", "timeout": None, "chunks": (content,)}
    return replace(found[0], **{**asked, **fields}).encode()  # type: ignore[arg-type]


def dubbo_ack(heartbeat: bytes) -> bytes:
    return dubbo(int.from_bytes(heartbeat[4:12], "big"), flags=0x22, status=20, body=b"N")


def dubbo_timed(number: int, milliseconds: int) -> bytes:
    return dubbo(number, attachments=attach((short(b"timeout"), short(b"%d" % milliseconds))))


BOLT = Speech(
    name="bolt",
    answer=bolt_answer,
    foreign=lambda request: bolt_answer(request, b"x", id=FOREIGN),
    timed=lambda number, milliseconds: bolt(number, timeout=milliseconds),
    service=lambda name: bolt(1, service=name),
    oneway=lambda number: bolt(number, type=2),
    ack=lambda heartbeat: bolt_answer(heartbeat, b"", command=0),
    closed=16,
    timeout=7,
    connect=16,
    no_host=6,
    overload=4,
)
DUBBO = Speech(
    name="dubbo",
    answer=dubbo_answer,
    foreign=lambda request: dubbo_answer(request, b"x", id=FOREIGN),
    timed=dubbo_timed,
    service=lambda name: dubbo(1, service=name),
    oneway=lambda number: dubbo(number, flags=0x82),
    ack=dubbo_ack,
    closed=35,
    timeout=31,
    connect=60,
    no_host=60,
    overload=100,
)
BEACON = Speech(
    name="beacon",
    answer=beacon_answer,
    foreign=lambda request: beacon_answer(request, b"x", id=FOREIGN),
    timed=lambda number, milliseconds: beacon_peer.Frame(id=number, service=ECHO, timeout=milliseconds).encode(),
    service=lambda name: beacon_peer.Frame(id=1, service=name).encode(),
    oneway=lambda number: beacon_peer.Frame(beacon_peer.ONEWAY, number, service=ECHO).encode(),
    ack=lambda heartbeat: beacon_peer.Frame(beacon_peer.ACK, int.from_bytes(heartbeat[4:6], "little")).encode(),
    closed=7,
    timeout=6,
    connect=4,
    no_host=3,
    overload=5,
)
SPEECHES = {each.name: each for each in (BOLT, DUBBO, BEACON)}
