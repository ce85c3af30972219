"""The verdict: what must be true at the end. The demo's exit code is 0 only if all of it is.

The clients' ledger says whether every call was answered correctly; beyond that, the proxy's own counters must tell the
same story, to the last call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.demo import scenario
from proxy.demo.ledger import KILL_FAULTS, KILL_WINDOW
from proxy.demo.scene import BACK, Scene
from xproto.spec import Fault


@dataclass(frozen=True)
class Check:
    ok: bool
    text: str


def verdict(scene: Scene) -> list[Check]:
    """Every check, in the order in which they are told."""
    return [
        _answers(scene),
        _failover(scene),
        _recovery(scene),
        _routes(scene),
        _secrets(scene),
        _shared(scene),
        _heartbeats(scene),
        _counters(scene),
    ]


def _answers(scene: Scene) -> Check:
    ledger = scene.ledger
    sent, right, excused = ledger.sum("sent"), ledger.sum("right"), ledger.sum("excused")
    bad = {what: ledger.sum(what) for what in ("wrong", "lost", "extra")}
    own = ledger.own
    if any(bad.values()) or sent != right + excused:
        said = ", ".join(f"{count:,} {what}" for what, count in bad.items())
        return Check(ok=False, text=f"of {sent:,} two-way calls {right:,} were answered correctly; {said}")
    return Check(
        ok=sent > 0,
        text=f"{sent:,} two-way calls, each with exactly one answer: {ledger.sum('answered'):,} from the right cluster, "
        f"{own[Fault.TIMEOUT]:,} deadlines and {own[Fault.NO_ROUTE]:,} without a route answered by the proxy, as they "
        f"had to be{f', {excused:,} ended by the kill' if excused else ''}",
    )


def _failover(scene: Scene) -> Check:
    """The clients and the proxy must agree about the calls that the kill cost."""
    excused = scene.ledger.sum("excused")
    said = sum(scene.sample.total("local_replies_total", fault=fault.name.lower()) for fault in KILL_FAULTS)
    after = scene.survivors - scene.survivors_at_kill
    told = "no call was" if not excused else "1 call was" if excused == 1 else f"{excused} calls were"
    return Check(
        ok=excused == said and after > 0,
        text=f"node {scenario.VICTIM} killed: {told} told so in the call's own protocol, CLOSED or CONNECT (the proxy counted "
        f"{said}), which only a call in flight within {KILL_WINDOW:g} s of the kill may be; the other nodes answered "
        f"{after:,} calls after it",
    )


def _recovery(scene: Scene) -> Check:
    victim = scenario.VICTIM
    since = {protocol: count - scene.victim_at_kill[protocol] for protocol, count in scene.by_victim().items()}
    idle = [protocol for protocol, count in since.items() if count <= 0]
    if scene.nodes[victim] != BACK or idle:
        return Check(ok=False, text=f"node {victim} was started again, but got no calls of {', '.join(idle) or 'anybody'}")
    return Check(ok=True, text=f"node {victim} came back and answered {sum(since.values()):,} calls more, in every protocol")


def _routes(scene: Scene) -> Check:
    taken = scene.sample.by("route", "route_calls_total")
    idle = [route.name for route in scenario.ROUTES if not taken.get(route.name)]
    if idle:
        return Check(ok=False, text=f"routes that no call took: {', '.join(idle)}")
    return Check(ok=True, text=f"all {len(scenario.ROUTES)} routes taken, by seven protocols that came in at one port")


def _secrets(scene: Scene) -> Check:
    wanted = sum(client.secret for client in scenario.CLIENTS)
    handshakes = scene.sample.total("tls_handshakes_total")
    answered = {name: tally.secret for name, tally in scene.ledger.tallies.items()}
    each = ", ".join(f"{name} {count:,}" for name, count in answered.items())
    return Check(
        ok=handshakes == wanted and all(answered.values()),
        text=f"TLS and plaintext on the one port: {handshakes} handshakes of {wanted} clients with certificates, "
        f"{sum(answered.values()):,} calls answered inside: {each}",
    )


def _shared(scene: Scene) -> Check:
    """A connection to each host carries the calls of all."""
    hosts = {host: each for host, each in scene.addresses.items() if scenario.PROTOCOL_OF[host[0]] in scenario.SHARING}
    calls = opened = most = 0
    for (cluster, _), address in hosts.items():
        calls += scene.sample.total("upstream_calls_total", cluster=cluster, host=address)
        opened += scene.sample.total("upstream_connections_total", cluster=cluster, host=address)
        most = max(most, scene.sample.total("upstream_connections_active", cluster=cluster, host=address))
    return Check(
        ok=most == 1 and calls > 0 and opened <= len(hosts) + sum(node == scenario.VICTIM for _, node in hosts),
        text=f"HTTP/2 and gRPC: {calls:,} calls as streams of {opened} connections, {most} to each host at a time",
    )


def _heartbeats(scene: Scene) -> Check:
    sent, acks = scene.ledger.sum("heartbeats"), scene.ledger.sum("acks")
    upstream = scene.sample.total("upstream_heartbeats_sent_total")
    missed = scene.sample.total("upstream_heartbeats_missed_total")
    return Check(
        ok=sent == acks and upstream > 0,
        text=f"heartbeats: {acks:,} of the clients' {sent:,} answered by the proxy; {upstream:,} sent to quiet hosts, "
        f"{missed:,} missed",
    )


def _counters(scene: Scene) -> Check:
    different = list(differences(scene))
    if different:
        return Check(ok=False, text=f"the proxy's counters differ: {'; '.join(different[:4])}")
    return Check(ok=True, text="the proxy's /metrics tell the same: connections, calls, oneways, and answers of each host")


def differences(scene: Scene) -> Iterator[str]:
    """Where the clients' figures and the proxy's are not the same."""
    sample, ledger = scene.sample, scene.ledger
    for protocol, tally in ledger.tallies.items():
        connections = tally.connections
        if protocol == "http2":  # gRPC's are no others
            connections += ledger.tallies["grpc"].connections
        pairs = (
            ("connections", 0 if protocol == "grpc" else connections, sample.total("detected_total", result=protocol)),
            ("calls", tally.sent, sample.total("calls_total", protocol=protocol)),
            ("oneways", tally.oneways, sample.total("oneways_total", protocol=protocol)),
        )
        yield from (f"{protocol} {what} {ours:,}, not {theirs:,}" for what, ours, theirs in pairs if ours != theirs)
    if (ours := ledger.sum("heartbeats")) != (theirs := sample.total("heartbeats_answered_total")):
        yield f"heartbeats {ours:,}, not {theirs:,}"
    for (cluster, node), address in scene.addresses.items():
        ours, theirs = ledger.hosts[cluster, node], sample.total("upstream_replies_total", cluster=cluster, host=address)
        if ours != theirs:
            yield f"answers of {cluster}/{node} {ours:,}, not {theirs:,}"
