"""Where texts come from: each routing key's sources, in order of preference, as fields and keys of blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from construct.expr import Path

from xproto.errors import SpecError
from xproto.lower.expressions import Scope, resolve
from xproto.lower.interpreted import MAX_INTERPRETED
from xproto.lower.model import Value
from xproto.lower.roles import ECHO_TEXT
from xproto.spec import First, Header, Item, Part, Protocol, Unless, View


@dataclass(frozen=True)
class Source:
    """Where a text can come from: a field (key None) or a key of a block; absent while its value is in `unless`.

    separator: only the part before its first one counts, or the part `behind` it.
    """

    path: str
    key: str | None = None
    unless: tuple[bytes, ...] = ()
    separator: bytes = b""
    behind: bool = False


class Texts:
    """Routing keys to their sources, in order of preference."""

    def __init__(self, protocol: Protocol, scope: Scope) -> None:
        self.scope = scope
        headers = protocol.headers
        self._read_by_construct: dict[str, str] = {}
        self.block = None
        self.defaults: Mapping[str, Any] = {}
        if headers is not None:
            if isinstance(headers, View):
                headers, self.defaults = headers.block, headers.fields
            self.block = self._field(headers, "headers", {"block"}).path
        answers = protocol.answer_headers
        self.answer_block = self.block
        if answers is not None:
            self.answer_block = self._field(answers, "answer_headers", {"block"}).path if answers is not False else None
        self.roles = {name: role for name, role in (("service", protocol.service), ("method", protocol.method)) if role}
        self.roles |= protocol.keys
        if protocol.echo_text is not None:
            self.roles[ECHO_TEXT] = protocol.echo_text
        for name, role in [*self.roles.items(), *((f"headers.{k}", v) for k, v in self.defaults.items())]:
            self.sources(role, name)

    def interpreted(self) -> list[tuple[str, str]]:
        """Fields that construct reads by itself, each with the role that has it do so."""
        return sorted(self._read_by_construct.items())

    def _field(self, source: Any, where: str, kinds: set[str]) -> Value:
        if type(source) is not Path:
            raise SpecError(where, f"{source!r} is not a field", "write this.name, header(…), first(…)")
        value = resolve(source, self.scope, where)
        if value.kind == "opaque":
            self._read_by_construct.setdefault(_readable(value, where).path, where)
            return value
        if value.kind not in kinds:
            raise SpecError(where, f"{value.path} is {value.kind}", f"name a field that is {' or '.join(sorted(kinds))}")
        return value

    def key(self, name: str) -> list[Source]:
        """The sources of a routing key: the role of that name, or else the header."""
        if self.block is None and name not in self.roles:
            return []
        return self.sources(self.roles.get(name, Header(name)), name)

    def answer_key(self, name: str) -> list[Source]:
        """The source of a header of answers."""
        return [] if self.answer_block is None else [Source(self.answer_block, name)]

    @staticmethod
    def header(name: str) -> Header:
        """The role of a key that has none of its own."""
        return Header(name)

    def ways(self, role: Any, where: str) -> list[tuple[Source, ...]]:
        """The ways in which a call can say a role, the first that is there counts; and the places that each of them has.

        A header that overrides a field is one way with two places: servers may look at either.
        """
        match role:
            case Header():
                return [tuple(self.sources(role, where))]
            case First(alternatives):
                return [way for alternative in alternatives for way in self.ways(alternative, where)]
            case Unless(source, values):
                return [tuple(replace(s, unless=s.unless + values) for s in way) for way in self.ways(source, where)]
            case Part(source, separator, behind):
                ways = self.ways(source, where)
                return [tuple(replace(s, separator=separator, behind=behind) for s in way) for way in ways]
            case _:
                return [tuple(self.sources(role, where))]

    def sources(self, role: Any, where: str) -> list[Source]:
        match role:
            case Header(name):
                if self.block is None:
                    raise SpecError(where, f"header({name!r}), but the protocol declares no headers", "add headers=this.…")
                return [Source(self.block, name)] + (self.sources(self.defaults[name], where) if name in self.defaults else [])
            case First(alternatives):
                return [source for alternative in alternatives for source in self.sources(alternative, where)]
            case Unless(source, values):
                return [replace(s, unless=s.unless + values) for s in self.sources(source, where)]
            case Part(source, separator, behind):
                if len(separator) != 1:
                    raise SpecError(where, f"{separator!r} separates, which is not one byte", "use one byte: b':'")
                found = self.sources(source, where)
                if any(each.separator or each.unless for each in found):
                    raise SpecError(where, "a part of a part, or of what `unless` passes over", "take the part first")
                return [replace(each, separator=separator, behind=behind) for each in found]
            case Item(block, index):
                if index:
                    raise SpecError(where, f"argument {index} would have to be read", "only argument 0 can be a source")
                return [Source(self._field(block, where, {"values"}).path)]
            case _:
                return [Source(self._field(role, where, {"text", "bytes"}).path)]


def _readable(value: Value, where: str) -> Value:
    """An interpreted field that may be asked for texts; refuses one that construct cannot read apart from the frame."""
    if value.reader is None:
        wrong = f"{value.path} is interpreted by construct, and cannot be read without the fields around it"
        raise SpecError(where, wrong, "let it depend on its own bytes alone, and be of one construct under every If")
    if value.hi > MAX_INTERPRETED:
        wrong = f"{value.path} can be {value.hi} bytes, and construct would read it for each call"
        raise SpecError(where, wrong, f"bound its length: Bounded(…, 0, {MAX_INTERPRETED})")
    return value
