#!/usr/bin/env python3
"""TLS 1.3 beside HAProxy, nginx and Envoy: what it adds to a request, to a connection and to a change of certificates.

    secure.py                                # all parts: about eight minutes
    secure.py handshakes idle                # some of them
    secure.py --rounds 1 --secs 1            # to see that it works
    secure.py --ours ''                      # the peers alone

- `https`: HTTP/1.1, one request at a time on each of 32 connections that stay, bodies of 256 bytes both ways.
- `handshakes`: a connection for each request, first with full handshakes, then with resumed ones.
- `bolt`: 16 calls in flight on each connection, over TLS and in plaintext, of one and the same proxy.
- `idle`: memory of 2,000 connections that made one request each and wait.
- `rotation`: 1,000 certificates replaced at once, see rotation.py.

Everybody presents one certificate (P-256) and gets the same offer: TLS 1.3, one suite, one group.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import certificates
import idle
import measure
import rotation
from compare import new_folder, progress
from figures import HEADING, secure_faults, secured
from ours import Ours
from peers import TLS_PEERS
from processes import StartError, pick_ports

HTTPS = measure.Load("http1", options=("--tls",))
FULL = dataclasses.replace(HTTPS, size=64, options=("--tls", "--connect-per-call"))
RESUMED = dataclasses.replace(FULL, options=(*FULL.options, "--resume"))
BOLT = measure.Load("bolt", depth=16)
TITLES = {
    "https": "HTTP/1.1 requests",
    "handshakes": "full handshakes",
    "resumed": "resumed handshakes",
    "bolt": "Bolt calls, depth 16",
}
CONNS = 2000


@dataclasses.dataclass(frozen=True)
class Secure:
    """How each part is measured."""

    bench: measure.Bench
    ours: Ours | None
    """Without certificates."""
    secs: float
    conns: int = CONNS
    """That are idle."""
    seconds: float = rotation.SECONDS
    count: int = rotation.COUNT
    """Of certificates that are replaced."""

    def contenders(self, proto: str) -> dict[str, list[str]]:
        return self.bench.contenders(proto, self._over_tls(), [1], TLS_PEERS[proto])

    def _over_tls(self) -> Ours | None:
        return self.ours and dataclasses.replace(self.ours, pairs=[certificates.of_run(self.bench.folder)])

    def https(self) -> dict[str, list[dict[str, Any]]]:
        return {"https": self._compare("https", self.contenders("http1"), HTTPS)}

    def handshakes(self) -> dict[str, list[dict[str, Any]]]:
        commands = self.contenders("http1")
        return {part: self._compare(part, commands, load) for part, load in (("handshakes", FULL), ("resumed", RESUMED))}

    def bolt(self) -> dict[str, list[dict[str, Any]]]:
        """The ratio is to the same proxy's in plaintext."""
        plain = self.bench.contenders("bolt", self.ours, [1], ["haproxy-tcp"])
        over = {{"ours": "ours-tls"}.get(name, name): command for name, command in self.contenders("bolt").items()}
        pairs = {"haproxy-tls": "haproxy-tcp", "ours-tls": "ours"}
        own = {name: dataclasses.replace(BOLT, secs=self.secs, options=("--tls",)) for name in over}
        rows = self._compare("bolt", plain | over, BOLT, own)
        cpu = {row["peer"]: row["cpu_rounds"] for row in rows}
        for row in rows:
            row["ratio"] = measure.ratio(row["cpu_rounds"], cpu[pairs.get(row["peer"], row["peer"])])
        return {"bolt": rows}

    def idle(self) -> dict[str, list[dict[str, Any]]]:
        once = dataclasses.replace(self.bench, rounds=1)
        return {"idle": idle.measure_all(once, self.contenders("http1"), "http1", self.conns, idle.trusting())}

    def rotation(self) -> dict[str, list[dict[str, Any]]]:
        return {"rotation": rotation.measure_rotation(self.bench, self.ours, self.seconds, self.count)}

    def _compare(
        self, part: str, commands: dict[str, list[str]], load: measure.Load, own: Mapping[str, measure.Load] | None = None
    ) -> list[dict[str, Any]]:
        bench = dataclasses.replace(self.bench, say=lambda text: self.bench.say(f"{TITLES[part]}: {text}"))
        return bench.compare(commands, dataclasses.replace(load, secs=self.secs), own)


PARTS: dict[str, Callable[[Secure], dict[str, list[dict[str, Any]]]]] = {
    "https": Secure.https,
    "handshakes": Secure.handshakes,
    "bolt": Secure.bolt,
    "idle": Secure.idle,
    "rotation": Secure.rotation,
}


def measure_parts(secure: Secure, parts: Iterable[str] = PARTS) -> dict[str, list[dict[str, Any]]]:
    """Rows by part; handshakes make two. Raises StartError."""
    return {name: rows for part in parts for name, rows in PARTS[part](secure).items()}


def disturbed(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows that tell how quiet the machine was."""
    return [row for part, rows in found.items() if part != "idle" for row in rows]


def heading() -> str:
    return (
        f"{'over TLS 1.3':<20}  {'peer':<13} {'cpu us':>9} {'ratio':>6} {'a cpu second':>12} {'calls/s':>9} "
        f"{'p99 us':>8} {'PSS MB':>7} {'resumed':>7} {'faults':>6}"
    )


def line(title: str, row: dict[str, Any]) -> str:
    errors = f"  {'; '.join(row['errors'])}" if row["errors"] else ""
    return (
        f"{title:<20}  {row['peer']:<13} {row['cpu_us']:>9.2f} {row['ratio']:>6.2f} "
        f"{1e6 / row['cpu_us'] if row['cpu_us'] else 0:>12,.0f} {row['rps']:>9,.0f} {row['p99_us']:>8,.0f} "
        f"{row['pss_mb']:>7.1f} {row['resumed']:>7.0%} {row['faults']:>6}{errors}"
    )


def tables(found: dict[str, list[dict[str, Any]]], conns: int) -> str:
    parts = []
    calls = [line(title, row) for part, title in TITLES.items() for row in found.get(part, ())]
    if calls:
        parts.append("\n".join([heading(), *calls]))
    if found.get("idle"):
        parts.append("\n".join([idle.heading(conns), *map(idle.line, found["idle"])]))
    if found.get("rotation"):
        parts.append("\n".join([rotation.heading(), *map(rotation.line, found["rotation"])]))
    return "\n\n".join(parts)


def verdict(found: dict[str, list[dict[str, Any]]]) -> Sequence[str]:
    """The figures that were measured."""
    lines = [figure.line() for figure in secured(found, measure.ratio) if figure.measured is not None]
    return ["", HEADING, *lines, ""] if lines else [""]


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)} (default: all)")
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--secs", type=float, default=3)
    ap.add_argument("--conns", type=int, default=CONNS, help="idle connections")
    ap.add_argument("--window", type=float, default=rotation.SECONDS, help="seconds before and after certificates are replaced")
    ap.add_argument("--certificates", type=int, default=rotation.COUNT, help="how many are replaced")
    ap.add_argument("--ports", type=pick_ports, default="auto", help="BACKEND,FRONT (default: two free ones)")
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    if unknown := set(a.part) - set(PARTS):
        ap.error(f"no such part: {', '.join(sorted(unknown))}")
    measure.build()
    bench = measure.Bench(a.ports, new_folder(), a.rounds, progress)
    secure = Secure(bench, Ours(a.ours) if a.ours else None, a.secs, a.conns, a.window, a.certificates)
    found = measure_parts(secure, a.part or PARTS)
    progress("")
    if a.json:
        print(json.dumps(found))
    else:
        print("\n".join([tables(found, a.conns), *verdict(found)]))
        print(measure.disturbance(disturbed(found)) or "The machine was quiet.")
        print(f"Logs and configurations: {bench.folder}")
    return 1 if any(secure_faults(found)) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"secure.py: {error}")
