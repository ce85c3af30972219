"""What a file says of filters: what workers are told of them, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.config.filter_models import MODELS
from proxy.filters import loading
from proxy.filters.loading import FilterError, named
from proxy.filters.placed import place, settings_of
from tests.config.cases_filters import FILES, ONE_FILTER, filters
from tests.config.fakes import errors, snapshot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("text", "expected"), ONE_FILTER, ids=[case[1][:60] for case in ONE_FILTER])
def test_one_error_gives_one_line(text: str, expected: str, folder: Path) -> None:
    assert errors(text, file=str(folder / "x.yaml")) == [expected]


def test_every_message_says_what_to_write_instead() -> None:
    assert all(";" in expected for _, expected in ONE_FILTER)


def test_what_workers_are_told(folder: Path) -> None:
    written = filters("{name: slow, filter: rate_limit, rate: 2, timeout: 2s}", "{name: mine, file: fine.py, limit: 3}",
                      routes="slow: {rate: 5, burst: 7}, mine: false")  # fmt: skip
    found = snapshot(written, file=str(folder / "x.yaml"))
    slow, mine = found.listeners["mesh"].filters
    limit = {"rate": 2.0, "burst": 2.0, "key": None, "max_keys": 10_000, "match": None}
    assert (slow.name, slow.kind, slow.file, slow.settings, slow.timeout) == ("slow", "rate_limit", None, limit, 2.0)
    assert (mine.name, mine.kind, mine.file, mine.settings) == ("mine", "", str(folder / "fine.py"), {"limit": 3})
    [route] = found.routes["main"]
    assert route.filters == {"slow": {**limit, "rate": 5.0, "burst": 7.0}, "mine": None}
    placed = place(found).listeners["mesh"]
    assert placed.filters[1] is not None
    assert placed.filters[1].filter.settings.limit == 3
    assert placed.routes["main"][0][1] is None


HOSTED = """\
listeners:
  - name: web
    address: 127.0.0.1:0
    protocols: bolt
    routes: main
    filters: [{name: rate_limit, rate: 1}]
routes:
  main:
    virtual_hosts:
      - {name: a, domains: [a.test], routes: [{match: {service: s}, cluster: c}, {cluster: c}]}
      - {name: b, domains: ["*"], routes: [{match: {service: s}, cluster: c}, {cluster: c, filters: {rate_limit: WHAT}}]}
clusters: {c: {hosts: ["127.0.0.1:1"]}}
"""


def test_routes_of_virtual_hosts_have_a_say() -> None:
    found = snapshot(HOSTED.replace("WHAT", "false"))
    assert [route.filters for route in found.routes["main"]] == [{}, {}, {}, {"rate_limit": None}]
    assert list(place(found).listeners["web"].routes["main"]) == [3]
    [wrong] = errors(HOSTED.replace("WHAT", "{rate: 0}"))
    assert wrong.startswith("11: routes.main.virtual_hosts[1].routes[1].filters.rate_limit.rate: must be a number over 0")


LEVELS = """\
listeners:
  - name: web
    address: 127.0.0.1:0
    protocols: bolt
    routes: main
    filters: [{name: a, filter: rate_limit, rate: 1}, {name: b, filter: rate_limit, rate: 1}]
routes:
  main:
    filters: {a: {rate: 2}, b: false}
    virtual_hosts:
      - name: one
        domains: [one.test]
        filters: {b: {rate: 3}}
        routes:
          - {match: {service: r}, cluster: c}
          - {match: {service: s}, cluster: c}
          - {cluster: c, filters: {a: false, b: {rate: 4}}}
      - {name: rest, domains: ["*"], routes: [{cluster: c}]}
clusters: {c: {hosts: ["127.0.0.1:1"]}}
"""


def test_the_nearest_of_route_virtual_host_and_table_wins() -> None:
    found = snapshot(LEVELS)
    rates = [
        {name: given and given["rate"] for name, given in sorted(route.filters.items())} for route in found.routes["main"]
    ]
    assert rates == [{"a": 2, "b": 3}, {"a": 2, "b": 3}, {"a": None, "b": 4}, {"a": 2, "b": None}]
    rows = place(found).listeners["web"].routes["main"]
    assert rows[0] is rows[1], "routes of one virtual host count together"
    assert rows[0][0] is rows[3][0]
    assert rows[2][0] is None


@pytest.mark.parametrize(
    ("written", "instead", "expected"),
    [
        (
            "b: false",
            "b: 1",
            "9: routes.main.filters.b: must be settings or false, not the number 1; write the filter's settings, or false",
        ),
        (
            "a: {rate: 2}",
            "c: {rate: 2}",
            "9: routes.main.filters.c: no listener that has these routes has a filter 'c'; write one of: a, b",
        ),
        ("a: {rate: 2}", "a: {rate: 2, brst: 1}", "9: routes.main.filters.a.brst: there is no such key; did you mean burst?"),
        (
            "b: {rate: 3}",
            "b: {rat: 3, rate: 3}",
            "13: routes.main.virtual_hosts[0].filters.b.rat: there is no such key; did you mean rate?",
        ),
        (
            "{b: {rate: 3}}",
            "[b]",
            "13: routes.main.virtual_hosts[0].filters: must be a mapping, not a list; write a mapping of names to values",
        ),
    ],
)
def test_mistakes_of_virtual_hosts_and_tables(written: str, instead: str, expected: str) -> None:
    assert errors(LEVELS.replace(written, instead, 1)) == [expected]


def test_what_has_not_changed_is_the_same_filter(folder: Path) -> None:
    written = filters("{name: a, file: fine.py}", "{name: b, filter: rate_limit, rate: 1}")
    found = snapshot(written, file=str(folder / "x.yaml"))
    first = place(found)
    second = place(found, first)
    assert second.listeners["mesh"].filters == first.listeners["mesh"].filters
    (folder / "fine.py").write_text(FILES["fine.py"] + "# changed\n")
    third = place(found, second)
    assert third.listeners["mesh"].filters[0] != first.listeners["mesh"].filters[0]
    assert third.listeners["mesh"].filters[1] == first.listeners["mesh"].filters[1]


def _examples(model: Any) -> dict[str, Any]:
    return {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}


@pytest.mark.parametrize("name", MODELS)
def test_a_models_plain_form_is_what_the_filter_takes(name: str) -> None:
    plain = MODELS[name].model_validate(_examples(MODELS[name])).plain()
    assert settings_of(named(name), plain) is not None


def test_built_ins_are_all_there() -> None:
    assert [name for name, *_ in loading.BUILT_IN] == list(MODELS)


class Entry:
    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def load(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([Entry("fault", None)], "there are several filters 'fault'; uninstall all but one"),
        ([Entry("mine", None)] * 2, "there are several filters 'mine'; uninstall all but one"),
        ([Entry("mine", 42)], "'mine' is no filter; its entry point has to be a subclass of proxy.filters.Filter"),
        ([Entry("mine", ImportError("x"))], "'mine' cannot be loaded (ImportError: x); mend or uninstall it"),
    ],
)
def test_entry_points_that_are_refused(monkeypatch: pytest.MonkeyPatch, entries: list[Entry], expected: str) -> None:
    monkeypatch.setattr(loading, "entry_points", lambda group: entries if group == "xproto.filters" else [])
    with pytest.raises(FilterError) as caught:
        named(entries[0].name)
    assert str(caught.value) == expected


def test_an_entry_point_is_a_filter_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = named("fault")
    monkeypatch.setattr(loading, "entry_points", lambda group: [Entry("mine", mine)] if group == "xproto.filters" else [])
    assert named("mine") is mine


def test_a_name_that_is_another_filter_on_another_listener(folder: Path) -> None:
    written = filters("{name: a, file: fine.py}", routes="a: false").replace(
        "routes:\n  main",
        "  - {name: b, address: 127.0.0.1:9201, routes: main, filters: [{name: a, file: plain.py}]}\nroutes:\n  main",
    )
    assert errors(written, file=str(folder / "x.yaml")) == [
        "10: routes.main[0].filters.a: is another filter on listener b than on mesh; give them names of their own"
    ]
