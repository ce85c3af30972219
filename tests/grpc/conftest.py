"""One proxy with gRPC's servers behind it, for all tests of a file."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.control.proxy_process import PATIENCE, running
from tests.grpc.server import LARGEST, Server
from tests.grpc.wire import Quitter, Wire

CONFIGURATION = """\
listeners:
  - {{name: mesh, address: '127.0.0.1:0', protocols: auto, routes: main, access_log: {folder}/access.log}}
routes:
  main:
    - {{match: {{headers: {{service: test.Other}}}}, cluster: other}}
    - {{match: {{headers: {{service: test.Echo, method: Split}}}}, cluster: other}}
    - {{match: {{headers: {{service: test.Echo, version: "2.0", group: blue}}}}, cluster: other}}
    - {{match: {{headers: {{service: test.Echo}}}}, cluster: echo}}
    - {{match: {{headers: {{service: test.Hasty}}}}, cluster: echo, timeout: 300ms}}
    - {{match: {{headers: {{service: test.Nowhere}}}}, cluster: nowhere}}
    - {{match: {{headers: {{service: test.Empty}}}}, cluster: empty}}
    - {{match: {{headers: {{service: test.Busy}}}}, cluster: busy}}
    - {{match: {{headers: {{service: test.Quitter}}}}, cluster: quitter}}
clusters:
  echo: {{hosts: ['{echo}'], http: http2}}
  other: {{hosts: ['{other}'], http: http2}}
  nowhere: {{hosts: ['127.0.0.1:1'], http: http2}}
  empty: {{hosts: [], http: http2}}
  busy: {{hosts: ['{echo}'], http: http2, max_connections: 1, max_in_flight: 1, max_pending: 1}}
  quitter: {{hosts: ['{quitter}'], http: http2}}
admin: 127.0.0.1:0
"""


class Proxy:
    """Where it listens, and what it says of itself."""

    def __init__(self, folder: Path, addresses: dict[str, str]) -> None:
        self.folder, self.address, self.admin = folder, addresses["mesh"], addresses["admin"]
        self.channel = grpc.insecure_channel(self.address, options=LARGEST)

    def unary(self, path: str) -> Any:
        return self.channel.unary_unary(path)

    def count(self, name: str, **labels: str) -> float:
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=PATIENCE) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"xproto_{name}" and labels.items() <= sample.labels.items():
                    return sample.value
        raise AssertionError(f"no {name} {labels}")

    def lines(self, **wanted: Any) -> list[dict[str, Any]]:
        """Of the access log, those with these values; it waits until there is one."""
        end = time.monotonic() + PATIENCE
        while True:
            found = [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]
            if chosen := [line for line in found if wanted.items() <= line.items()]:
                return chosen
            assert time.monotonic() < end, f"no {wanted} among {found}"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def echo() -> Iterator[Server]:
    made = Server("echo")
    yield made
    made.close()


@pytest.fixture(scope="module")
def other() -> Iterator[Server]:
    made = Server("other")
    yield made
    made.close()


@pytest.fixture(scope="module")
def quitter() -> Iterator[Quitter]:
    made = Quitter()
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, echo: Server, other: Server, quitter: Quitter) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    file = folder / "proxy.yaml"
    file.write_text(CONFIGURATION.format(folder=folder, echo=echo.address, other=other.address, quitter=quitter.address))
    with running(file) as process:
        made = Proxy(folder, process.wait_ready())
        yield made
        made.channel.close()


@pytest.fixture
def wire(proxy: Proxy) -> Iterator[Wire]:
    made = Wire(proxy.address)
    yield made
    made.close()
