#!/usr/bin/env python3
"""What the kernel needs for a frame, beside construct's own `parse` of the same declaration.

    kernel.py

`scan` finds a frame's end, kind and id; `+ keys` also looks up service and method: what the datapath does for a call.
`verify` checks everything that construct checks. The ratio is construct's time to that of scan and keys. The frames are
those of the load generator (256-byte bodies), one at a time, in the processor's cache; the fastest of several turns
counts, since a turn can only be disturbed to be slower.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import measure
from idle import frame

from xproto.registry import load

SCAN, VERIFY, LOOKUP = range(3)
"""Products, as `Codec.measure` numbers them."""
KEYS = ("service", "method")
CODEC_OF = {"bolt": "bolt", "boltv2": "bolt", "dubbo": "dubbo"}
TURNS = 15
KERNEL_ROUNDS = 50_000
CONSTRUCT_ROUNDS = 300


def fastest_ns(works: dict[str, tuple[Callable[[], Any], int]], turns: int = TURNS) -> dict[str, float]:
    """ns for each of the things that each work does so many of. The works take turns: a slow spell is everybody's."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(turns):
        for name, (work, count) in works.items():
            start = time.perf_counter_ns()
            work()
            best[name] = min(best[name], (time.perf_counter_ns() - start) / count)
    return best


def measure_frames() -> list[dict[str, Any]]:
    measure.build()
    registered = load()
    rows = []
    for proto, name in CODEC_OF.items():
        data = frame(proto)
        codec = registered[name].codec
        layout = registered[name].protocol.frame
        lookup = codec.lookup(KEYS)
        check(proto, data, codec.scan_bytes(data), lookup.find_bytes(data))

        def kernel(product: int, codec: Any = codec, data: bytes = data, lookup: Any = lookup) -> tuple[Callable[[], Any], int]:
            return lambda: codec.measure(data, KERNEL_ROUNDS, product, lookup), KERNEL_ROUNDS

        def parse(layout: Any = layout, data: bytes = data) -> None:
            for _ in range(CONSTRUCT_ROUNDS):
                layout.parse(data)

        took = fastest_ns(
            {"scan": kernel(SCAN), "keys": kernel(LOOKUP), "verify": kernel(VERIFY), "construct": (parse, CONSTRUCT_ROUNDS)}
        )
        scan, keys, verify, construct = took["scan"], took["keys"], took["verify"], took["construct"]
        rows.append(
            {
                "proto": proto,
                "bytes": len(data),
                "scan": scan,
                "keys": scan + keys,
                "verify": verify,
                "construct": construct,
                "ratio": construct / (scan + keys),
            }
        )
    return rows


def check(proto: str, data: bytes, scanned: Any, values: tuple[bytes | None, ...]) -> None:
    """A figure of a kernel that reads something else would be worthless."""
    service = values[0] or b""
    if scanned.size != len(data) or not service.startswith(b"com.test.EchoService") or values[1] != b"echo":
        raise SystemExit(f"kernel.py: {proto}: the kernel read {scanned} of {len(data)} bytes and {values}")


def heading() -> str:
    return f"{'proto':<8}  {'bytes':>5}  {'scan ns':>8}  {'+ keys ns':>9}  {'verify ns':>9}  {'construct ns':>12}  {'ratio':>6}"


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['proto']:<8}  {row['bytes']:>5}  {row['scan']:>8.1f}  {row['keys']:>9.1f}  {row['verify']:>9.1f}"
        f"  {row['construct']:>12.0f}  {row['ratio']:>6.0f}"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    rows = measure_frames()
    print(json.dumps(rows) if a.json else "\n".join([heading(), *map(line, rows)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
