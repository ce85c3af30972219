"""1,000 certificates replaced at once, under load: what the calls of other connections notice of it.

Each certificate is a secret of its own, of a filter chain with a server name of its own. An open loop of calls over
connections that stay goes on for a while; then, in an equal load, all certificates and keys are replaced, file by file
and as fast as that goes. The figure is the longest latency of a call from then on.

What always holds: keys are made and files written before either load; only renames happen beside calls. Afterwards every
name is asked for its certificate, so a proxy that took its time, or did not even look, shows.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import certificates
import idle
import measure
from ours import Ours, server_name
from processes import StartError

COUNT = 1000
SECONDS = 10.0
"""Before, and from the replacement on."""
WARM = 0.2
"""WARM in rpcload.c: of a load's time, what does not count."""
RATE = 500
"""Calls a second: a pause of 10 ms meets five."""
PEERS = ("nginx-names",)
LOAD = measure.Load("http1", options=("--rate", str(RATE), "--tls", "--sni", server_name(0)))


@dataclass(frozen=True)
class Secrets:
    """The pairs of so many names."""

    pairs: list[certificates.Pair]

    def stage(self) -> list[bytes]:
        """Makes new ones; their certificates (DER)."""
        made = [certificates.make(server_name(index)) for index in range(len(self.pairs))]
        for pair, pems in zip(self.pairs, made, strict=True):
            certificates.stage(pems, pair.certificate.parent)
        return [ssl.PEM_cert_to_DER_cert(pems.certificate.decode()) for pems in made]

    def put(self) -> None:
        """Replaces all."""
        for pair in self.pairs:
            certificates.put(pair.certificate.parent)


def stale(port: int, expected: Sequence[bytes]) -> int:
    """How many names are presented another certificate, or none."""
    tls, wrong = idle.trusting(), 0
    for index, der in enumerate(expected):
        presented = None
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), idle.ANSWER_SECONDS) as plain,
            tls.wrap_socket(plain, server_hostname=server_name(index)) as secure,
        ):
            presented = secure.getpeercert(binary_form=True)
        wrong += presented != der
    return wrong


def wait_for_answer(port: int) -> None:
    """A proxy that listens may still be making contexts; a load that begins then would pile calls up."""
    name = server_name(0)
    with socket.create_connection(("127.0.0.1", port)) as plain, idle.trusting().wrap_socket(plain, server_hostname=name):
        pass


def run(bench: measure.Bench, pids: tuple[int, int], secrets: Secrets, seconds: float) -> dict[str, Any]:
    """One round: what both loads saw, names that were left stale, and the share of the machine that others took."""
    new = secrets.stage()
    load = replace(LOAD, secs=seconds / (1 - WARM))
    with measure.spending(*pids) as spent:
        before = measure.send(load, bench.ports.front)
        during = measure.rpcload(load, bench.ports.front, *load.options)
        time.sleep(load.secs * WARM)
        began = time.monotonic()
        secrets.put()
        took = time.monotonic() - began
        after = measure.seen(during)
    result = {"before": before, "during": after, "replaced_ms": took * 1e3, "others": spent.others}
    return {**result, "stale": stale(bench.ports.front, new)}


def contenders(bench: measure.Bench, ours: Ours | None, secrets: Secrets) -> dict[str, list[str]]:
    """Commands by name. HAProxy and Envoy are none: one has to be told of new files, the other takes an inotify instance
    for each file, of which a user has no thousand.
    """
    secrets.stage()
    secrets.put()
    return bench.contenders(LOAD.proto, ours and replace(ours, pairs=secrets.pairs), [1], PEERS)


def measure_rotation(
    bench: measure.Bench, ours: Ours | None, seconds: float = SECONDS, count: int = COUNT
) -> list[dict[str, Any]]:
    """A row for each contender. Raises StartError."""
    secrets = Secrets([certificates.of_name(bench.folder, server_name(index)) for index in range(count)])
    rows = []
    for name, command in contenders(bench, ours, secrets).items():
        try:
            rows.append(_row(bench, name, secrets, command, seconds))
        except StartError as error:
            if measure.is_ours(name):
                raise
            measure.left_out(name, error)
    return rows


def _row(bench: measure.Bench, name: str, secrets: Secrets, command: Sequence[str], seconds: float) -> dict[str, Any]:
    runs = []
    with bench.started(name, command, LOAD.proto) as pids:
        wait_for_answer(bench.ports.front)
        for number in range(bench.rounds):
            bench.say(f"{len(secrets.pairs):,} certificates replaced, round {number + 1} of {bench.rounds}: {name}")
            runs.append(run(bench, pids, secrets, seconds))
    times = {
        f"{key}_{when}_ms": [one[when].get(f"{key}_us", 0.0) / 1e3 for one in runs]
        for when in ("before", "during")
        for key in ("p999", "max")
    }
    return {
        "peer": name,
        "count": len(secrets.pairs),
        **{key: median(values) if key.startswith("p") else max(values) for key, values in times.items()},
        "rounds": times,
        "replaced_ms": median(one["replaced_ms"] for one in runs),
        "stale": sum(one["stale"] for one in runs),
        "others": max(one["others"] for one in runs),
        "faults": sum(measure.faults(one[when]) for one in runs for when in ("before", "during")),
    }


def heading() -> str:
    return (
        f"{'certificates':>12}  {'peer':<13} {'p999 ms':>8} {'max ms':>8} | {'p999 ms':>8} {'max ms':>8} from the replacement"
        f" | {'replaced in ms':>14} {'stale':>6} {'faults':>6}"
    )


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['count']:>12,}  {row['peer']:<13} {row['p999_before_ms']:>8.2f} {row['max_before_ms']:>8.2f} | "
        f"{row['p999_during_ms']:>8.2f} {row['max_during_ms']:>8.2f} {'':>20} | {row['replaced_ms']:>14.0f} "
        f"{row['stale']:>6} {row['faults']:>6}"
    )
