"""From what a file says of edits to those of the snapshot. The order of headers' edits in one section means nothing."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.config.edits import ROLES, RequestHeaders, ResponseHeaders
from proxy.config.edits import Rewrite as Written
from proxy.config.templates import pieces
from proxy.snapshot import Edits, HeaderEdit, Piece, Rewrite


def edits(
    request: RequestHeaders | None, response: ResponseHeaders | None, rewrite: Written | None = None, prefix: str | None = None
) -> Edits | None:
    """One level's. `prefix`: what `match.path.prefix` of its route says; None: there is nothing to be edited."""
    made = Edits(
        tuple(_headers(request)) if request else (),
        tuple(_headers(response)) if response else (),
        tuple(_rewrites(rewrite, prefix)) if rewrite else (),
    )
    return None if made == Edits() else made


def _headers(given: RequestHeaders | ResponseHeaders) -> Iterator[HeaderEdit]:
    yield from (HeaderEdit("remove", name) for name in given.remove)
    yield from (HeaderEdit("set", name, pieces(value)) for name, value in given.set.items())
    yield from (HeaderEdit("add", name, pieces(value)) for name, value in given.add.items())
    yield from (HeaderEdit("append", name, pieces(value)) for name, value in given.append.items())


def _rewrites(given: Written, prefix: str | None) -> Iterator[Rewrite]:
    for role in ROLES:
        value = getattr(given, role)
        if value is not None:
            yield Rewrite(role, pieces(value))
    if given.prefix is not None:
        yield Rewrite("path", pieces(given.prefix), prefix=prefix or "/")
    if given.regex is not None:
        yield Rewrite("path", (Piece(given.substitution or ""),), regex=given.regex)
