#!/usr/bin/env python3
"""What it takes to read a request's header: the kernel, construct's `parse`, and Python written by hand.

    readers.py

Of the same recorded frame of each protocol all find its size, kind, id, timeout, service and method, and are asked
whether they agree before anything is measured. *kernel* is a scan and a lookup of the keys, many times over in C, as the
datapath calls them; *called* is the same called from Python once a frame, with its Python objects. *construct* parses the
declaration's whole frame; *fields* a layout of construct's with nothing but what is asked for. *by hand* is
`by_hand.py`. One frame at a time, in the processor's cache; the fastest of several turns counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from by_hand import HEARTBEAT, ONEWAY, READERS, REQUEST, Read
from construct import Bytes, Const, Construct, FixedSized, If, Int8ub, Int16ub, Int32sb, Int32ub, Int64ub, Struct, this
from kernel import fastest_ns

from conformance.golden import FOLDER, load
from xproto.registry import Registered
from xproto.registry import load as protocols
from xproto.wire import HessianArguments, HessianMap, HessianText, JceBytes, JceInteger, JceText, KeyValues

SCAN, LOOKUP = 0, 2
"""Products, as `Codec.measure` numbers them."""
ROUNDS = {"kernel": 1_000, "called": 500, "by hand": 500, "fields": 10, "construct": 10}
"""Of a turn: so few that it is over before the machine turns to something else."""
TURNS = 200
FRAMES = {
    "bolt": "java-v1-echo-request",
    "dubbo": "java-echo-request",
    "thrift": "thriftpy2-thrift-add-request",
    "tars": "go-go-echo-request",
}
WANTED = 300
"""Times faster than construct's `parse`."""

_TEXT = "dubbo" / HessianText(), "path" / HessianText(), "version" / HessianText(), "method" / HessianText()
FIELDS: dict[str, Construct] = {
    "bolt": Struct(
        "proto" / Int8ub, "ver1" / If(this.proto == 2, Int8ub), "type" / Int8ub, "command" / Int16ub, Bytes(1), "id" / Int32ub,
        Bytes(1), "switch" / If(this.proto == 2, Int8ub), "timeout" / Int32sb, "class_len" / Int16ub, "header_len" / Int16ub,
        "content_len" / Int32ub, Bytes(this.class_len), "headers" / FixedSized(this.header_len, KeyValues(Int32sb)),
    ),
    "dubbo": Struct(
        "magic" / Const(b"\xda\xbb"), "flags" / Int8ub, "status" / Int8ub, "id" / Int64ub, "length" / Int32sb,
        "body" / FixedSized(this.length, Struct(
            *_TEXT, "types" / HessianText(), "arguments" / HessianArguments(this.types), "attachments" / HessianMap(),
        )),
    ),
    "thrift": Struct(
        "size" / Int32sb, "version" / Const(b"\x80\x01\x00"), "type" / Int8ub, "name_size" / Int32ub,
        "name" / Bytes(this.name_size), "id" / Int32ub,
    ),
    "tars": Struct(
        "size" / Int32ub,
        "body" / FixedSized(this.size - 4, Struct(
            "version" / JceInteger(1), "oneway" / JceInteger(2), "message_type" / JceInteger(3), "id" / JceInteger(4),
            "servant" / JceText(5), "function" / JceText(6), "buffer" / JceBytes(7), "timeout" / JceInteger(8),
        )),
    ),
}  # fmt: skip


def by_fields(name: str, found: Any) -> Read:
    """What the layouts of `FIELDS` say, as all readers say it."""
    if name == "bolt":
        said = dict(found.headers)
        size = 22 if found.proto == 1 else 24 + 4 * (found.switch & 1)
        size += found.class_len + found.header_len + found.content_len
        kind = {(1, 1): REQUEST, (2, 1): ONEWAY, (1, 0): HEARTBEAT}[found.type, found.command]
        return size, kind, found.id, found.timeout, encoded(said.get("service")), encoded(said.get("sofa_head_method_name"))
    if name == "dubbo":
        said = dict(found.body.attachments)
        kind = HEARTBEAT if found.flags & 0x20 else REQUEST if found.flags & 0x40 else ONEWAY
        service, method = encoded(said.get("path", found.body.path)), encoded(found.body.method)
        return 16 + found.length, kind, found.id, int(said.get("timeout", 0)), service, method
    if name == "thrift":
        service, colon, method = found.name.partition(b":")
        kind = {1: REQUEST, 4: ONEWAY}[found.type]
        return found.size + 4, kind, found.id, 0, service if colon else None, method if colon else service
    body = found.body
    kind = ONEWAY if body.oneway else HEARTBEAT if body.function == b"tars_ping" else REQUEST
    return found.size, kind, body.id, body.timeout, body.servant, body.function


def encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def called(registered: Registered) -> Callable[[bytes], Read]:
    """The kernel, called from Python."""
    codec = registered.codec
    find = codec.lookup(keys(registered)).find_bytes
    scan = codec.scan_bytes

    def read(data: bytes) -> Read:
        frame = scan(data)
        service, method, *timeout = find(data)
        return frame.size, frame.kind, frame.id, int(timeout[0] or 0) if timeout else frame.timeout, service, method

    return read


def keys(registered: Registered) -> tuple[str, ...]:
    key = registered.codec.timeout_key
    return ("service", "method", key) if key else ("service", "method")


def repeated(work: Callable[[bytes], Any], data: bytes, rounds: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(rounds):
            work(data)

    return run


def measure_reader(name: str, registered: Registered) -> dict[str, Any]:
    data = next(vector.data for vector in load(FOLDER / name) if vector.name == FRAMES[name])
    codec, layout, whole = registered.codec, FIELDS[name], registered.protocol.frame
    lookup = codec.lookup(keys(registered))
    answers = {
        "called": called(registered)(data), "by hand": READERS[name](data), "fields": by_fields(name, layout.parse(data)),
    }  # fmt: skip
    if len(set(answers.values())) != 1 or answers["called"][0] != len(data):
        raise SystemExit(f"readers.py: {name}: they do not agree: {answers}")

    def kernel() -> None:
        codec.measure(data, ROUNDS["kernel"], SCAN, lookup)
        codec.measure(data, ROUNDS["kernel"], LOOKUP, lookup)

    works = {"called": called(registered), "by hand": READERS[name], "fields": layout.parse, "construct": whole.parse}
    took = fastest_ns({
        "kernel": (kernel, ROUNDS["kernel"]),
        **{
            each: (repeated(work, data, ROUNDS[each]), ROUNDS[each]) for each, work in works.items()
        },
    }, TURNS)  # fmt: skip
    ratios = {f"{each}_ratio": took[each] / took["kernel"] for each in ("construct", "fields", "by hand")}
    return {"proto": name, "bytes": len(data), **took, **ratios}


def measure_readers() -> list[dict[str, Any]]:
    known = protocols()
    return [measure_reader(name, known[name]) for name in FRAMES]


def heading() -> str:
    return (
        f"{'proto':<8}  {'bytes':>5}  {'kernel ns':>9}  {'called':>7}  {'by hand':>8}  {'fields':>8}  {'construct':>9}"
        f"  {'construct/kernel':>16}  {'fields/kernel':>13}  {'by hand/kernel':>14}"
    )


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['proto']:<8}  {row['bytes']:>5}  {row['kernel']:>9.1f}  {row['called']:>7,.0f}  {row['by hand']:>8,.0f}"
        f"  {row['fields']:>8,.0f}  {row['construct']:>9,.0f}  {row['construct_ratio']:>16.0f}  {row['fields_ratio']:>13.0f}"
        f"  {row['by hand_ratio']:>14.1f}"
    )


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """Which figures hold."""
    slow = [f"{row['proto']} ({row['construct_ratio']:.0f})" for row in rows if row["construct_ratio"] < WANTED]
    behind = [row["proto"] for row in rows if row["by hand_ratio"] <= 1]
    called_behind = [row["proto"] for row in rows if row["called"] > row["by hand"]]
    return [
        f"{WANTED} times faster than construct's parse: " + (f"not {', '.join(slow)}" if slow else "all"),
        "faster than Python by hand: " + (f"not {', '.join(behind)}" if behind else "all"),
        "faster than it when called from Python: " + (f"not {', '.join(called_behind)}" if called_behind else "all"),
    ]


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    rows = measure_readers()
    print(json.dumps(rows) if a.json else "\n".join([heading(), *map(line, rows), "", *verdicts(rows)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
