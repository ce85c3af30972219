"""Where policies are tested: the `world` of the data path's tests, in which test functions may be coroutines, and a `mesh`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from proxy.filters import loading
from tests.control.proxy_process import running
from tests.datapath.conftest import loop, pytest_pyfunc_call, world
from tests.policy.mesh import Mesh

__all__ = ["loop", "pytest_pyfunc_call", "world"]


@pytest.fixture(scope="module", autouse=True)
def _installed() -> Iterator[None]:
    """What is installed does not change meanwhile: it is looked through once, not for each filter of each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "entry_points", cache(loading.entry_points))
        yield


@pytest.fixture(scope="module")
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A listener for each of the module's `TABLES`, which are route tables by name; clusters are `here` and `there`."""
    tables = request.module.TABLES
    file = tmp_path_factory.mktemp("policy") / "proxy.yaml"
    with Mesh.of("here", "there") as made:
        configuration = {
            "listeners": [{"name": name, "address": "127.0.0.1:0", "protocols": "auto", "routes": name} for name in tables],
            "routes": tables,
            "clusters": {name: {"hosts": [host.address], "http": "http2"} for name, host in made.hosts.items()},
        }
        file.write_text(yaml.safe_dump(configuration))
        with running(file) as proxy:
            made.doors = proxy.wait_ready()
            yield made
