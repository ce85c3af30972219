"""A filter that is stuck in C, in a proxy as its users run it: the worker ends, and another one serves."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.control.proxy_process import running
from tests.policy.web_server import Answering, ask

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
    with contextlib.closing(Answering()) as server:
        file = tmp_path / "proxy.yaml"
        file.write_text(CONFIGURATION.format(host=server.address))
        with running(file) as proxy:
            address = proxy.wait_ready()["web"]
            [worker] = proxy.workers()
            assert ask(address).startswith(b"HTTP/1.1 200 OK")
            assert ask(address, "X-Stuck: 1") == b""
            proxy.log.until("filter stuck does not come back")
            proxy.log.until("exit code 70")
            assert ask(address).startswith(b"HTTP/1.1 200 OK"), "the kernel kept it until the next worker took it"
            assert proxy.workers() != [worker]
