"""What most tests of policies begin with: a world that speaks one protocol, its hosts, and a client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.snapshot import Cluster, Filter, Route
from tests.datapath.world import Backend, World
from tests.policy.speech.table import Answer, Asked, Call, Client, Host, Speech

Where = Host | Backend | str


def everything(**fields: Any) -> Route:
    """A route for every call."""
    return Route("all", (), fields.pop("cluster", "main"), **fields)


def address_of(host: Where) -> str:
    return host if isinstance(host, str) else host.address


def start(
    world: World, speech: Speech, routes: Route | tuple[Route, ...], *hosts: Where,
    clusters: Mapping[str, Where | Cluster | None] | None = None, listener: dict[str, Any] | None = None, **cluster: Any,
) -> World:  # fmt: skip
    """One listener with these routes; `main` has these hosts and fields, `clusters` are others, None: one without a host."""
    made = {
        name: given if isinstance(given, Cluster) else cluster_of(speech, name, given)
        for name, given in (clusters or {}).items()
    }
    return world.start(
        *map(address_of, hosts), protocols=(speech.protocol,), routes=(routes,) if isinstance(routes, Route) else routes,
        clusters=made, listener={**speech.listener, **(listener or {})}, **{**speech.cluster, **cluster},
    )  # fmt: skip


def cluster_of(speech: Speech, name: str, host: Where | None, **fields: Any) -> Cluster:
    return Cluster(name, () if host is None else (address_of(host),), **{**speech.cluster, **fields})


class Talk:
    """A client of a proxy with filters, and the hosts of its cluster, which a test lets answer."""

    client: Client
    hosts: list[Host]

    def __init__(self, world: World, speech: Speech) -> None:
        self.world, self.speech = world, speech

    async def start(
        self, *filters: Filter, hosts: int = 1, routes: Route | tuple[Route, ...] | None = None,
        cluster: dict[str, Any] | None = None, **listener: Any,
    ) -> Talk:  # fmt: skip
        self.hosts = [Host(self.world, self.speech) for _ in range(hosts)]
        given = {"filters": filters, **listener}
        start(self.world, self.speech, routes or everything(), *self.hosts, listener=given, **(cluster or {}))
        self.client = await self.speech.client(self.world)
        return self

    async def ask(self, number: int = 1, env: str | None = None) -> None:
        """`env`: a header's value."""
        await self.client.ask(Call(number=number, headers={} if env is None else {"x-env": env}))

    async def serve(self, host: Host | None = None) -> Asked:
        """The next call there, answered."""
        asked = await (host or self.hosts[0]).take()
        await asked.answer(headers={"x-answer": "1"} if "answer_headers" in self.speech.says else None)
        return asked

    async def answer(self) -> Answer:
        return await self.client.answer()

    async def call(self, number: int = 1, env: str | None = None) -> Answer:
        """There and back."""
        await self.ask(number, env)
        await self.serve()
        return await self.answer()
