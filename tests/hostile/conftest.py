"""The proxy of a module, its fakes, and the bystanders that every hostile exchange must leave unharmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.fakes import Echo
from tests.hostile.peers import BEACON, CALLS, Bystander, Client
from tests.hostile.process import Proxy, Watch
from tests.hostile.speech import SPEECHES, Speech

CONFIG = """
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main, detect: {{timeout: 500ms}}, idle_timeout: 60s}}
routes:
  main:
    - {{name: grouped, match: {{headers: {{service: com.test.Echo, group: blue}}}}, cluster: b}}
    - {{name: second, match: {{headers: {{service: com.test.Echo, version: "2.0"}}}}, cluster: b}}
    - {{name: invoked, match: {{headers: {{service: com.test.Echo, method: secret}}}}, cluster: b}}
    - {{name: other, match: {{headers: {{service: com.test.Other}}}}, cluster: b}}
    - {{name: wild, match: {{headers: {{service: {{regex: "com[.]wild[.].*"}}}}}}, cluster: b}}
    - {{name: echo, match: {{headers: {{service: com.test.Echo}}}}, cluster: a}}
clusters:
  a: {{hosts: ["{a}"]}}
  b: {{hosts: ["{b}"]}}
protocol_specs: ["{beacon}"]
protocol_options: {{dubbo: {{serializations: [hessian2, fastjson]}}}}
admin: 127.0.0.1:0
"""


@pytest.fixture(scope="module")
def fakes() -> Iterator[tuple[Echo, Echo]]:
    with Echo(b"a") as a, Echo(b"b") as b:
        yield a, b


@pytest.fixture(scope="module")
def mesh(fakes: tuple[Echo, Echo], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Three protocols on one port. Only hessian2 and fastjson are allowed for Dubbo."""
    a, b = fakes
    config = CONFIG.format(a=a.address, b=b.address, beacon=BEACON)
    with Proxy(config, tmp_path_factory.mktemp("mesh")) as proxy:
        yield proxy
        proxy.sound()


@pytest.fixture(scope="module")
def bystanders(mesh: Proxy) -> Iterator[list[Bystander]]:
    made = [Bystander(mesh.address, make) for make in CALLS.values()]
    yield made
    for each in made:
        each.close()


@pytest.fixture
def unharmed(bystanders: list[Bystander]) -> Iterator[None]:
    """Calls of other connections, of each protocol, are in flight over the same upstream connections meanwhile."""
    for each in bystanders:
        each.begin()
    yield
    for each in bystanders:
        each.end()


@pytest.fixture
def watch(mesh: Proxy) -> Watch:
    return Watch(mesh)


@pytest.fixture
def client(mesh: Proxy) -> Iterator[Client]:
    with Client(mesh.address) as made:
        yield made


@pytest.fixture(params=SPEECHES)
def speech(request: pytest.FixtureRequest) -> Speech:
    return SPEECHES[request.param]
