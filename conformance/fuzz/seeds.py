"""What a run begins with: the vectors, and what is derived of them from the Plan; and the words that its frames are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from conformance.generate.derived import Vector, covering, derive
from conformance.generate.examples import collect, curated, strategy
from conformance.judges.interpreter import run
from conformance.judges.trace import members
from conformance.outcome import Complete
from conformance.subject import Subject
from xproto.kernel.codec import Frame
from xproto.plan import Op, OpCode
from xproto.registry import Registered

LONGEST = 4096
"""Of an input, in bytes: longer ones are slower, and take the same ways."""
DERIVED = 600
"""Seeds from each Plan; libFuzzer makes the others by itself."""
DRAWN = 60
ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"


def vectors() -> dict[str, list[bytes]]:
    """Every golden vector, by the folder that it is in."""
    found: dict[str, list[bytes]] = {}
    for index in sorted(VECTORS.glob("*/index.json")):
        entries = json.loads(index.read_text())
        found[index.parent.name] = [(index.parent / entry["file"]).read_bytes() for entry in entries]
    return found


def seeds(registered: Registered) -> Iterator[bytes]:
    """Inputs for one protocol: its frames, whoever made them, and attacks on them."""
    subjects = Subject.of(registered, 0), Subject.of(registered, 1)
    frames = [data for data in _candidates(registered) if len(data) <= LONGEST and _whole(subjects, data)]
    if not frames:
        frames = collect(strategy(registered.lowered), DRAWN)
    yield from frames
    lowered = registered.lowered
    for plan in (lowered.verify, lowered.scan):
        read = [frame for frame in covering(plan, frames) if run(plan, frame).outcome == Complete(len(frame))]
        for vector in _spread(list(derive(plan, read, lowered.verify)), DERIVED):
            if len(vector.data) <= LONGEST:
                yield vector.data


def _candidates(registered: Registered) -> Iterable[bytes]:
    """Frames of all vectors: the forms of a protocol are in one folder, and other protocols' are tried in vain."""
    own = EXAMPLES.get(registered.protocol.name, ())
    return (*curated(registered.lowered), *own, *(data for frames in vectors().values() for data in frames))


def _whole(subjects: tuple[Subject, Subject], data: bytes) -> bool:
    return any(isinstance(found := each.scan(data), Frame) and found.size == len(data) for each in subjects)


def _spread(of: Sequence[Vector], count: int) -> Sequence[Vector]:
    """At most `count` of them, from beginning to end."""
    return of[:: max(1, -(-len(of) // count))]


def words(registered: Registered, keys: Iterable[str]) -> Iterator[bytes]:
    """What the Plan compares bytes with, and the names of headers: libFuzzer puts them where they may help."""
    for op in registered.lowered.verify.ops:
        yield from _constants(op)
    yield from (key.encode() for key in keys)


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


EXAMPLES: dict[str, tuple[bytes, ...]] = {
    "http1": (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        b"POST http://b:80/c HTTP/1.1\r\nHost: b:80\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n"
        b"5;a=b\r\nhello\r\n1F\r\n" + b"x" * 31 + b"\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nVia: 1.1 p\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: "x"\r\n\r\n',
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.0 404 Not \xe9 Found\r\n\r\nuntil the end",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    )
}
"""Messages to begin with, of protocols whose frames cannot be built from their fields."""
