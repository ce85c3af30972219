"""The live picture must not be higher than its terminal: what does not fit is cut off at the bottom, where events are."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from proxy.demo import display, scenario
from proxy.demo.config import all_hosts
from proxy.demo.scene import Scene

LATEST = "the latest of many events"


def drawn(height: int) -> tuple[Console, list[str]]:
    scene = Scene(10.0, addresses={host: f"127.0.0.1:{port}" for port, host in enumerate(all_hosts(), 20000)})
    scene.listening = "127.0.0.1:20999"
    scene.events = [(float(at), "an event") for at in range(60)] + [(60.0, LATEST)]
    console = Console(width=display.NARROWEST, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    rows = console.render_lines(display.frame(scene, console), pad=False)
    return console, ["".join(part.text for part in row) for row in rows]


def test_an_ordinary_terminal_gets_the_live_picture() -> None:
    console, _ = drawn(24)
    assert display.fits(console)


@pytest.mark.parametrize("height", range(24, 60))
def test_the_picture_fits_with_its_latest_event(height: int) -> None:
    console, rows = drawn(height)
    assert display.fits(console)
    assert len(rows) <= height
    assert LATEST in rows[-1]


@pytest.mark.parametrize(("height", "left"), [(23, 9), (24, 8), (28, 4), (30, 2), (31, 0)])
def test_a_low_terminal_has_a_route_of_each_protocol(height: int, left: int) -> None:
    _, rows = drawn(height)
    shown = [route for route in scenario.ROUTES if any(row.startswith(f"{route.name} ") for row in rows)]
    assert len(shown) == len(scenario.ROUTES) - left
    assert {scenario.PROTOCOL_OF[route.cluster] for route in shown} == set(scenario.CALLERS)
    assert any(f"({left} more)" in row for row in rows) == (left > 0)


def test_a_terminal_too_low_gets_lines() -> None:
    console, _ = drawn(22)
    assert not display.fits(console), "a protocol would have no route"


@pytest.mark.parametrize("name", ["bolt", "dubbo", "thrift", "tars", "http1", "http2", "grpc"])
def test_each_protocol_has_a_row(name: str) -> None:
    _, rows = drawn(24)
    assert sum(row.startswith(f"{name} ") for row in rows) == 1
