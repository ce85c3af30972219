"""`xproto demo`: the proxy at work, with nothing to install.

Embedded hosts of five protocols, the real proxy as `xproto run` starts it, clients that check every answer, a node that
is killed and comes back. `scenario` says what is played, `play` plays it, `ledger` judges every answer, `checks` the
whole; `display` shows it. Hosts and clients speak through the same declarations as the proxy (`speech`, with
`protocols` and `web`, and `frames`).
"""

from __future__ import annotations

from proxy.demo.command import main

__all__ = ["main"]
