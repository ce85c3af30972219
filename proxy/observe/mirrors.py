"""What becomes of copies of calls, as counters name it."""

from __future__ import annotations

OUTCOMES = ("answered", "timeout", "closed", "oneway")
"""`closed`: the host's connection ended before it answered; `oneway`: nobody waits for an answer."""

DROPPED = ("size", "limit", "memory", "pending", "unreachable", "upgrade", "incomplete", "error")
"""Why there is no copy, or it reached no host.

`size`: the request is too big, or was passed on in pieces. `limit`: too many copies have no answer. `memory`: the buffers of
the worker are needed for calls. `pending`: the cluster takes no more calls. `unreachable`: no host of it can be connected to.
`upgrade`: the request asks for another protocol. `incomplete`: its body did not come to its end. `error`: a mistake of ours,
which is in the log.
"""
