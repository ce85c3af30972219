"""Retry policies and budgets: what is read, and the one line about each mistake. Statuses are those of the real protocols."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from proxy.config.protocols import load_registry
from proxy.snapshot import Retry, RetryBudget
from tests.config.fakes import SMALLEST, Registry, errors, protocol, snapshot

LOADED = load_registry((), {})


def known(*_: Any) -> Any:
    """All that is built in, loaded once."""
    return LOADED


EVENTS = "connect_failure, refused, reset, timeout"


def route(retry: str, *more: str) -> str:
    """The smallest file with a policy (line 9)."""
    lines = "".join(f"      {line}\n" for line in (f"retry: {retry}", *more))
    return SMALLEST.replace("      cluster: echo\n", f"      cluster: echo\n{lines}")


def cluster(line: str) -> str:
    """With one line more in its cluster (line 12)."""
    return SMALLEST + f"    {line}\n"


def spoken(protocols: str, retry: str) -> str:
    """With these protocols; the policy is in line 10 then."""
    return route(retry).replace("    routes: main\n", f"    protocols: {protocols}\n    routes: main\n")


AT = "9: routes.main[0].retry"
ON = "10: routes.main[0].retry.on"
WRONG = [
    (route("null"), f"{AT}: has no value; write one, or leave the key out"),
    (route("{on: [], attempts: 1}"), f"{AT}: nothing is retried; write what under on, or leave retry out"),
    (
        route("{on: {reset: true}}"),
        f"{AT}.on: must be events and statuses, not a mapping; write one, or a list of them",
    ),
    (route("{on: [reset, reset]}"), f"{AT}.on: 'reset' is listed twice; write it once"),
    (
        route("{on: [true]}"),
        f"{AT}.on[0]: must be an event or a status, not true (true or false); write {EVENTS}, or a status",
    ),
    (route(f"{{on: [{', '.join(map(str, range(65)))}]}}"), f"{AT}.on: there are 65; write at most 64"),
    (
        route("{on: [timeout]}"),
        f"{AT}: timeout retries a try that took too long, and none can; write per_try_timeout, or leave timeout out",
    ),
    (
        route("{on: [reset, timeout], per_try_timeout: 1s, idempotent: false}"),
        (
            f"{AT}: reset and timeout may come when a call was processed, and with idempotent: false none of them is retried;"
            " write connect_failure or refused, or which calls may be processed twice"
        ),
    ),
    (route("{attempts: 0}"), f"{AT}.attempts: 0 is out of range; write 1 to 10"),
    (route("{attempts: 11}"), f"{AT}.attempts: 11 is out of range; write 1 to 10"),
    (
        route("{per_try_timeout: 0}"),
        f"{AT}.per_try_timeout: 0 is out of range; write between 0.001s and 604800s",
    ),
    (route("{per_try_timeout: null}"), f"{AT}.per_try_timeout: has no value; write one, or leave the key out"),
    (
        route("{per_try_timeout: 2s}", "timeout: 1s"),
        (
            "7: routes.main[0]: retry.per_try_timeout (2s) leaves no time of the timeout (1s) for another try;"
            " write a shorter one"
        ),
    ),
    (
        route("{back_off: {base: 2s, max: 1s}}"),
        f"{AT}.back_off: base (2s) is over max (1s); write a base of at most max",
    ),
    (
        route("{idempotent: sometimes}"),
        f"{AT}.idempotent: must be true, false or methods, not 'sometimes'; write true, false, or {{methods: [...]}}",
    ),
    (
        route("{idempotent: {methods: []}}"),
        f"{AT}.idempotent: methods must be a list of names; write {{methods: [find, list]}}",
    ),
    (
        route("{idempotent: {method: [get]}}"),
        f"{AT}.idempotent: must be true, false or methods, not a mapping; write true, false, or {{methods: [...]}}",
    ),
    (route("{same_host: 1}"), f"{AT}.same_host: must be true or false, not the number 1; write true or false"),
    (
        route("{retriable_headers: ['a b']}"),
        f"{AT}.retriable_headers[0]: 'a b' is no header's name; write one, such as x-try-again",
    ),
    (
        route(f"{{retriable_headers: [{', '.join(f'x-{n}' for n in range(17))}]}}"),
        f"{AT}.retriable_headers: there are 17; write at most 16",
    ),
    (
        route("{buffer: 17MiB}"),
        f"{AT}: buffer (17825792 bytes) is over what may be kept of one request; write at most 16MiB",
    ),
    (
        route("{attempt: 3}"),
        f"{AT}.attempt: there is no such key; did you mean attempts?",
    ),
    (cluster("retry_budget: {percent: 101}"), "12: clusters.echo.retry_budget.percent: 101 is out of range; write 0 to 100"),
    (
        cluster("retry_budget: {min_concurrent: -1}"),
        "12: clusters.echo.retry_budget.min_concurrent: -1 is out of range; write 0 to 1000000",
    ),
    # statuses, by who speaks
    (
        spoken("bolt", "{on: [server_threadpol_busy]}"),
        f"{ON}[0]: 'server_threadpol_busy' is no status of bolt, and no event; did you mean server_threadpool_busy?",
    ),
    (
        spoken("[bolt, dubbo]", "{on: [reset, unavailable]}"),
        f"{ON}[1]: 'unavailable' is no status of dubbo or bolt, and no event; write {EVENTS}, or a status (docs/retries.md)",
    ),
    (
        spoken("thrift", "{on: [busy]}"),
        f"{ON}[0]: 'busy' is no status of thrift, and no event; write one of: {EVENTS}, reply, exception",
    ),
    (
        spoken("auto", "{on: [nonsense]}"),
        (
            f"{ON}[0]: 'nonsense' is no status of any protocol of its listeners, and no event; write {EVENTS}, or a status"
            " (docs/retries.md)"
        ),
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[case[1].split(";")[0] for case in WRONG])
def test_one_mistake_gives_one_line(text: str, expected: str) -> None:
    assert errors(text, known) == [expected]


def test_statuses_of_a_protocol_that_declares_none() -> None:
    silent = SimpleNamespace(**vars(protocol()), protocol=SimpleNamespace(name="morse", statuses={}, carries=()))
    text = spoken("morse", "{on: [reset, 503]}")
    told = errors(text, Registry(morse=silent))
    assert told == [f"{ON}[1]: answers of morse say no status; write one of {EVENTS}"]


def built(text: str) -> Retry:
    found: Retry = snapshot(text, known).routes["main"][0].retry
    return found


def test_a_policy_that_says_nothing() -> None:
    assert built(route("{}")) == Retry(on=("connect_failure", "refused", "reset"), attempts=2)
    assert snapshot(SMALLEST).routes["main"][0].retry is None
    assert snapshot(SMALLEST).clusters["echo"].retry_budget == RetryBudget(20, 3)


def test_a_policy_that_says_everything() -> None:
    given = (
        "{on: [reset, unavailable, 5xx, '429', timeout, -9], retriable_headers: [X-Again], attempts: 5, per_try_timeout: 200ms,"
        " back_off: {base: 10ms, max: 1s}, idempotent: {methods: [find]}, same_host: true, buffer: 1MiB}"
    )
    assert built(route(given)) == Retry(
        on=("reset", "timeout"), statuses=("unavailable", "5xx", 429, -9), headers=("x-again",), attempts=5,
        per_try_timeout=0.2, back_off_base=0.01, back_off_max=1.0, idempotent=None, methods=("find",), same_host=True,
        buffer=1 << 20,
    )  # fmt: skip


def test_one_event_without_a_list() -> None:
    assert built(route("{on: reset, idempotent: true}")) == Retry(on=("reset",), idempotent=True)


def test_a_budget() -> None:
    found = snapshot(cluster("retry_budget: {percent: 34, min_concurrent: 0}"), known)
    assert found.clusters["echo"].retry_budget == RetryBudget(34, 0)


def test_statuses_of_what_streams_carry_are_known() -> None:
    assert built(spoken("http2", "{on: [unavailable, gateway_error]}")).statuses == ("unavailable", "gateway_error")
