"""``python -m proxy.worker DESCRIPTOR``: started by control only."""

from __future__ import annotations

import sys

from proxy.worker.run import run

if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1])))
