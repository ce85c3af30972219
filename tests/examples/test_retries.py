"""examples/retries.yaml, run: one of its two hosts closes every connection at the first call, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import running
from tests.policy.mesh import Mesh
from tests.policy.speech.table import BOLT, Answer, Call, Host

FILE = Path("examples/retries.yaml")
CALLS = 20


async def quits(host: Host) -> None:
    """Ends a connection when something comes by it."""
    while True:
        await (await host.calls.get()).reset()


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with Mesh.of("good", "bad") as made:
        made.hosts["bad"].answers = None
        quitting = made.world.loop.create_task(quits(made.hosts["bad"]))
        hosts = {"ECHO_1": made.hosts["good"].address, "ECHO_2": made.hosts["bad"].address}
        with running(FILE, XPROTO_LISTEN="127.0.0.1:0", XPROTO_ADMIN="127.0.0.1:0", **hosts) as proxy:
            made.doors = proxy.wait_ready()
            yield made
        quitting.cancel()


def answers(example: Mesh, method: str) -> list[Answer]:
    client = example.client("mesh", BOLT)
    calls = [Call(service="com.test.EchoService", method=method, number=number) for number in range(CALLS)]
    return [example.call(client, call) for call in calls]


def test_what_may_be_processed_twice_is_answered_whoever_goes(example: Mesh) -> None:
    assert [(each.number, each.text) for each in answers(example, "echo")] == [(n, "good") for n in range(CALLS)]


def test_what_may_not_fails_where_its_host_went(example: Mesh) -> None:
    told = answers(example, "write")
    closed = sum("closed" in each.faults for each in told)
    assert 0 < closed < CALLS
    assert sum(each.ok for each in told) == CALLS - closed
