"""`xproto demo`: the proxy at work, with nothing to install.

Embedded hosts of seven protocols, the real proxy as `xproto run` starts it, clients that check every answer, a node that
is killed and comes back. `scenario` says what is played, `play` plays it, `ledger` judges every answer, `checks` the
whole; `display` shows it. Hosts and clients speak through the same declarations as the proxy (`speech`, with
`protocols` and `web`, and `frames`), HTTP/2 by its frame engine (`streams`), and gRPC by grpcio's client and server (`rpc`).
"""

from __future__ import annotations

from proxy.demo.command import main

__all__ = ["main"]
