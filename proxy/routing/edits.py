"""Edits of several levels as those of one route: the table's, then its virtual host's, then the route's own.

They are done one after the other, so that the most specific one has the last word on a header that several name.
"""

from __future__ import annotations

from proxy.snapshot import Edits


def merge(*levels: Edits | None) -> Edits | None:
    """The edits of all levels, given from the outermost in; None where there are none at all."""
    there = [level for level in levels if level is not None]
    if len(there) < 2:
        return there[0] if there else None
    return Edits(
        tuple(edit for level in there for edit in level.request),
        tuple(edit for level in there for edit in level.response),
        tuple(rewrite for level in there for rewrite in level.rewrites),
    )
