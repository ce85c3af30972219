"""HTTP, Bolt and Dubbo at once, through one port that finds out which is which."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from harness.mesh import BOLT_SERVICE, ECHO, Mesh
from harness.programs import curl
from harness.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.web import Web

BURST = 600
CONFIG = """\
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}}
routes:
  main:
    - {{match: {{headers: {{service: "{bolt_service}"}}}}, cluster: bolt}}
    - {{match: {{headers: {{service: {dubbo_service}}}}}, cluster: dubbo}}
    - {{match: {{path: {{prefix: /}}}}, cluster: http}}
clusters:
  bolt: {{hosts: ["{bolt}"]}}
  dubbo: {{hosts: ["{dubbo}"]}}
  http: {{hosts: ["{http}"]}}
"""


@pytest.fixture
def proxy(mesh: Mesh, web: Web) -> Iterator[Proxy]:
    hosts = {"bolt": mesh.peer("bolt_server").address, "dubbo": mesh.peer("dubbo_provider").address, "http": web.node.address}
    config = CONFIG.format(bolt_service=BOLT_SERVICE, dubbo_service=ECHO, **hosts)
    with Proxy(config, web.folder, "mixed") as started:
        yield started


def test_clients_of_all_at_once(mesh: Mesh, web: Web, proxy: Proxy) -> None:
    headers = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo"}
    calls: dict[str, Any] = {"target": proxy.address, "count": BURST, "threads": 8, "client": "http", "timeout": 20_000}
    posts = {"method": "POST", "size": 3000, "chunked": True, "count": BURST, "threads": 8}
    url = f"http://{proxy.address}/echo"
    jobs = [
        (mesh.peer("bolt_client"), "call", {"headers": headers, "size": 256, **calls}),
        (mesh.peer("dubbo_consumer"), "call", {"method": "echo", "text": "dubbo", **calls}),
        (web.peer("python"), "burst", {"url": url, "count": BURST, "connections": 8}),
        (web.peer("java"), "burst", {"url": url, **posts}),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        results = [future.result() for future in [pool.submit(peer.do, cmd, 120, **args) for peer, cmd, args in jobs]]
    assert [(result["ok"], result["right"]) for result in results] == [(True, BURST)] * len(jobs), results
    assert b'"method":"GET"' in curl(url).stdout
