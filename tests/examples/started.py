"""An example as an operator starts it, with its hosts in the test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.control.proxy_process import running
from tests.policy.mesh import Mesh


@contextlib.contextmanager
def started(file: Path, *hosts: str, **environment: str) -> Iterator[Mesh]:
    """Each host's address is the file's variable of its name, in capitals; it answers with its name."""
    with Mesh.of(*hosts) as made:
        addresses = {name.upper(): host.address for name, host in made.hosts.items()}
        with running(file, XPROTO_LISTEN="127.0.0.1:0", **addresses, **environment) as proxy:
            made.doors = proxy.wait_ready()
            yield made
