"""What a CEL expression asks for, and what must hold where it holds: read off its tree.

Maps cannot be asked for as a whole, since frames are asked for keys that are known beforehand: every index is a constant.
What is implied is taken from the parts that are ANDed at the top alone, and only where it is plain; an expression that
implies nothing is merely asked more often.

What always holds: where the expression is true, every implied condition holds, of the same values.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.routing.cel_tree import Call, Const, Items, Loop, Name, Node, Other, Select
from proxy.routing.condition import compile_regex
from proxy.routing.keys import HOST, HTTP_METHOD, METADATA, METHOD, PATH, QUERY, SERVICE, VARIABLES, is_own
from proxy.routing.literals import beginning, ending
from proxy.snapshot import HeaderMatch, MatchKind

TEXTS = {"service": SERVICE, "method": METHOD, "path": PATH, "host": HOST, "http_method": HTTP_METHOD, **VARIABLES}
"""Variables that are texts, and their keys."""
MAPS = {"headers": "", "query": QUERY, "metadata": METADATA}
"""Those that are maps of texts, and what stands before a key of each."""
REPLACEMENT = "\ufffd"
"""What an expression sees in place of bytes that are no text: equal to nothing that is implied."""
MAX_PROGRAM = 256
"""Instructions of a regex. The library compiles it for each evaluation, at up to 0.5 us for each of them."""
LAZY = frozenset({"_&&_", "_||_", "_?_:_", "@not_strictly_false"})
"""Functions that may hold though a part of them is an error."""


def uses(node: Node) -> Iterator[tuple[str, str]]:
    """The variables that are looked at, each with its key; of a map: that of an entry. Raises ValueError."""
    found = _entry(node)
    if found is not None:
        yield found
        return
    match node:
        case Name(name) if name in MAPS:
            raise ValueError(f"{name} as a whole is not known; write {name}['x'] or 'x' in {name}")
        case Name(name) if name in TEXTS:
            yield name, TEXTS[name]
        case Call("matches", parts):
            _check_regex(parts[-1])
            yield from uses(parts[0])
        case Call(_, parts, _) | Items(parts) | Other(parts):
            for part in parts:
                yield from uses(part)
        case Loop(over, parts):
            for part in (over, *parts):
                yield from uses(part)
        case Select(operand):
            yield from uses(operand)


def _entry(node: Node) -> tuple[str, str] | None:
    """The map and the key, where a node looks at one entry of a map."""
    match node:
        case Call("_[_]", (Name(name), index)) | Call("@in", (index, Name(name))) if name in MAPS:
            if not isinstance(index, Const) or index.value is None:
                raise ValueError(f"an index of {name} must be a constant; write {name}['x']")
            return name, _key(name, index.value)
        case Select(Name(name), field) if name in MAPS:
            return name, _key(name, field)
    return None


def _key(name: str, entry: str) -> str:
    if not entry:
        raise ValueError(f"{name} has no entry without a name; write {name}['x']")
    if name == "headers" and (entry.startswith(":") or is_own(entry)):
        instead = entry if entry in TEXTS else "what the proxy knows, as source.address or metadata['x']"
        raise ValueError(f"no header can be called {entry!r}; write {instead}")
    return MAPS[name] + entry


def _check_regex(node: Node) -> None:
    if not isinstance(node, Const) or node.value is None:
        raise ValueError("the regex of matches must be a constant; write it in quotes")
    try:
        size = compile_regex(node.value).programsize
    except ValueError as error:
        raise ValueError(f"RE2 refuses the {error}; write RE2's syntax") from None
    if size > MAX_PROGRAM:
        raise ValueError(f"the regex {node.value!r} is too large to be compiled each time; write it as a condition")


def implied(node: Node) -> Iterator[HeaderMatch]:
    """Conditions that hold wherever the expression does."""
    match node:
        case Call("_&&_", parts):
            for part in parts:
                yield from implied(part)
        case _:
            plain = _plain(node)
            if plain is not None:
                yield plain
            else:
                yield from (HeaderMatch(key, "present") for key in sorted(set(_needs(node))))


def _plain(node: Node) -> HeaderMatch | None:
    """A condition on one key that the node implies, of a kind that tells more than that it is there."""
    match node:
        case Call("_==_", (Const(str(text)), other)) | Call("_==_", (other, Const(str(text)))):
            return _condition(other, "exact", text)
        case Call("startsWith", (other, Const(str(text)))):
            return _condition(other, "prefix", text)
        case Call("endsWith", (other, Const(str(text)))):
            return _condition(other, "suffix", text)
        case Call("matches", (other, Const(str(text)))):
            return _anchored(other, text)
        case Call("@in", (_, Name(name))) | Select(Name(name), _, True) if name in MAPS:
            entry = _entry(node)
            return None if entry is None else HeaderMatch(entry[1], "present")
        case Call("_||_", parts):
            return _either([_plain(part) for part in parts])
        case Call("@in", (other, Items(parts))):
            texts = [part.value for part in parts if isinstance(part, Const) and part.value is not None]
            key = _value(other)
            if key is None or not texts or len(texts) != len(parts) or any(not _is_plain(text) for text in texts):
                return None
            return HeaderMatch(key, "any_of", choices=tuple(("exact", text) for text in dict.fromkeys(texts)))
    return None


def _either(given: list[HeaderMatch | None]) -> HeaderMatch | None:
    """One of these, where all are on one key and of kinds that a condition may choose among."""
    choices: list[tuple[MatchKind, str]] = []
    for each in given:
        if each is None or each.kind == "present" or each.key != given[0].key:  # type: ignore[union-attr]
            return None
        choices += each.choices or ((each.kind, each.value),)
    return HeaderMatch(given[0].key, "any_of", choices=tuple(dict.fromkeys(choices)))  # type: ignore[union-attr]


def _condition(node: Node, kind: MatchKind, text: str) -> HeaderMatch | None:
    key = _value(node)
    return HeaderMatch(key, kind, text) if key is not None and _is_plain(text) else None


def _anchored(node: Node, pattern: str) -> HeaderMatch | None:
    """``matches`` looks for the regex anywhere, unless it is tied to an end."""
    if pattern.startswith("^") and "|" not in pattern and "(?" not in pattern:
        return _condition(node, "prefix", beginning(pattern).decode(errors="replace") or REPLACEMENT)
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        return _condition(node, "suffix", ending(pattern) or REPLACEMENT)
    return None


def _is_plain(text: str) -> bool:
    """Whether what an expression sees is this text only where the bytes are."""
    return REPLACEMENT not in text and "\0" not in text


def _value(node: Node) -> str | None:
    """The key whose value the node is."""
    match node:
        case Name(name) if name in TEXTS:
            return TEXTS[name]
        case Call("_[_]", (Name(name), _)) | Select(Name(name), _, False) if name in MAPS:
            entry = _entry(node)
            return None if entry is None else entry[1]
    return None


def _needs(node: Node) -> Iterator[str]:
    """Keys without which the node is an error."""
    key = _value(node)
    if key is not None:
        yield key
        return
    match node:
        case Call(function, parts) if function not in LAZY:
            for part in parts:
                yield from _needs(part)
        case Items(parts):
            for part in parts:
                yield from _needs(part)
        case Select(operand, _, False):
            yield from _needs(operand)
