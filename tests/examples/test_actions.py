"""The example of routes' actions, as a user starts it: what its comments say is what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.snapshot import DirectResponse
from tests.control.proxy_process import running
from tests.policy.mesh import Mesh
from tests.policy.speech.table import BOLT, DUBBO, HTTP1, Call, Speech

EXAMPLE = Path("examples/policy/actions.yaml")
CLOSED = DirectResponse(503, "closed for maintenance\n", "overload", 14)

its_protocols = pytest.mark.parametrize("speech", [BOLT, DUBBO, HTTP1], ids=repr)


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with Mesh.of("stable", "canary", "shadow") as made:
        hosts = {name.upper(): host.address for name, host in made.hosts.items()}
        with running(EXAMPLE, XPROTO_LISTEN="127.0.0.1:0", **hosts) as proxy:
            made.doors = proxy.wait_ready()
            yield made


def test_what_moved(example: Mesh) -> None:
    answer = example.ask("mesh", HTTP1, Call(path="/v1/a?b=c", host="mesh.test:80"))
    assert (answer.code, answer.text, answer.headers["location"]) == (308, "", "http://mesh.test:80/v2/a?b=c")


@its_protocols
def test_what_is_down(example: Mesh, speech: Speech) -> None:
    answer = example.ask("mesh", speech, Call(headers={"env": "down"}))
    assert (answer.code, answer.text) == speech.direct(CLOSED)


@its_protocols
def test_who_names_a_cluster(example: Mesh, speech: Speech) -> None:
    for named, found in (("canary", "canary"), ("no-such", "stable")):
        assert example.ask("mesh", speech, Call(headers={"x-cluster": named})).text == found


@its_protocols
def test_one_in_ten_and_a_copy_of_each(example: Mesh, speech: Speech) -> None:
    shadow = example.hosts["shadow"].calls
    example.came()
    client = example.client("mesh", speech)
    found = Counter(example.call(client, Call()).text for _ in range(200))
    assert found["stable"] + found["canary"] == 200
    assert 3 <= found["canary"] <= 50
    example.run(example.world.until(lambda: shadow.qsize() == 200))
