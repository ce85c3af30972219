"""A proxy with one listener for each route table, and two hosts: traffic that a condition takes goes to `there`.

Test functions may be coroutines, and `world` is the proxy of the data path's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import yaml

from tests.control.proxy_process import running
from tests.datapath.conftest import loop, pytest_pyfunc_call, world
from tests.policy.calls import SPEAKERS, Call
from tests.policy.hosts import Host

__all__ = ["loop", "pytest_pyfunc_call", "world"]


class Mesh(NamedTuple):
    here: Host
    there: Host
    addresses: dict[str, str]

    def ask(self, table: str, protocol: str, call: Call) -> Any:
        """The answer to a call to the listener of a table."""
        return SPEAKERS[protocol].ask(self.addresses[table], call)

    def send(self, table: str, protocol: str, call: Call) -> str:
        """Sends a call to the listener of a table; says which host got it, `none` where the proxy answered itself."""
        self.here.take()
        self.there.take()
        self.ask(table, protocol, call)
        got = [host.name for host in (self.here, self.there) if host.take()]
        assert len(got) < 2, "it went to both"
        return got[0] if got else "none"


@pytest.fixture(scope="module")
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """The module's `TABLES` are the route tables by name; clusters are `here` and `there`."""
    here, there = Host("here"), Host("there")
    configuration: dict[str, Any] = {
        "listeners": [
            {"name": name, "address": "127.0.0.1:0", "protocols": "auto", "routes": name} for name in request.module.TABLES
        ],
        "routes": request.module.TABLES,
        "clusters": {host.name: {"hosts": [host.address], "http": "http2"} for host in (here, there)},
    }
    file = tmp_path_factory.mktemp("policy") / "proxy.yaml"
    file.write_text(yaml.safe_dump(configuration))
    with running(file) as proxy:
        yield Mesh(here, there, proxy.wait_ready())
    here.close()
    there.close()
