#!/usr/bin/env python3
"""What it takes to read and to write a header block of HTTP/2: the kernel, and the package `hpack`.

    compression.py

The blocks are those of the stories in `tests/xproto/hpack_stories`, connection by connection, each with its table from the
start on; those that are read nghttp2 wrote. *kernel* is the C that the datapath calls, *called* the same called from Python
once a block, with its Python objects. They are asked whether they agree before anything is measured. All run one after the
other in turns; the fastest turn counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import hpack
from kernel import fastest_ns

from tests.xproto import stories
from xproto.kernel.hpack import Decoder, Encoder, measure_decode, measure_encode

MOST = 2**20
"""Bytes of a list of fields."""
TURNS = 15
ROUNDS = {"kernel": 10, "called": 5, "hpack": 1}
"""Of a turn."""
WANTED = 30
"""Times faster than `hpack`."""
Fields = list[tuple[bytes, bytes]]


def check(blocks: list[list[bytes]], fields: list[list[Fields]]) -> None:
    for story, said in zip(blocks, fields, strict=True):
        ours, theirs, encoder, reader = Decoder(), hpack.Decoder(MOST), Encoder(), hpack.Decoder(MOST)
        for block, wanted in zip(story, said, strict=True):
            found = ours.decode_bytes(block, most=MOST) or []
            if not [(name, value) for name, value, _ in found] == list(theirs.decode(block, raw=True)) == wanted:
                raise SystemExit("compression.py: the decoders do not agree")
            if list(reader.decode(encoder.encode_fields(wanted), raw=True)) != wanted:
                raise SystemExit("compression.py: hpack does not read what was written")


def decoders(blocks: list[list[bytes]]) -> dict[str, Callable[[], Any]]:
    def called() -> None:
        for _ in range(ROUNDS["called"]):
            for story in blocks:
                decode = Decoder().decode_bytes
                for block in story:
                    decode(block)

    def package() -> None:
        for story in blocks:
            decode = hpack.Decoder(MOST).decode
            for block in story:
                decode(block, raw=True)

    return {"kernel": lambda: [measure_decode(story, ROUNDS["kernel"]) for story in blocks], "called": called, "hpack": package}


def encoders(fields: list[list[Fields]]) -> dict[str, Callable[[], Any]]:
    def called() -> None:
        for _ in range(ROUNDS["called"]):
            for story in fields:
                encode = Encoder().encode_fields
                for block in story:
                    encode(block)

    def package() -> None:
        for story in fields:
            encode = hpack.Encoder().encode
            for block in story:
                encode(block)

    return {"kernel": lambda: [measure_encode(story, ROUNDS["kernel"]) for story in fields], "called": called, "hpack": package}


def measure() -> list[dict[str, Any]]:
    fields = list(stories.fields().values())
    blocks = [[block for _, block in story] for story in stories.wires("nghttp2").values()]
    check(blocks, fields)
    count = sum(map(len, blocks))
    rows = []
    for way, works in (("decode", decoders(blocks)), ("encode", encoders(fields))):
        took = fastest_ns({name: (work, count * ROUNDS[name]) for name, work in works.items()}, TURNS)
        ratios = {f"{name}_ratio": took["hpack"] / took[name] for name in ("kernel", "called")}
        rows.append({"way": way, "blocks": count, **took, **ratios})
    return rows


def sizes() -> dict[str, int]:
    """Bytes of all blocks."""
    fields = list(stories.fields().values())
    ours = [Encoder() for _ in fields]
    written = {"fields": sum(len(name) + len(value) for story in fields for block in story for name, value in block)}
    written["ours"] = sum(len(each.encode_fields(block)) for each, story in zip(ours, fields, strict=True) for block in story)
    for name in ("nghttp2", "python-hpack"):
        written[name] = sum(len(block) for story in stories.wires(name).values() for _, block in story)
    return written


def heading() -> str:
    return (
        f"{'':<6}  {'blocks':>6}  {'kernel us':>9}  {'called us':>9}  {'hpack us':>8}  {'hpack/kernel':>12}"
        f"  {'hpack/called':>12}"
    )


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['way']:<6}  {row['blocks']:>6}  {row['kernel'] / 1000:>9.3f}  {row['called'] / 1000:>9.3f}"
        f"  {row['hpack'] / 1000:>8.1f}  {row['kernel_ratio']:>12.1f}  {row['called_ratio']:>12.1f}"
    )


def verdict(rows: list[dict[str, Any]]) -> str:
    slow = [f"{row['way']} ({row['kernel_ratio']:.0f})" for row in rows if row["kernel_ratio"] < WANTED]
    return f"{WANTED} times faster than hpack: " + (f"not {', '.join(slow)}" if slow else "both ways")


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    rows, written = measure(), sizes()
    if a.json:
        print(json.dumps({"rows": rows, "bytes": written}))
        return 0
    print("\n".join([heading(), *map(line, rows), "", verdict(rows), ""]))
    print("bytes of all blocks: " + ", ".join(f"{name} {size:,}" for name, size in written.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
