"""Templates of paths, ``/users/{id}/posts/{rest=**}``, as regexes: what each part of one takes.

    *  {name}  {name=*}      one segment, of at least one character
    ** {name=**}             the rest of the path, of any number of segments, also none; only at the end
    {name=media/*}           the segments of a template of its own, under one name
    anything else            itself

What always holds: the regex is RE2's and of a size that is proportional to the template's; its groups are the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SEGMENT, REST = "[^/]+", r"(?s:\C*)"
MAX_NAMES = 10
"""Of one template: more is another kind of thing, and RE2 keeps each apart."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,;:@%=-]+")
"""What may stand in a path (RFC 3986), but for the asterisk and the slash."""
_PARTS = re.compile(r"\{[^{}]*\}|\*+|[^*{}]+|[{}]")


def regex(text: str) -> str:
    """The regex of a whole path; raises ValueError that says what is wrong."""
    if not text.startswith("/"):
        raise ValueError(f"a path begins with /; write /{text}")
    names: list[str] = []
    whole = "".join(_pieces(text, names))
    _, rest, behind = whole.partition(REST)
    if rest and behind not in ("", ")"):
        raise ValueError("** takes all that follows; write it last")
    return whole


def _pieces(text: str, names: list[str]) -> Iterator[str]:
    for part in _PARTS.findall(text):
        if part in ("{", "}"):
            raise ValueError(f"{part} stands alone; write {{name}}")
        if part.startswith("{"):
            yield _variable(part[1:-1], names)
        else:
            yield _plain(part)


def _variable(inside: str, names: list[str]) -> str:
    name, equals, given = inside.partition("=")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name; write letters, digits and _")
    if name in names:
        raise ValueError(f"{name!r} is there twice; write another name")
    names.append(name)
    if len(names) > MAX_NAMES:
        raise ValueError(f"there are over {MAX_NAMES} names; write * where the name is not needed")
    if equals and not given:
        raise ValueError(f"{{{inside}}} takes nothing; write {{{name}}} for one segment, {{{name}=**}} for the rest")
    return f"(?P<{name}>{''.join(map(_plain, _PARTS.findall(given))) if equals else SEGMENT})"


def _plain(part: str) -> str:
    if part == "*":
        return SEGMENT
    if part == "**":
        return REST
    if part.startswith("*"):
        raise ValueError(f"{part} means nothing; write * for one segment, ** for the rest")
    for piece in part.split("/"):
        if piece and not _LITERAL.fullmatch(piece):
            raise ValueError(f"{piece!r} is never sent so; write it percent-encoded")
    return re.escape(part)
