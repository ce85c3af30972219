"""A proxy whose upstream is in the test's hands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.fakes import Script, port_that_refuses
from tests.hostile.peers import BEACON, Client
from tests.hostile.process import Proxy, Watch

CONFIG = """
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}}
routes:
  main:
    - {{match: {{headers: {{service: com.test.Echo}}}}, cluster: scripted}}
    - {{match: {{headers: {{service: refused}}}}, cluster: refused}}
    - {{match: {{headers: {{service: nowhere}}}}, cluster: nowhere}}
clusters:
  scripted: {{hosts: ["{host}"]}}
  refused: {{hosts: ["127.0.0.1:{refused}"]}}
  nowhere: {{hosts: []}}
protocol_specs: ["{beacon}"]
admin: 127.0.0.1:0
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Script]:
    with Script() as made:
        yield made


@pytest.fixture(scope="module")
def mesh(host: Script, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    config = CONFIG.format(host=host.address, refused=port_that_refuses(), beacon=BEACON)
    with Proxy(config, tmp_path_factory.mktemp("mesh")) as proxy:
        yield proxy
        proxy.sound()


@pytest.fixture(autouse=True)
def fresh(mesh: Proxy, host: Script) -> Iterator[None]:
    """Every test begins and ends without upstream connections, and with a host that is not left alone after a failure."""
    yield
    host.hang_up()
    mesh.eventually(0, "upstream_connections_active")
    mesh.eventually(0, "upstream_in_flight")
    mesh.eventually_available("scripted")


@pytest.fixture
def watch(mesh: Proxy) -> Watch:
    return Watch(mesh)


@pytest.fixture
def client(mesh: Proxy) -> Iterator[Client]:
    with Client(mesh.address) as made:
        yield made
