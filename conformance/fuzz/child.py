"""One run, in a process that `launch` started: a target's seeds are written, and libFuzzer goes on from there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from conformance.fuzz import engine, seeds
from conformance.fuzz.detection import DetectorTarget
from conformance.fuzz.http1 import Http1Target
from conformance.fuzz.protocol import KEYS, ProtocolTarget
from xproto.registry import load

DETECTOR = "detector"


@dataclass(frozen=True)
class Prepared:
    """A target, what its runs begin with, and the words that its frames are made of."""

    target: engine.Target
    seeds: Iterator[bytes]
    words: Iterator[bytes]


def prepare(name: str, paths: Sequence[str] = (), *, deep: bool = False) -> Prepared:
    """A target by its name. paths: of files that declare protocols. deep: the judges are asked about every input."""
    found = load(list(paths))
    if name == DETECTOR:
        detector = DetectorTarget(list(found.values()))
        return Prepared(detector, detector.seeds(), chain.from_iterable(seeds.words(each, ()) for each in found.values()))
    registered = found[name]
    if name == "http1":
        return Prepared(Http1Target(registered, deep=deep), seeds.seeds(registered), iter(HTTP_WORDS))
    return Prepared(ProtocolTarget(registered, deep=deep), seeds.seeds(registered), seeds.words(registered, KEYS))


HTTP_WORDS = (
    b"GET HEAD POST CONNECT OPTIONS HTTP/1.1 HTTP/1.0 Host: Content-Length: Transfer-Encoding: chunked Connection: close "
    b"keep-alive Upgrade: websocket Expect: 100-continue TE: Trailer: Via: X-Forwarded-For: X-Forwarded-Proto: "
    b"X-Request-ID: Keep-Alive: Proxy-Connection: http:// https:// 200 204 304 101 \r\n\r\n"
).split(b" ")


def main(name: str, own: Path, paths: Sequence[str], arguments: Sequence[str]) -> None:
    """Runs libFuzzer over the target; ends the process. own: the folder for seeds, words and edges."""
    start(prepare(name, paths), own, arguments)


def start(prepared: Prepared, own: Path, arguments: Sequence[str]) -> None:
    """The same for a target that is there already."""
    count = seeds.write_seeds(own / "seeds", prepared.seeds)
    seeds.write_words(own / "words", prepared.words)
    sys.stderr.write(f"{prepared.target.name}: {count} seeds\n")
    engine.run(prepared.target, arguments, str(own / "edges"))
