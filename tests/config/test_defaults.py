"""Timeouts and retry policies of tables and virtual hosts: whose word counts, and the one line about each mistake."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from proxy.config.protocols import load_registry
from proxy.snapshot import Retry, Route
from tests.config.fakes import errors, snapshot

LOADED = load_registry((), {})
TABLE, HOST, OWN = ({"on": [name]} for name in ("connect_failure", "refused", "reset"))


def known(*_: Any) -> Any:
    """All that is built in, loaded once."""
    return LOADED


def text(table: dict[str, Any], host: dict[str, Any], route: dict[str, Any]) -> str:
    """A file with a level each. In lines: the table is 5, its virtual host 7, the route 10."""
    lines = [
        "listeners:",
        "- {name: mesh, address: '127.0.0.1:9200', protocols: [bolt, http1], routes: main}",
        "clusters: {echo: {hosts: ['127.0.0.1:9100']}}",
        "routes:",
        "  main:",
        "    virtual_hosts:",
        "    - name: all",
        "      domains: '*'",
        "      routes:",
        f"      - {flow(route if 'direct_response' in route else {'cluster': 'echo', **route})}",
        *(f"      {name}: {flow(value)}" for name, value in host.items()),
        *(f"    {name}: {flow(value)}" for name, value in table.items()),
    ]
    return "\n".join(lines)


def flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).strip().removesuffix("\n...")


def built(table: dict[str, Any], host: dict[str, Any], route: dict[str, Any]) -> Route:
    [found] = snapshot(text(table, host, route), known).routes["main"]
    assert isinstance(found, Route)
    return found


@pytest.mark.parametrize(
    ("table", "host", "route", "expected"),
    [
        ({}, {}, {}, None),
        ({"retry": TABLE}, {}, {}, "connect_failure"),
        ({"retry": TABLE}, {"retry": HOST}, {}, "refused"),
        ({"retry": TABLE}, {"retry": HOST}, {"retry": OWN}, "reset"),
        ({}, {"retry": HOST}, {}, "refused"),
        ({"retry": TABLE}, {"retry": False}, {}, None),
        ({"retry": TABLE}, {}, {"retry": False}, None),
        ({"retry": False}, {}, {}, None),
        ({"retry": False}, {"retry": HOST}, {}, "refused"),
        ({"retry": TABLE}, {"retry": False}, {"retry": OWN}, "reset"),
        ({"retry": TABLE}, {}, {"direct_response": {"status": 503}}, None),
    ],
)
def test_the_nearest_policy_counts(table: Any, host: Any, route: Any, expected: str | None) -> None:
    found = built(table, host, route)
    assert (found.retry.on[0] if found.retry else None) == expected


def test_policies_are_not_put_together() -> None:
    assert built({"retry": {"attempts": 5}}, {}, {"retry": {"on": "reset"}}).retry == Retry(on=("reset",))


def test_off_as_people_write_it() -> None:
    written = text({"retry": TABLE}, {}, {}).replace("{cluster: echo}", "{cluster: echo, retry: off}")
    assert snapshot(written, known).routes["main"][0].retry is None


@pytest.mark.parametrize(
    ("table", "host", "route", "expected"),
    [
        (None, None, None, None),
        ("3s", None, None, 3.0),
        ("3s", "2s", None, 2.0),
        ("3s", "2s", "1s", 1.0),
        ("3s", 0, None, 0.0),
        ("3s", None, 0, 0.0),
    ],
)
def test_the_nearest_timeout_counts(table: Any, host: Any, route: Any, expected: float | None) -> None:
    levels = [{} if each is None else {"timeout": each} for each in (table, host, route)]
    assert built(*levels).timeout == expected


def test_answers_of_the_proxy_have_no_timeout() -> None:
    assert built({"timeout": "3s"}, {}, {"direct_response": {"status": 503}}).timeout is None


ROUTE = "10: routes.main.virtual_hosts[0].routes[0]"
WRONG: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = [
    (
        {"retry": True}, {}, {},
        (
            "11: routes.main.retry: must be a policy or false, not true (true or false); write {on: [...]}, or"
            " false for no retries"
        ),
    ),
    (
        {}, {"retry": "never"}, {},
        (
            "11: routes.main.virtual_hosts[0].retry: must be a policy or false, not 'never'; write {on: [...]},"
            " or false for no retries"
        ),
    ),
    ({}, {"retry": None}, {}, "11: routes.main.virtual_hosts[0].retry: has no value; write one, or leave the key out"),
    (
        {}, {"retry_policy": {}}, {},
        "11: routes.main.virtual_hosts[0].retry_policy: is called retry here; write retry: {on: [...]}",
    ),
    ({"retry": {"attempt": 1}}, {}, {}, "11: routes.main.retry.attempt: there is no such key; did you mean attempts?"),
    (
        {"retry": {"on": ["eror"]}}, {}, {},
        "11: routes.main.retry.on[0]: 'eror' is no status of bolt or http1, and no event; did you mean error?",
    ),
    (
        {}, {"retry": {"on": ["server_threadpol_busy"]}}, {},
        (
            "11: routes.main.virtual_hosts[0].retry.on[0]: 'server_threadpol_busy' is no status of bolt or http1, and no"
            " event; did you mean server_threadpool_busy?"
        ),
    ),
    (
        {"retry": {"per_try_timeout": "1s"}, "timeout": "1s"}, {}, {},
        "11: routes.main.retry.per_try_timeout: 1s leaves no time of the timeout (1s) for another try; write a shorter one",
    ),
    (
        {"timeout": "1s"}, {"retry": {"per_try_timeout": "2s"}}, {},
        (
            "11: routes.main.virtual_hosts[0].retry.per_try_timeout: 2s leaves no time of the timeout (1s, of"
            " the table) for another try; write a shorter one"
        ),
    ),
    (
        {}, {"timeout": "1s"}, {"retry": {"per_try_timeout": "2s"}},
        (
            f"{ROUTE}.retry.per_try_timeout: 2s leaves no time of the timeout (1s, of virtual host 'all') for"
            " another try; write a shorter one"
        ),
    ),
    (
        {"retry": {"per_try_timeout": "2s"}}, {}, {"timeout": "500ms"},
        (
            f"{ROUTE}.timeout: 0.5s leaves no time for another try of 2s (retry.per_try_timeout of the table);"
            " write a longer one, or a retry beside it"
        ),
    ),
    (
        {}, {"timeout": "soon"}, {},
        (
            "11: routes.main.virtual_hosts[0].timeout: 'soon' is no duration; write seconds (1.5) or a number"
            " with us, ms, s, m or h (250ms)"
        ),
    ),
    (
        {}, {}, {"direct_response": {"status": 503}, "retry": False},
        f"{ROUTE}: retry beside direct_response, by which no call goes anywhere; leave it out",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("table", "host", "route", "expected"), WRONG, ids=[case[3].split(";")[0] for case in WRONG])
def test_one_mistake_gives_one_line(table: Any, host: Any, route: Any, expected: str) -> None:
    assert errors(text(table, host, route), known) == [expected]


def test_a_try_that_fits_where_there_is_no_deadline() -> None:
    assert errors(text({"timeout": "1s"}, {"timeout": 0}, {"retry": {"per_try_timeout": "2s"}}), known) == []
