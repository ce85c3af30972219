#!/usr/bin/env python3
"""Nanoseconds of one answer of the detector, with a dozen protocols; and how long their proof takes.

    PYTHONPATH=. python bench/detect.py

The figures include the call from Python, which is most of them.
"""

from __future__ import annotations

import sys
import time
import timeit
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.autodetect.declarations import FAMILY
from xproto.autodetect import Detector, prove
from xproto.autodetect.proof import common
from xproto.autodetect.strangers import PREFACE
from xproto.registry import load

CALLS = 200_000
CASES = {
    "nothing yet": b"",
    "dubbo": b"\xda\xbb\xc2\x00",
    "bolt": b"\x01\x01\x00\x01\x01",
    "behind a length": b"\x00\x00\x00\x20\x10\x01",
    "half a length": b"\x00\x00\x00",
    "http1": b"PROPFIND / HTTP/1.1\r\n",
    "http2": PREFACE,
    "tls": b"\x16\x03\x01\x02\x00\x01",
    "nobody's": b"\xff\xff\xff\xff",
}


def main() -> None:
    everyone = list({**load(), **FAMILY}.values())
    detector = Detector(everyone, proxy=True)
    print(f"{len(detector.names)} names, {sum(len(each.cubes) for each in everyone)} cubes of {len(everyone)} protocols")
    for name, data in CASES.items():
        best = min(timeit.repeat(lambda data=data: detector.detect(data), number=CALLS, repeat=3))  # type: ignore[misc]
        print(f"{name:16} {best / CALLS * 1e9:6.0f} ns  {detector.detect(data)}")
    common.cache_clear()
    before = time.perf_counter()
    prove(everyone, 64, proxy=True)
    first = time.perf_counter()
    prove(everyone, 64, proxy=True)
    print(f"proof            {(first - before) * 1e3:6.2f} ms, again {(time.perf_counter() - first) * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
