"""Floods of frames that cost their sender nothing: how many of each are taken before a connection is ended.

Each kind has a bucket of its own: a burst that any good client may need, and a rate at which it fills again. What they
are there for: rapid reset (CVE-2023-44487) and resets that we are made to send (CVE-2025-8671); settings, pings,
priorities and empty frames (CVE-2019-9511 to 9518); window updates of a byte each; settings by the thousand in one frame
(CVE-2020-11080).

Some are answers to what we send: a window update for a frame of data or several, a ping of gRPC's peers, who measure
their bandwidth by one a round trip while data comes. On a fast network these are many thousands a second, so each frame
that we send earns some. Nobody earns by asking alone: not by opening a window byte by byte either, so a frame of data that
the window has made a small one earns nothing.

What always holds: a bucket costs no time while nothing of its kind comes, and no memory beside its three numbers.
"""

from libc.stdint cimport int64_t

NAMES = (
    "resets", "own_resets", "settings", "pings", "priorities", "empties", "windows", "unknown",
    "streams", "continuations", "header_block", "header_list", "cookie_crumbs", "stalled_windows",
)
"""What a metric calls them, in the order of `Flood` and then `Bound`."""

cdef int64_t[8] BURST = [1000, 200, 64, 1000, 512, 128, 10000, 1000]
cdef int64_t[8] RATE = [100, 20, 4, 100, 64, 16, 10000, 100]      # a second
cdef int64_t[8] EARNED = [1, 0, 0, 2, 1, 1, 16, 0]                # by each frame that we have sent

if len(NAMES) != BOUNDS:
    raise ImportError("http2: a name for each bound")


cdef bint within(floods_t* floods, int which, int64_t now) noexcept nogil:
    cdef int64_t most = BURST[which] * 1000, more
    if floods.since[which] == 0:
        floods.left[which] = most
    else:
        more = (now - floods.since[which]) * RATE[which] // 1000 + (floods.sent - floods.seen[which]) * EARNED[which] * 1000
        floods.left[which] = min(most, floods.left[which] + more)
    floods.since[which] = now if now > 0 else 1
    floods.seen[which] = floods.sent
    floods.left[which] -= 1000
    return floods.left[which] >= 0
