"""Starts one of the real servers that docs/deviations.md tells of, and says how to ask it.

    python -m tests.interop.live_peer sofabolt

It prints the command that runs the live checks against it, and ends with its standard input (control-D).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.live import PEERS

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    names = sys.argv[1:]
    if len(names) != 1 or names[0] not in PEERS:
        sys.stderr.write(f"usage: live_peer NAME; there are: {', '.join(PEERS)}\n")
        return 2
    peer = PEERS[names[0]]
    with tempfile.TemporaryDirectory() as folder, peer.running(Path(folder)) as (_, port):
        vectors = peer.file.relative_to(ROOT)
        command = f"xproto conformance {peer.protocol} --vectors {vectors} --live 127.0.0.1:{port}"
        sys.stdout.write(f"{peer.version}\n{command}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
