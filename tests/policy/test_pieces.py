"""Requests that are passed on in pieces go where whole ones of their value and metadata go."""

from __future__ import annotations

from proxy.snapshot import Route
from tests.datapath.test_streams import BODY, answer, begin, read, some
from tests.datapath.world import Backend, Peer, World
from tests.policy.scenes import everything
from tests.policy.test_hashing import owner_of
from tests.protocols.beacon_peer import request

VALUES = [f"com.test.Service{n}" for n in range(8)]
SOME = 600_000
"""Bytes of a request: enough that it goes on before it is whole."""


def started(world: World, route: Route, versions: str = "", **cluster: str) -> dict[str, Backend]:
    """Three hosts by their names."""
    hosts = {name: world.backend() for name in "abc"}
    metadata = {host.address: {"version": f"v{digit}"} for host, digit in zip(hosts.values(), versions, strict=False)}
    begin(world, *hosts.values(), routes=(route,), metadata=metadata, **cluster)
    return hosts


def owner(hosts: dict[str, Backend], value: str) -> str:
    return owner_of({host.address: name for name, host in hosts.items()}, value)


async def passed_on(backend: Backend | Peer, client: Peer, value: str) -> Peer:
    """A request of 1 MiB goes to this host, by a new connection or this one, and its answer comes back."""
    data = request(value.encode(), body=BODY, id=7).encode()
    await client.send(data[:SOME])
    upstream = await backend.accept() if isinstance(backend, Backend) else backend
    await some(upstream, 256 * 1024)
    await client.send(data[SOME:])
    call = read(await upstream.receive())
    await upstream.send(answer(call, b"fine"))
    assert read(await client.receive()).body == b"fine"
    return upstream


async def test_a_value_has_its_host(world: World) -> None:
    hosts = started(world, everything(hash_policy=("service",)), lb="maglev")
    client = await world.client()
    known: dict[str, Peer] = {}
    for value in VALUES + VALUES:
        name = owner(hosts, value)
        known[name] = await passed_on(known.get(name, hosts[name]), client, value)
    assert len(known) > 1
    assert {each["lane"] for place in range(3) for each in world.upstreams(place)} == {"own"}


async def test_its_host_is_away(world: World) -> None:
    hosts = started(world, everything(hash_policy=("service",)), lb="maglev")
    client = await world.client()
    value = next(value for value in VALUES if owner(hosts, value) == "a")
    hosts["a"].close()
    await client.send(request(value.encode(), body=BODY, id=7).encode()[:SOME])
    await world.until(lambda: world.upstreams(1) or world.upstreams(2))
    assert world.count("upstream_connect_failures_total", host=hosts["a"].address) == 1


async def test_metadata(world: World) -> None:
    hosts = started(world, everything(metadata_match={"version": "v2"}), "112")
    client = await world.client()
    upstream = await passed_on(hosts["c"], client, VALUES[0])
    for value in VALUES:
        await passed_on(upstream, client, value)
    assert not world.upstreams(0)
    assert not world.upstreams(1)
