"""What the proxy of a simulation is told: at its start, and in the midst of calls."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.observe.counters import Layout
from proxy.routing.table import RouteTable
from proxy.snapshot import Cluster, Filter, HeaderMatch, Keepalive, Listener, Mirror, Retry, RetryBudget, Route, Snapshot
from tests.protocols import beacon_peer
from tests.simulation import speech
from tests.simulation.http_speech import PATH
from tests.simulation.scenario import ATTEMPTS, Scenario
from xproto import registry
from xproto.autodetect.detector import Detector
from xproto.spec import Kind, Order, Protocol, Session

if TYPE_CHECKING:
    from proxy.datapath.simulated_loop import Dice

TIMEOUT = 2.0
"""Seconds until a call's deadline."""
RENAMED = 100
"""One new configuration in so many (of 1,000) has its listener under another name, and as many a protocol less."""
WHIMS = ("grumbles", "watches", "replies", "raises", "waits", "wavers", "edits")
"""Filters there may be (`whims.py`), so that they are counted."""
SHADOWS = ("shadow:0", "shadow:1")
"""Hosts that copies go to."""
IS_WEB = (HeaderMatch("path", "prefix", PATH),)
IS_ECHO = (HeaderMatch("service", "exact", speech.SERVICE.decode()),)


@cache
def protocols(*, in_order: bool = False, session: bool = False) -> Any:
    loaded = registry.load([str(Path(beacon_peer.__file__).parent / "beacon.py")], {"bolt": {"goaway": True}})
    spoken = {name: loaded[name].protocol for name in set(speech.LOADED.values())}
    if in_order:
        spoken = {name: replace(each, order=Order.IN_ORDER) for name, each in spoken.items()}
    if session:
        spoken = {name: with_session(each) if each.heartbeat is not None else each for name, each in spoken.items()}
    return {name: registry.register(each) for name, each in spoken.items()} if in_order or session else loaded


def with_session(protocol: Protocol) -> Protocol:
    """Its heartbeats as the handshake that a connection begins with."""
    as_handshake = {Kind.HEARTBEAT: Kind.HANDSHAKE, Kind.HEARTBEAT_ACK: Kind.HANDSHAKE_ACK}
    assert protocol.heartbeat is not None
    assert protocol.heartbeat_ack is not None
    return replace(
        protocol,
        kind={as_handshake.get(kind, kind): test for kind, test in protocol.kind.items()},
        heartbeat=None,
        heartbeat_ack=None,
        session=Session(protocol.heartbeat, protocol.heartbeat_ack),
    )


def addresses(scenario: Scenario) -> tuple[str, ...]:
    """Of all hosts there may be: a new configuration may name others than the first."""
    return tuple(f"host:{n}" for n in range(scenario.hosts + ("reload" in scenario) * 2))


def first(scenario: Scenario, dice: Dice) -> Snapshot:
    """One listener for all that is spoken, and one cluster with the first of the hosts."""
    return _snapshot(scenario, dice, "in", _loaded(scenario), "main", addresses(scenario)[: scenario.hosts])


def another(scenario: Scenario, dice: Dice) -> Snapshot:
    """Other limits and hosts, now and then another cluster; sometimes another listener, or a protocol less."""
    spoken = _loaded(scenario)
    if len(spoken) > 1 and dice.chance(RENAMED):
        spoken = tuple(each for each in spoken if each != dice.choice(spoken)) or spoken
    hosts = tuple(each for each in addresses(scenario) if dice.below(2)) or addresses(scenario)[:1]
    return _snapshot(
        scenario, dice, "moved" if dice.chance(RENAMED) else "in", spoken, "other" if dice.below(3) == 0 else "main", hosts
    )


def _loaded(scenario: Scenario) -> tuple[str, ...]:
    return tuple(sorted({speech.LOADED[each] for each in scenario.protocols}))


def _snapshot(
    scenario: Scenario, dice: Dice, name: str, spoken: tuple[str, ...], cluster_name: str, hosts: tuple[str, ...]
) -> Snapshot:
    listener: dict[str, Any] = {"max_in_flight": 3} if "few at once" in scenario else {}
    if "filters" in scenario:
        listener["filters"] = tuple(Filter(name) for name in WHIMS)
    cluster: dict[str, Any] = {"max_in_flight": 1 + scenario.seed % 6} if "few calls" in scenario else {}
    if "alone" in scenario:
        cluster |= {"pool": "ping_pong", "max_pending": dice.choice((0, 3, 100))}
    if "small buffers" in scenario:
        cluster["out_buffer_limit"] = listener["out_buffer_limit"] = 20_000
    if "idle" in scenario:
        cluster["idle_timeout"] = listener["idle_timeout"] = dice.choice((0.02, 0.3))
    if "beats" in scenario:
        cluster["keepalive"] = Keepalive(0.2, 0.1, 2)
    calls, requests = retries(scenario, dice) if "retries" in scenario else (None, None)
    if "retries" in scenario:
        cluster["retry_budget"] = RetryBudget(dice.choice((0, 20, 100)), dice.choice((0, 3)))
    clusters = {
        cluster_name: Cluster(
            cluster_name, hosts, lb=dice.choice(("round_robin", "random")), connect_timeout=0.2, timeout=TIMEOUT,
            max_connections=1 + dice.below(3), **cluster,
        )
    }  # fmt: skip
    mirrors = copied(scenario, dice, clusters, cluster) if "mirrors" in scenario else ()
    routes = (
        Route("echo", IS_ECHO, cluster_name, retry=calls, mirrors=mirrors),
        Route("web", IS_WEB, cluster_name, retry=requests, mirrors=mirrors),
    )
    return Snapshot(
        listeners={name: Listener(name, "simulated:0", spoken, "table", detect_timeout=5.0, **listener)},
        routes={"table": routes}, clusters=clusters,
    )  # fmt: skip


def copied(scenario: Scenario, dice: Dice, clusters: dict[str, Cluster], limits: dict[str, Any]) -> tuple[Mirror, ...]:
    """Where copies go, if there are any now. Where nobody answers all wait, for long: so they come to their bound."""
    never = scenario.temper == "never"
    percent = dice.choice((0.0, 30.0, 100.0, 100.0)) if not never else 100.0
    if not percent:
        return ()
    clusters["shadow"] = Cluster(
        "shadow", SHADOWS[dice.below(2) :], connect_timeout=0.2, timeout=None if never else dice.choice((0.1, TIMEOUT)),
        max_connections=1 + dice.below(3), **({} if never else limits),
    )  # fmt: skip
    return (Mirror("shadow", percent),)


def retries(scenario: Scenario, dice: Dice) -> tuple[Retry, Retry]:
    """Policies for calls, on whatever there is, and for requests of HTTP, as their methods allow it."""
    common: dict[str, Any] = {
        "attempts": ATTEMPTS, "back_off_base": 0.01, "back_off_max": dice.choice((0.01, 0.2)),
        "buffer": dice.choice((300, 100_000, 1_000_000)), "same_host": dice.below(2) == 0,
    }  # fmt: skip
    calls = Retry(
        ("connect_failure", "refused", "reset", "timeout"), per_try_timeout=0.3, idempotent=scenario.tries > 1, **common
    )
    return calls, Retry(("connect_failure", "refused", "reset"), **common)


def made_of(scenario: Scenario, snapshot: Snapshot, before: Layout | None = None) -> tuple[Any, ...]:
    """What an engine needs to go by the snapshot: codecs, detectors, tables and the layout, in its order."""
    listener = next(iter(snapshot.listeners.values()))
    known = protocols(in_order="in order" in scenario, session="session" in scenario)
    codecs = {name: known[name].codec for name in listener.protocols}
    several = len(listener.protocols) > 1
    detector = Detector([known[name] for name in listener.protocols]) if several else None
    tables = {name: RouteTable(routes) for name, routes in snapshot.routes.items()}
    return codecs, {listener.name: detector}, tables, Layout(snapshot, codecs, before)
