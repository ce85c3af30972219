"""Slots: dense, named by the snapshot, and refused by name when they do not exist."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from proxy.observe.counters import CARRIED, DETECTED, DURATION_BOUNDS, FAMILIES, FAULTS, HISTOGRAM_EXTRA, Layout, label_values
from proxy.snapshot import Cluster, ClusterFrom, Filter, GrpcCheck, HealthCheck, Listener, Mirror, Route, Snapshot
from xproto.registry import load
from xproto.spec import Fault

SNAPSHOT = Snapshot(
    listeners={
        "mesh": Listener("mesh", "127.0.0.1:1", ("dubbo", "bolt"), "main"),
        "one": Listener("one", "127.0.0.1:2", ("bolt",), "main", filters=(Filter("fault"),)),
    },
    routes={
        "main": (
            Route("gray", (), "echo", mirrors=(Mirror("empty"),)),
            Route("1", (), "echo"),
            Route("named", (), action=ClusterFrom("x")),
        ),
        "other": (),
    },
    clusters={
        "echo": Cluster("echo", ("127.0.0.1:3", "unix:/x"), health_check=HealthCheck(GrpcCheck())),
        "empty": Cluster("empty", ()),
    },
)
NAMES = ("dubbo", "bolt", "beacon")


def layout() -> Layout:
    return Layout(SNAPSHOT, NAMES)


def test_every_series_has_slots_of_its_own_and_none_is_wasted() -> None:
    made = layout()
    taken: list[int] = []
    for counter in made.counters:
        width = len(DURATION_BOUNDS) + HISTOGRAM_EXTRA if counter.type == "histogram" else 1
        taken += range(counter.slot, counter.slot + width)
    assert taken == list(range(made.size))
    assert repr(made) == f"<Layout series={len(made.counters)} slots={made.size}>"


def test_control_and_worker_agree() -> None:
    assert Layout(SNAPSHOT, reversed(NAMES)).counters == layout().counters


def test_every_series_is_found_again() -> None:
    made = layout()
    for counter in made.counters:
        if counter.type == "histogram":
            assert made.histogram(counter.name, **dict(counter.labels)) == (counter.slot, DURATION_BOUNDS)
        else:
            assert made.slot(counter.name, **dict(counter.labels)) == counter.slot


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("xproto_call_total", {}, "no family xproto_call_total; did you mean xproto_calls_total?"),
        ("zzz", {}, "no family zzz"),
        ("xproto_calls_total", {"listener": "mesh"}, "xproto_calls_total has the labels listener, protocol, not listener"),
        ("xproto_calls_total", {}, "xproto_calls_total has the labels listener, protocol, not none"),
        (
            "xproto_calls_total",
            {"listener": "one", "protocol": "dubbo"},
            "the snapshot has no series xproto_calls_total{listener='one', protocol='dubbo'}",
        ),
        (
            "xproto_call_duration_seconds",
            {"cluster": "echo"},
            "xproto_call_duration_seconds is a histogram: look it up with histogram()",
        ),
    ],
)
def test_what_does_not_exist_is_said(name: str, labels: dict[str, str], message: str) -> None:
    with pytest.raises(KeyError) as caught:
        layout().slot(name, **labels)
    assert caught.value.args == (message,)


def test_a_counter_is_no_histogram() -> None:
    with pytest.raises(KeyError, match="is a counter"):
        layout().histogram("xproto_route_calls_total", table="main", route="gray")


def test_a_listener_has_series_for_its_own_protocols_only() -> None:
    made = layout()
    results = [dict(c.labels) for c in made.counters if c.name == "xproto_detected_total"]
    assert {r["result"] for r in results if r["listener"] == "one"} == {"bolt", *DETECTED}


def test_protocols_must_be_loaded() -> None:
    with pytest.raises(ValueError, match="listener mesh: protocols that are not loaded: dubbo"):
        Layout(SNAPSHOT, ["bolt"])


def test_two_series_may_not_be_one() -> None:
    twice = Snapshot(listeners={}, routes={"main": (Route("a", (), "c"), Route("a", (), "c"))}, clusters={})
    with pytest.raises(ValueError, match=r"two series are both xproto_route_calls_total\{table='main', route='a'\}"):
        Layout(twice, ())


def test_gauges_are_what_a_death_resets() -> None:
    made = layout()
    gauges = {c.name for c in made.counters if c.slot in made.gauge_slots()}
    assert gauges == {family.name for family in FAMILIES if family.type == "gauge"}
    assert "xproto_upstream_in_flight" in gauges


def test_slots_outlive_names_and_come_back() -> None:
    before = layout()
    fewer = Layout(Snapshot({}, {}, {"echo": Cluster("echo", ("127.0.0.1:9",))}), NAMES, before)
    assert fewer.slot("xproto_upstream_calls_total", cluster="echo", host="127.0.0.1:9") >= before.size
    with pytest.raises(KeyError):
        fewer.slot("xproto_upstream_calls_total", cluster="echo", host="127.0.0.1:3")
    assert set(fewer.gauge_slots()) > set(before.gauge_slots())
    again = Layout(SNAPSHOT, NAMES, fewer)
    assert again.counters == before.counters
    restored = Layout.restore(SNAPSHOT, NAMES, msgspec.msgpack.decode(msgspec.msgpack.encode(again.slots())))
    assert (restored.counters, restored.size, restored.slots()) == (again.counters, again.size, again.slots())


def test_there_is_an_end_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = layout()
    monkeypatch.setattr("proxy.observe.counters.CAPACITY", before.size)
    assert Layout(SNAPSHOT, NAMES, before).size == before.size
    with pytest.raises(ValueError, match="restart the proxy, or configure fewer"):
        Layout(Snapshot({}, {}, {"new": Cluster("new", ())}), NAMES, before)


def test_families_are_named_as_prometheus_wants() -> None:
    for family in FAMILIES:
        assert family.name.startswith("xproto_")
        assert family.name.endswith("_total") == (family.type == "counter")
        assert family.labels in label_values(SNAPSHOT)
        assert family.help.endswith(".")


def test_faults_are_the_frameworks() -> None:
    assert tuple(fault.name.lower() for fault in Fault) == FAULTS


def test_what_streams_carry_is_the_frameworks() -> None:
    found = {name: tuple(each.name for each in registered.protocol.carries[1:]) for name, registered in load().items()}
    assert {name: names for name, names in found.items() if names} == CARRIED
    layout = Layout(Snapshot({"in": Listener("in", "127.0.0.1:0", ("http2",), "main")}, {"main": ()}, {}), ("http2",))
    assert {"http2", "grpc"} <= {dict(each.labels)["protocol"] for each in layout.counters if each.name == "xproto_calls_total"}


def test_the_architecture_page_lists_every_family() -> None:
    page = Path("docs/architecture.md").read_text()
    listed = set(re.findall(r"\b[a-z0-9_]+\b", page))
    missing = [f.name for f in FAMILIES if f.name.removeprefix("xproto_") not in listed]
    assert set(missing) <= {"xproto_downstream_cut_total", "xproto_accept_paused_total"}
