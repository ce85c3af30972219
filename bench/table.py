#!/usr/bin/env python3
"""`make bench`: one table, this proxy beside every installed peer, in one run; then the figures to reach.

    table.py                                 # some 40 minutes
    table.py --quick                         # one short round: to see that everything works, not to quote
    table.py --ours ''                       # the peers alone

Exit 1 if a call through this proxy went wrong or, unless quick, a figure was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import Any

import compare
import detection
import hold
import http2
import idle
import isolation
import kernel
import measure
import policy
import readers
import rotation
import routes
import secure
import web
from compare import new_folder, progress
from figures import HEADING, Figure, Results, figures
from ours import Ours
from processes import StartError, pick_ports
from turns import ROUNDS, Turns

PROTOCOLS = ("bolt", "boltv2", "dubbo", "thrift", "thrift-compact", "tars", *http2.PROTOCOLS)
DEPTHS = (1, 16)
QUICK_CERTIFICATES = 100
"""That are replaced in a quick run."""
COLUMNS = ("proto", "peer", "cpu us d1", "ratio", "cpu us d16", "ratio", "calls/s d16", "p99 us d1", "p99 us d16",
           "PSS MB", "idle B/conn", "faults")  # fmt: skip


def run(bench: measure.Bench, ours: Ours | None, secs: float, conns: int) -> Results:
    results = Results()
    for proto in PROTOCOLS:
        for depth in measure.depths(proto, DEPTHS):
            commands = bench.contenders(proto, ours and ours.at_depth(proto, depth), [1])
            results.calls += bench.compare(commands, measure.Load(proto, depth=depth, secs=secs))
        if proto in {"bolt", "dubbo"}:
            once = dataclasses.replace(bench, rounds=1)
            results.idle += idle.measure_all(once, commands, proto, conns)
    results.web = web.measure_sizes(bench, ours, secs)
    results.idle += web.measure_idle(bench, ours, conns)
    replaced = (rotation.SECONDS, rotation.COUNT) if bench.rounds > 1 else (secs, QUICK_CERTIFICATES)
    results.secure = secure.measure_parts(secure.Secure(bench, ours, secs, conns, *replaced))
    if ours:
        run_alone(results, bench, ours.command, conns)
    bench.say("")
    return results


def run_alone(results: Results, bench: measure.Bench, command: str, conns: int) -> None:
    """What is measured of this proxy without a peer beside it."""
    many = ROUNDS if bench.rounds > 1 else 1
    turns = Turns(command, bench.folder, many, bench.say)
    for proto in ("bolt", "dubbo"):
        results.routes += routes.measure_routes(turns, proto)
    results.policy = policy.measure_parts(turns, bench.rounds)
    results.detection = [
        detection.measure_detection(command, proto, bench.folder, many, bench.say) for proto in ("bolt", "thrift")
    ]
    results.isolation = isolation.measure_cases(command, bench.rounds, bench.folder, bench.say)
    results.hold = hold.measure_all(command, bench.folder, bench.say, conns, hold.FEED_MB * conns // hold.CONNS)
    bench.say("kernel")
    results.kernel = kernel.measure_frames()
    bench.say("readers")
    results.readers = readers.measure_readers()


def cells(results: Results) -> Iterator[list[str]]:
    rows: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for row in results.calls:
        rows.setdefault((row["proto"], row["peer"]), {})[row["depth"]] = row
    each = {(row["proto"], row["peer"]): row["each"] for row in results.idle}
    for (proto, peer), by_depth in rows.items():
        one, deep = by_depth.get(1), by_depth.get(16)
        if one and deep:
            yield [
                proto, peer, f"{one['cpu_us']:.1f}", f"{one['ratio']:.2f}", f"{deep['cpu_us']:.2f}",
                f"{deep['ratio']:.2f}", f"{deep['rps']:,.0f}", f"{one['p99_us']:,.0f}", f"{deep['p99_us']:,.0f}",
                f"{max(one['pss_mb'], deep['pss_mb']):.1f}",
                f"{each[proto, peer]:,.0f}" if (proto, peer) in each else "", str(one["faults"] + deep["faults"]),
            ]  # fmt: skip


def markdown(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]

    def line(words: list[str]) -> str:
        padded = (f"{w:<{n}}" if at < 2 else f"{w:>{n}}" for at, (w, n) in enumerate(zip(words, widths, strict=True)))
        return f"| {' | '.join(padded)} |"

    rule = "|".join(f"{'-' * (n + 2)}" if at < 2 else f"{'-' * (n + 1)}:" for at, n in enumerate(widths))
    return "\n".join([line(list(COLUMNS)), f"|{rule}|", *map(line, rows)])


def report(results: Results, found: list[Figure], conns: int) -> str:
    parts = [markdown(list(cells(results)))]
    if streams := [row for row in results.calls if row["proto"] in http2.STREAMS]:
        parts.append("\n".join([compare.heading(), *map(compare.line, streams)]))
    if results.web:
        parts.append("\n".join([web.heading(), *map(web.line, results.web)]))
    parts.append(secure.tables(results.secure, conns))
    if results.kernel:
        parts.append("\n".join([kernel.heading(), *map(kernel.line, results.kernel)]))
    if results.readers:
        parts.append("\n".join([readers.heading(), *map(readers.line, results.readers)]))
    if results.routes:
        parts.append("\n".join(map(routes.line, results.routes)))
    if results.policy:
        parts.append("\n".join(policy.lines(results.policy)))
    if results.detection:
        parts.append("\n".join(map(detection.line, results.detection)))
    if results.isolation:
        parts.append("\n".join([isolation.heading(), *map(isolation.line, results.isolation)]))
    if results.hold:
        parts.append(hold.lines(results.hold))
    parts.append("\n".join([HEADING, *(figure.line() for figure in found)]))
    return "\n\n".join(parts)


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--secs", type=float, default=3)
    ap.add_argument("--conns", type=int, default=2000, help="idle connections")
    ap.add_argument("--quick", action="store_true", help="one round of one second, 200 idle connections")
    ap.add_argument("--ports", type=pick_ports, default="auto", help="BACKEND,FRONT (default: two free ones)")
    a = ap.parse_args()
    measure.build(*PROTOCOLS)
    bench = measure.Bench(a.ports, new_folder(), 1 if a.quick else a.rounds, progress)
    ours = Ours(a.ours) if a.ours else None
    conns = 200 if a.quick else a.conns
    results = run(bench, ours, 1.0 if a.quick else a.secs, conns)
    (bench.folder / "results.json").write_text(json.dumps(dataclasses.asdict(results), indent=1))
    found = list(figures(results, measure.ratio))
    print(report(results, found, conns))
    runs = [*results.calls, *results.web, *secure.disturbed(results.secure)]
    print("\n" + (measure.disturbance(runs) or "The machine was quiet."))
    print(f"All figures, logs and configurations: {bench.folder}")
    # One short round is too noisy to miss a figure by.
    binding = [figure for figure in found if figure.name.startswith("faults") or not a.quick]
    return 1 if any(figure.reached is False for figure in binding) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"table.py: {error}")
