"""What a run begins with: the vectors, and what is derived of them from the Plan; and the words that its frames are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from conformance.generate.derived import Vector, covering, derive
from conformance.generate.examples import collect, curated, strategy
from conformance.judges.trace import members
from conformance.judging import vectors_of
from conformance.subject import Subject
from xproto.autodetect.strangers import PROXIES, STRANGERS
from xproto.kernel.codec import Frame
from xproto.plan import Op, OpCode
from xproto.registry import Registered, load

LONGEST = 4096
"""Of an input, in bytes: longer ones are slower, and take the same ways."""
DERIVED = 600
"""Seeds from each Plan; libFuzzer makes the others by itself."""
DRAWN = 60
DETECTOR = "detector"
LONGEST_BEGINNING = 96
"""Of an input of the detector, in bytes: more than any signature, and than most headers of the PROXY protocol."""
KEYS = ("service", "method", "group", "k", "version", "client_id", "dest")
HTTP_KEYS = (
    "http_method", "path", "query", "query.a", "host", ":authority", "x-forwarded-for", "cookie", "cookie.a", "connection",
)  # fmt: skip


def write(name: str, paths: Sequence[str], own: Path) -> int:
    """Writes a target's seeds and words into its folder. Returns how many seeds there are."""
    loaded = load(list(paths))
    protocols = list(loaded.values()) if name == DETECTOR else [loaded[name]]
    inputs = detector_seeds(protocols) if name == DETECTOR else seeds(protocols[0])
    write_words(own / "words", (word for each in protocols for word in words(each)))
    return write_seeds(own / "seeds", inputs)


def seeds(registered: Registered) -> Iterator[bytes]:
    """Inputs for one protocol: its frames, whoever made them, and attacks on them."""
    lowered = registered.lowered
    found = [vector.data for vector in vectors_of(registered) if len(vector.data) <= LONGEST]
    yield from found
    attacked: set[tuple[str, bytes]] = set()
    for direction in (0, 1):
        subject = Subject.of(registered, direction)
        frames = [data for data in (*found, *curated(lowered, direction)) if _whole(subject, data)]
        frames = frames or collect(strategy(lowered, direction), DRAWN)
        yield from frames
        for plan in (lowered.verify, lowered.scan):
            telling = [f for f in covering(plan, frames, 1, direction=direction) if (plan.product, f) not in attacked]
            attacked |= {(plan.product, frame) for frame in telling}
            attacks = list(derive(plan, telling, lowered.verify, direction=direction))
            yield from (vector.data for vector in _spread(attacks, DERIVED) if len(vector.data) <= LONGEST)


def detector_seeds(protocols: Sequence[Registered]) -> Iterator[bytes]:
    """The beginnings of every vector, and of what is no protocol of ours."""
    for each in protocols:
        yield from (vector.data[:LONGEST_BEGINNING] for vector in vectors_of(each))
    for forms in (*STRANGERS.values(), *PROXIES.values()):
        yield from (bytes((allowed & -allowed).bit_length() - 1 for allowed in cube) for cube in forms)
    yield from PREAMBLES


def _whole(subject: Subject, data: bytes) -> bool:
    found = subject.scan(data)
    return isinstance(found, Frame) and found.size == len(data) <= LONGEST


def _spread(of: Sequence[Vector], count: int) -> Sequence[Vector]:
    """At most `count` of them, from beginning to end."""
    return of[:: max(1, -(-len(of) // count))]


def words(registered: Registered) -> Iterator[bytes]:
    """What the Plan compares bytes with, and the names of headers: libFuzzer puts them where they may help."""
    for op in registered.lowered.verify.ops:
        yield from _constants(op)
    yield from (key.encode() for key in keys(registered))
    yield from HTTP_WORDS if registered.protocol.name == "http1" else ()


def keys(registered: Registered) -> tuple[str, ...]:
    """Keys that are looked up in every frame."""
    return HTTP_KEYS if registered.protocol.name == "http1" else KEYS


def _constants(op: Op) -> Iterator[bytes]:
    if op.code is OpCode.LITERAL:
        yield op.data
    elif op.code is OpCode.MEMBER:
        for value in members(op)[:32]:
            yield value.to_bytes(8, "big", signed=True).lstrip(b"\0") or b"\0"
    yield from (name for name, _ in op.keys)


def write_seeds(folder: Path, inputs: Iterable[bytes]) -> int:
    """A file for each different input, named by its hash, as libFuzzer does. Returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for data in inputs:
        path = folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()
        if not path.exists():
            path.write_bytes(data)
        count += 1
    return count


def write_words(path: Path, found: Iterable[bytes]) -> None:
    """A dictionary as libFuzzer reads it."""
    lines = {'"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in found if 0 < len(word) <= 64}
    path.write_text("\n".join(sorted(lines)) + "\n")


PREAMBLES = (
    b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
    b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    bytes.fromhex("16030100450100004103030000000000000000000000000000000000000000000000000000000000000000000002130101000016")
    + bytes.fromhex("0000000900070000046161626300100005000302683200"),
)
"""Headers of the PROXY protocol, and the beginning of a ClientHello."""
HTTP_WORDS = (
    b"GET HEAD POST CONNECT OPTIONS HTTP/1.1 HTTP/1.0 Host: Content-Length: Transfer-Encoding: chunked Connection: close "
    b"keep-alive Upgrade: websocket Expect: 100-continue TE: Trailer: Via: X-Forwarded-For: X-Forwarded-Proto: "
    b"X-Request-ID: Keep-Alive: Proxy-Connection: http:// https:// 200 204 304 101 \r\n\r\n"
).split(b" ")
