"""A filter that is stuck in C, in a proxy as its users run it: the worker ends, and another one serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.control.proxy_process import running
from tests.policy.mesh import Mesh
from tests.policy.speech.table import HTTP1, Call

STUCK = """\
import time

from proxy.filters import Call, Filter


class Stuck(Filter):
    def on_request(self, call: Call) -> None:
        if call.get("x-stuck") is not None:
            time.sleep(600)
"""
CONFIGURATION = """\
listeners:
  - name: web
    address: 127.0.0.1:0
    protocols: http1
    routes: main
    filters:
      - {{name: stuck, file: stuck.py, block_limit: 50ms, stuck_limit: 300ms}}
routes:
  main: [{{cluster: web}}]
clusters:
  web: {{hosts: [{host}]}}
"""


def test_the_worker_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)
    with Mesh.of("web") as mesh:
        file = tmp_path / "proxy.yaml"
        file.write_text(CONFIGURATION.format(host=mesh.hosts["web"].address))
        with running(file) as proxy:
            mesh.doors = proxy.wait_ready()
            [worker] = proxy.workers()
            assert mesh.send("web", HTTP1, Call()) == "web"
            with pytest.raises(EOFError):
                mesh.ask("web", HTTP1, Call(headers={"x-stuck": "1"}))
            proxy.log.until("filter stuck does not come back")
            proxy.log.until("exit code 70")
            assert mesh.send("web", HTTP1, Call()) == "web", "the kernel kept it until the next worker took it"
            assert proxy.workers() != [worker]
