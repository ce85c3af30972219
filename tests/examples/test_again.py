"""examples/policy/again.yaml, run as it is: hosts fail whatever they are asked first, and callers hear of it or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.examples.started import started
from tests.policy.mesh import Mesh
from tests.policy.speech.table import Answer, Asked, Call, Host, Speech, over, saying

FILE = Path("examples/policy/again.yaml")
ORDERS = "com.test.Orders"
USERS = 8
HEADED = saying("headers", "answer_headers", variants=True)
NOT_NOW = Answer("not now", headers={"x-not-now": "1"})


class Example:
    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.asked: dict[str, list[str]] = {name: [] for name in mesh.hosts}
        """Users, by the host that was asked."""
        self.known = set[str]()
        for host in mesh.hosts.values():
            host.answers = None
        self.serving = [mesh.world.loop.create_task(self.serve(host)) for host in mesh.hosts.values()]

    async def serve(self, host: Host) -> None:
        while True:
            await self.answer(host.name, await host.calls.get())

    async def answer(self, name: str, asked: Asked) -> None:
        """What is asked first has its connection closed, if it is an order; else it is told to come again."""
        who = asked.headers.get("x-user", asked.body.decode())
        self.asked[name].append(who)
        first = who not in self.known
        self.known.add(who)
        if first and asked.roles.get("service") == ORDERS:
            await asked.reset()
        else:
            await asked.reply(NOT_NOW if first else Answer("fine"))

    def ask(self, speech: Speech, call: Call) -> Answer:
        return self.mesh.ask("mesh", speech, call)


@pytest.fixture
def example(mesh: Mesh) -> Iterator[Example]:
    made = Example(mesh)
    yield made
    for task in made.serving:
        task.cancel()
    mesh.run(_all(made.serving))


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with started(FILE, "one", "two") as made:
        yield made


@over("service", variants=True)
def test_methods_that_may_be_asked_twice(example: Example, speech: Speech) -> None:
    assert example.ask(speech, Call(service=ORDERS, method="get", body=b"get")).ok
    assert "closed" in example.ask(speech, Call(service=ORDERS, method="add", body=b"add")).faults
    assert sorted(chain(*example.asked.values())) == ["add", "get", "get"]


@pytest.mark.parametrize("speech", HEADED, ids=repr)
def test_a_session_is_asked_again_where_it_is(example: Example, speech: Speech) -> None:
    users = [f"user-{n}" for n in range(USERS)]
    for user in users:
        answer = example.ask(speech, Call(headers={"x-user": user}))
        assert (answer.ok, answer.headers.get("x-not-now")) == (True, None)
    assert all(asked.count(user) in (0, 2) for asked in example.asked.values() for user in users)
    assert sum(map(len, example.asked.values())) == 2 * USERS


@pytest.mark.parametrize("speech", HEADED, ids=repr)
def test_what_is_longer_than_the_buffer_is_not_sent_again(example: Example, speech: Speech) -> None:
    for size, told in ((8 << 10, None), (20 << 10, "1")):
        answer = example.ask(speech, Call(body=b"x" * size))
        assert answer.headers.get("x-not-now") == told
