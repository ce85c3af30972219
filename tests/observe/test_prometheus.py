"""The exposition, read by prometheus-client's own parser."""

from __future__ import annotations

import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from proxy.observe.counters import DURATION_BOUNDS, FAMILIES, Layout
from proxy.observe.prometheus import CONTENT_TYPE, Exposition, escape_label, render_extra, total
from proxy.snapshot import Cluster, Route, Snapshot
from tests.observe.test_counters import NAMES, SNAPSHOT


def zeroes(layout: Layout) -> memoryview:
    return memoryview(array.array("Q", bytes(8 * layout.size)))


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_values_are_those_of_the_slots() -> None:
    layout = Layout(SNAPSHOT, NAMES)
    slots = zeroes(layout)
    for counter in layout.counters:
        if counter.type != "histogram":
            slots[counter.slot] = counter.slot + 1
    found = parsed(Exposition(layout).render([slots]))
    for counter in layout.counters:
        if counter.type != "histogram":
            assert found[counter.name, tuple(sorted(counter.labels))] == counter.slot + 1


def test_every_family_has_one_help_and_one_type() -> None:
    text = Exposition(Layout(SNAPSHOT, NAMES)).render([])
    for family in FAMILIES:
        assert text.count(f"# HELP {family.name} {family.help}\n") == 1
        assert text.count(f"# TYPE {family.name} {family.type}\n") == 1
    assert {f.name: f.type for f in text_string_to_metric_families(text)} == {
        f.name.removesuffix("_total") if f.type == "counter" else f.name: f.type for f in FAMILIES
    }


def test_a_histogram_is_cumulative_and_in_seconds() -> None:
    layout = Layout(SNAPSHOT, NAMES)
    slots = zeroes(layout)
    first, bounds = layout.histogram("xproto_call_duration_seconds", cluster="echo")
    for took in (50, 100, 101, 2_000_000, 60_000_000):
        index = next((i for i, bound in enumerate(bounds) if took <= bound), None)
        if index is not None:
            slots[first + index] += 1
        slots[first + len(bounds)] += took
        slots[first + len(bounds) + 1] += 1
    found = parsed(Exposition(layout).render([slots]))
    name, cluster = "xproto_call_duration_seconds", ("cluster", "echo")
    buckets = {dict(labels)["le"]: value for (n, labels), value in found.items()
               if n == f"{name}_bucket" and cluster in labels}  # fmt: skip
    assert list(buckets) == [*(format(bound / 1e6, "g") for bound in DURATION_BOUNDS), "+Inf"]
    assert (buckets["0.0001"], buckets["0.00025"], buckets["1"], buckets["2.5"], buckets["10"]) == (2, 3, 3, 4, 4)
    assert buckets["+Inf"] == found[f"{name}_count", (cluster,)] == 5
    assert found[f"{name}_sum", (cluster,)] == pytest.approx(62.000251)
    assert found[f"{name}_count", (("cluster", "empty"),)] == 0


def test_workers_are_added_up() -> None:
    layout = Layout(SNAPSHOT, NAMES)
    one, two = zeroes(layout), zeroes(layout)
    one[0], two[0], two[1] = 1, (1 << 64) - 1, 5
    assert total([one, two], layout.size)[:3] == [1 << 64, 5, 0]
    assert total([], 3) == [0, 0, 0]
    assert total([one], 1) == [1]


def test_a_scrape_in_the_middle_of_a_call_stays_consistent() -> None:
    """The bucket is written before the count; a reader may come between."""
    layout = Layout(SNAPSHOT, NAMES)
    slots = zeroes(layout)
    slots[layout.histogram("xproto_call_duration_seconds", cluster="echo").first_slot] = 1
    found = parsed(Exposition(layout).render([slots]))
    assert found["xproto_call_duration_seconds_count", (("cluster", "echo"),)] == 1


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_labels_survive_any_text(name: str) -> None:
    text = render_extra("x", "gauge", "Help.", [((("a", name), ("b", "2")), 1)])
    lines = text.split("\n")
    assert len(lines) == 4
    [family] = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"a": name, "b": "2"}


def test_a_lone_surrogate_cannot_break_a_scrape() -> None:
    escape_label("a\udc80").encode()


def test_names_of_routes_and_hosts_are_escaped() -> None:
    snapshot = Snapshot(
        listeners={},
        routes={'m"\\\n': (Route('r"\\n', (), "c"),)},
        clusters={"c": Cluster("c", ('unix:/a"b\\c',))},
    )
    found = parsed(Exposition(Layout(snapshot, ())).render([]))
    assert ("xproto_route_calls_total", (("route", 'r"\\n'), ("table", 'm"\\\n'))) in found
    assert ("xproto_upstream_calls_total", (("cluster", "c"), ("host", 'unix:/a"b\\c'))) in found


def test_the_content_type_names_the_format() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"
