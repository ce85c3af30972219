"""``python -m proxy.control DESCRIPTOR FILE``: what `xproto run` becomes; the descriptor is the snapshot's memfd."""

from __future__ import annotations

import asyncio
import sys

from proxy.control.become import receive
from proxy.control.serve import Control
from proxy.observe.log import Log


def main(arguments: list[str]) -> int:
    snapshot = receive(int(arguments[0]))
    return asyncio.run(Control(snapshot, arguments[1], Log("control")).run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
