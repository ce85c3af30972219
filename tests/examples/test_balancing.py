"""examples/balancing.yaml, run as it is: users stay with their hosts, testers with the new version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import running
from tests.policy.mesh import Mesh
from tests.policy.speech.table import Call, Client, Speech, over

FILE = Path("examples/balancing.yaml")
HOSTS = ("OLD_1", "OLD_2", "NEW_1", "NEW_2")


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with Mesh.of(*HOSTS) as made:
        addresses = {name: host.address for name, host in made.hosts.items()}
        with running(FILE, XPROTO_LISTEN="127.0.0.1:0", **addresses) as proxy:
            made.doors = proxy.wait_ready()
            yield made


def home(example: Mesh, client: Client, **headers: str) -> str:
    """Which host gets it."""
    return example.call(client, Call(headers={name.replace("_", "-"): value for name, value in headers.items()})).text


@over("headers", "frames")
def test_a_users_calls_go_to_one_host(example: Mesh, speech: Speech) -> None:
    users = [f"user-{n}" for n in range(30)]
    one, other = example.client("mesh", speech), example.client("mesh", speech)
    homes = [home(example, one, x_user=user) for user in users]
    assert homes == [home(example, other, x_user=user) for user in users]
    assert set(homes) == set(HOSTS)


@over("frames")
def test_a_client_without_a_name_stays_too(example: Mesh, speech: Speech) -> None:
    one, other = example.client("mesh", speech), example.client("mesh", speech)
    assert len({home(example, client, other="x") for client in (one, other) for _ in range(4)}) == 1


@over("headers", "frames")
def test_testers_get_the_new_version(example: Mesh, speech: Speech) -> None:
    client = example.client("mesh", speech)
    assert {home(example, client, env="gray", x_user=f"user-{n}") for n in range(20)} == {"NEW_1", "NEW_2"}
