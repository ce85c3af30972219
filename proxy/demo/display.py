"""What is shown, with rich: three tables, the events, and in the end the checks.

Every function makes a renderable from the scene and does nothing else. Made for 80 columns and 24 rows, since that is
what a terminal surely has; more width shows what each route takes, more height shows more events. Without colour the
marks and words still say everything.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from proxy.demo import scenario
from proxy.demo.checks import Check
from proxy.demo.ledger import percentiles
from proxy.demo.scene import DOWN, Scene

WIDE = 112
NARROWEST = 80
OTHER_ROWS = 1 + (1 + len(scenario.CALLERS)) + 1 + (1 + len(scenario.NODES))
"""Rows of a live frame without its events and routes: the heading, and three tables under their columns' names."""
FIXED_ROWS = OTHER_ROWS + len(scenario.ROUTES)
LEAST_ROWS = OTHER_ROWS + len(scenario.CALLERS) + 1
"""A low terminal has a route of each protocol at least, and a row for the others."""
AIR = 8
"""Rows that a low terminal goes without: the tables' titles, the empty ones above tables and events, calls without a route."""
MIN_EVENTS = 1
ROOMY = 100
UPSTREAM = {
    "connections": "upstream_connections_active",
    "opened": "upstream_connections_total",
    "refused": "upstream_connect_failures_total",
    "in flight": "upstream_in_flight",
    "heartbeats": "upstream_heartbeats_sent_total",
    "missed": "upstream_heartbeats_missed_total",
    "late answers": "upstream_dropped_answers_total",
}
"""The last table's columns, and the metric that each shows."""
LATENCY = "Milliseconds as the clients see them, Python clients and hosts included; calls that hosts delay on purpose left out."
COLOUR = {"bolt": "cyan", "dubbo": "magenta", "thrift": "green", "tars": "yellow", "http1": "blue", "http2": "bright_blue",
          "grpc": "bright_magenta"}  # fmt: skip


def frame(scene: Scene, console: Console) -> RenderableType:
    """The live picture."""
    airy = console.height >= FIXED_ROWS + AIR + MIN_EVENTS
    room = max(MIN_EVENTS, console.height - FIXED_ROWS - (AIR if airy else 0))
    rows = min(len(scenario.ROUTES), console.height - OTHER_ROWS - MIN_EVENTS)
    tables = protocols(scene, console), routes(scene, console, airy=airy, rows=rows), nodes(scene, console)
    parts: list[RenderableType] = []
    for table in tables:
        if airy:
            parts.append(Text())
        else:
            table.title = None
        parts.append(table)
    if airy:
        parts.append(Text())
    events = [event_line(at, text) for at, text in scene.events[-room:]]
    for line in events:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(
        heading(scene, console),
        *parts,
        *events,
    )


def fits(console: Console) -> bool:
    """Is there room for the live picture?"""
    return console.height >= LEAST_ROWS + MIN_EVENTS and console.width >= NARROWEST


def heading(scene: Scene, console: Console) -> RenderableType:
    """Where, and how far."""
    line = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=scene.seconds, completed=min(scene.now, scene.seconds), width=max(10, console.width - 62))
    clock = f"{scene.now:4.1f} / {scene.seconds:g} s"
    line.add_row(Text("xproto demo", style="bold"), f"seven protocols on {scene.listening}", bar, clock)
    return line


def _table(title: str, console: Console, *columns: tuple[str, str]) -> Table:
    """Columns are names and how they are justified: `<` or `>`."""
    gap = 1 if console.width < ROOMY else 3
    made = Table(box=None, title=title, title_justify="left", title_style="bold", header_style="dim")
    made.padding, made.pad_edge = (0, gap, 0, 0), False
    for name, side in columns:
        made.add_column(name, justify="right" if side == ">" else "left", no_wrap=True)
    return made


def protocols(scene: Scene, console: Console) -> Table:
    """What was detected, and how calls fare, as the clients see it."""
    right = ("clients", "TLS", "calls", "calls/s", "p50 ms", "p90", "p99", "one-way", "beats", "own replies")
    table = _table("Detected", console, ("protocol", "<"), *((name, ">") for name in right))
    for name, tally in scene.ledger.tallies.items():
        found = percentiles(tally.recent if scene.ended is None else tally.latencies)
        table.add_row(
            Text(name, style=COLOUR[name]),
            "http2's" if name == "grpc" else f"{scene.sample.total('detected_total', result=name)}",
            f"{sum(client.secret for client in scenario.CLIENTS if client.protocol == name)}",
            f"{tally.done:,}",
            f"{scene.rate(name):,.0f}",
            *(f"{value * 1000:.1f}" for value in found or (0, 0, 0)),
            f"{tally.oneways:,}",
            f"{tally.acks:,}",
            f"{scene.sample.total('local_replies_total', protocol=name):,}",
        )
    return table


def routes(scene: Scene, console: Console, *, airy: bool = True, rows: int = len(scenario.ROUTES)) -> Table:
    """The route and the cluster that calls took, and which node's host got them, as the proxy counts.

    airy: with the calls that no route took, which the first table has among the local replies. rows: how many there may be.
    """
    wide = console.width >= WIDE
    takes = [("takes", "<")] if wide else []
    table = _table("Routed", console, ("route", "<"), *takes, ("calls", ">"), ("cluster", "<"))
    for node in scenario.NODES:
        table.add_column(f"node {node}", justify="right", style="red" if scene.nodes[node] == DOWN else None)
    taken = scene.sample.by("route", "route_calls_total")
    chosen = chosen_routes(rows)
    for route in chosen:
        counts = (
            scene.sample.total("upstream_calls_total", cluster=route.cluster, host=scene.addresses[route.cluster, node])
            for node in scenario.NODES
        )
        table.add_row(
            Text(route.name, style=COLOUR[scenario.PROTOCOL_OF[route.cluster]]),
            *([Text(route.takes, style="dim")] if wide else []),
            f"{taken.get(route.name, 0):,}",
            route.cluster,
            *(f"{count:,}" for count in counts),
        )
    if left := [route for route in scenario.ROUTES if route not in chosen]:
        more = f"({len(left)} more)", *([""] if wide else []), f"{sum(taken.get(route.name, 0) for route in left):,}"
        table.add_row(*(Text(each, style="dim") for each in more))
    if not airy:
        return table
    nobody = f"{taken.get('none', 0):,}", Text("the proxy itself", style="dim")
    table.add_row(Text("(no route)", style="dim"), *([""] if wide else []), *nobody)
    return table


def chosen_routes(rows: int) -> list[scenario.Route]:
    """As many as fit, the first of each protocol before others, with a row for those that are left out."""
    if rows >= len(scenario.ROUTES):
        return list(scenario.ROUTES)
    firsts = {scenario.PROTOCOL_OF[route.cluster]: route for route in reversed(scenario.ROUTES)}
    ranked = sorted(scenario.ROUTES, key=lambda route: route not in firsts.values())
    return [route for route in scenario.ROUTES if route in ranked[: rows - 1]]


def nodes(scene: Scene, console: Console) -> Table:
    """The proxy's side towards each node."""
    table = _table("Upstream", console, ("node", "<"), *((name, ">") for name in UPSTREAM))
    for node in scenario.NODES:
        state = scene.nodes[node]
        name = Text.assemble(f"{node} ", (state, "bold red" if state == DOWN else "green"))
        table.add_row(name, *(f"{scene.node_total(metric, node):,}" for metric in UPSTREAM.values()))
    return table


def event_line(at: float, text: str) -> Text:
    """``4.0 s  what happened``."""
    return Text.assemble((f"{at:5.1f} s  ", "dim"), text)


def status_line(scene: Scene) -> Text:
    """What stands for the live picture where there is no terminal: calls per second, and p50, p90, p99."""
    parts = []
    for name, tally in scene.ledger.tallies.items():
        p50, p90, p99 = (value * 1000 for value in percentiles(tally.recent) or (0, 0, 0))
        parts.append(f"{name} {scene.rate(name):,.0f}/s p50 {p50:.1f} p90 {p90:.1f} p99 {p99:.1f} ms")
    return event_line(scene.now, "; ".join(parts))


def report(scene: Scene, console: Console, checks: list[Check]) -> RenderableType:
    """The end: the tables' last state, and the checks."""
    table = Table.grid(padding=(0, 1))
    for check in checks:
        mark = Text("ok  ", style="bold green") if check.ok else Text("FAIL", style="bold red")
        table.add_row(mark, Text(check.text))
    for text in scene.ledger.complaints:
        table.add_row("", Text(text, style="red"))
    return Group(
        Text(),
        protocols(scene, console),
        Text(LATENCY, style="dim"),
        Text(),
        routes(scene, console),
        Text(),
        nodes(scene, console),
        Text(),
        Text("Summary", style="bold"),
        table,
        Text(),
    )


def history(events: Iterable[tuple[float, str]]) -> RenderableType:
    """All events, each with its time."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for at, text in events:
        table.add_row(Text(f"{at:5.1f} s", style="dim"), Text(text))
    return table
