"""One run, in a process that `launch` started: a target's seeds are written, and libFuzzer goes on from there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from conformance.fuzz import engine, seeds
from conformance.fuzz.detection import DetectorTarget
from conformance.fuzz.http1 import Http1Target
from conformance.fuzz.protocol import KEYS, ProtocolTarget
from xproto.registry import Registered, load

DETECTOR = "detector"


def target(name: str, paths: Sequence[str] = (), *, deep: bool = False) -> tuple[engine.Target, Iterator[bytes], Iterator[bytes]]:
    """A target by its name, its seeds and its words. paths: of files that declare protocols."""
    found = load(list(paths))
    if name == DETECTOR:
        detector = DetectorTarget(list(found.values()))
        return detector, detector.seeds(), chain.from_iterable(seeds.words(each, ()) for each in found.values())
    registered = found[name]
    made = (Http1Target if name == "http1" else ProtocolTarget)(registered, deep=deep)
    return made, seeds.seeds(registered), _words(registered)


def _words(registered: Registered) -> Iterator[bytes]:
    own = HTTP_WORDS if registered.protocol.name == "http1" else ()
    return chain(seeds.words(registered, KEYS), own)


HTTP_WORDS = tuple(
    word.encode("latin-1").decode("unicode_escape").encode("latin-1")
    for word in (
        "GET HEAD POST CONNECT OPTIONS HTTP/1.1 HTTP/1.0 Host: Content-Length: Transfer-Encoding: chunked Connection: close "
        "keep-alive Upgrade: websocket Expect: 100-continue TE: Trailer: Via: X-Forwarded-For: X-Forwarded-Proto: "
        "X-Request-ID: Keep-Alive: Proxy-Connection: http:// https:// 200 204 304 101 \\r\\n \\r\\n\\r\\n"
    ).split(" ")
)


def main(name: str, folder: Path, paths: Sequence[str], arguments: Sequence[str]) -> None:
    """Runs libFuzzer over the target; ends the process. folder: of this target, below build/fuzz."""
    import xproto.kernel.codec as kernel

    assert Path(kernel.__file__).is_relative_to(folder.parents[1]), f"{kernel.__file__} is not the kernel to be fuzzed"
    found, inputs, known = target(name, paths)
    count = seeds.write_seeds(folder / "seeds", inputs)
    seeds.write_words(folder / "words", known)
    sys.stderr.write(f"{name}: {count} seeds\n")
    engine.run(found, arguments, str(folder / "edges"))
