"""The text of the declaration: fields and roles, each with a line that says what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import construct

from conformance.scaffold.answers import Answers
from xproto import wire

WIDTH = 116
"""Columns: a comment that would go beyond stands in a line above."""


def declaration(answers: Answers) -> str:
    """The Python text of ``NAME.py``."""
    return "\n".join(_Writer(answers).lines()) + "\n"


@dataclass(frozen=True)
class _Field:
    """A field of the layout: its construct, what the docstring's picture calls it, its bytes (0: they vary), its comment."""

    name: str
    construct: str
    drawn: str
    size: int
    why: str


class _Writer:
    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.end = "ul" if answers.little else "ub"
        self.kinds = ["request", "oneway", "response", *(["ping", "pong"] if answers.heartbeat else [])]
        self.texts = ("headers",) if answers.pairs else ("service", "method")
        self.fields = list(self._fields())

    @property
    def fixed(self) -> int:
        """Bytes of a frame whose texts and body are empty."""
        return sum(field.size for field in self.fields)

    def lines(self) -> Iterator[str]:
        a = self.answers
        yield f'"""{a.name.capitalize()}: say here in a line what it is. The bytes of a frame:'
        yield ""
        yield "    " + " | ".join(f"{f.drawn} {f.size or ''}".strip() for f in self.fields)
        yield '"""'
        yield ""
        yield from self._imports()
        yield "MAX_BODY = 1 << 20  # bytes; every length needs a bound, so that no peer can have the proxy wait for ever"
        if a.pairs:
            yield f"HEADERS = KeyValues(Int16{self.end})  # texts by texts, a length of two bytes before each"
        if a.whole:
            yield f"FIXED = {self.fixed}  # bytes of a frame without texts and body"
        yield ""
        if a.whole:
            yield from self._size()
        yield "LAYOUT = Struct("
        for field in self.fields:
            yield from _commented(f'    "{field.name}" / {field.construct},', field.why)
        yield ")"
        yield "EMPTY = {" + ", ".join(f'"{key}": {value}' for key, value in self._empty()) + "}"
        yield ""
        yield f"{a.name.upper()} = Protocol("
        for line, why in self._roles():
            yield from _commented(f"    {line}", why)
        yield ")"

    def _imports(self) -> Iterator[str]:
        a = self.answers
        used = ["Struct this", *(field.construct for field in self.fields)]
        if a.pairs:
            used.append(f"KeyValues size_of Int16{self.end}")
        words = sorted(set(re.findall(r"\w+", " ".join(used))), key=_natural)
        of_wire = [word for word in words if word in wire.__all__]
        of_construct = [word for word in words if word in vars(construct) and word not in of_wire]
        spec = ["Fault", "Kind", "Limits", *(["Order", "Pool"] if not a.id_bits else []), "Protocol"]
        yield f"from construct import {', '.join(of_construct)}"
        yield ""
        yield f"from xproto.spec import {', '.join([*spec, *(['header'] if a.pairs else [])])}"
        yield f"from xproto.wire import {', '.join(of_wire)}"
        yield ""

    def _size(self) -> Iterator[str]:
        texts = 'size_of("headers", HEADERS)(fields)' if self.answers.pairs else "len(fields.service) + len(fields.method)"
        yield ""
        yield "def whole(fields):"
        yield '    """The size of a frame that is built."""'
        yield f"    return FIXED + {texts} + len(fields.body)"
        yield ""
        yield ""

    def _fields(self) -> Iterator[_Field]:
        a, end = self.answers, self.end
        kinds = ", ".join(f"{kind}={number}" for number, kind in enumerate(self.kinds))
        yield _Field("magic", f"Const({_bytes(a.magic)})", "magic", len(a.magic), "a connection is recognised by it")
        yield _Field("kind", f"Known(Enum(Int8ub, {kinds}))", "kind", 1, "any other number is malformed")
        if a.id_bits:
            yield _Field("id", f"Int{a.id_bits}{end}", "id", a.id_bits // 8, "the same in a call and its answer")
        yield _Field("status", "Int8ub", "status", 1, "of an answer: 0 is well")
        lengths = {"headers": f'Rebuild(Bounded(Int16{end}, 0, 8192), size_of("headers", HEADERS))'} if a.pairs else {
            text: f"Rebuild(Int8ub, len_(this.{text}))" for text in self.texts
        }  # fmt: skip
        if a.whole:
            most = "MAX_BODY + FIXED + " + ("8192" if a.pairs else "510")
            why = "counts all of the frame, itself too"
            yield _Field("size", f"Rebuild(Bounded(Int32{end}, FIXED, {most}), whole)", "size", 4, why)
        for text, length in lengths.items():
            yield _Field(f"{text}_len", length, f"{text} length", 2 if a.pairs else 1, "")
        if not a.whole:
            made = f"Rebuild(Bounded(Int32{end}, 0, MAX_BODY), len_(this.body))"
            yield _Field("body_len", made, "body length", 4, "made anew when a frame is built")
        for text in self.texts:
            held = "FixedSized(this.headers_len, HEADERS)" if a.pairs else f"Bytes(this.{text}_len)"
            yield _Field(text, held, text, 0, "")
        rest = " - ".join(["this.size", *(f"this.{text}_len" for text in self.texts), "FIXED"])
        yield _Field("body", f"Bytes({rest if a.whole else 'this.body_len'})", "body", 0, "")
        if a.checksum:
            order = "little=True" if a.little else ""
            yield _Field("crc", f"TrailingCrc32({order})", "crc", 4, "of all that stands before it")

    def _empty(self) -> list[tuple[str, str]]:
        texts = [("headers", "[]")] if self.answers.pairs else [(text, 'b""') for text in self.texts]
        return [("status", "0"), *texts, ("body", 'b""')]

    def _roles(self) -> Iterator[tuple[str, str]]:
        a = self.answers
        yield f'name="{a.name}",', "what configurations call it"
        yield "frame=LAYOUT,", ""
        if a.id_bits:
            yield "id=this.id,", "the proxy sends calls under ids of its own, and gives the callers theirs back"
        else:
            yield "pool=Pool.PING_PONG,", "no frame has an id: one call at a time on a connection to a server,"
            yield "order=Order.IN_ORDER,", "and a client's answers in the order of its calls"
        roles = {
            "request": "REQUEST", "oneway": "ONEWAY", "response": "RESPONSE", "ping": "HEARTBEAT", "pong": "HEARTBEAT_ACK",
        }  # fmt: skip
        yield "kind={", "what a frame is to the proxy; a oneway is a call without an answer"
        for kind in self.kinds:
            yield f'    Kind.{roles[kind]}: this.kind == "{kind}",', ""
        yield "},", ""
        if a.pairs:
            yield "headers=this.headers,", "where the keys of routes are looked up"
        for key in ("service", "method"):
            yield f"{key}=" + (f'header("{key}"),' if a.pairs else f"this.{key},"), f"where the routing key `{key}` is"
        yield "limits=Limits(frame=MAX_BODY + 16_384),", "the longest frame, in bytes"
        yield 'reply_base={**EMPTY, "kind": "response", "status": 1},', "every answer that the proxy gives itself"
        yield "reply={", "and what it says, for each reason there is to give one"
        yield '    fault: {"body": fault.name.lower().encode()} for fault in Fault if fault is not Fault.MISDIRECTED', ""
        yield "},", ""
        if a.heartbeat:
            yield 'heartbeat={**EMPTY, "kind": "ping"},', "what the proxy asks a silent server"
            yield 'heartbeat_ack={**EMPTY, "kind": "pong"},', "what it answers a client that asks"
        yield 'doc=__doc__ or "",', "its first line is shown by `xproto explain`"


def _commented(line: str, why: str) -> Iterator[str]:
    if why and len(line) + len(why) + 4 > WIDTH:
        yield " " * (len(line) - len(line.lstrip())) + f"# {why}"
        yield line
    else:
        yield f"{line}  # {why}" if why else line


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Classes before functions, Int8ub before Int16ub."""
    parts = re.findall(r"\d+|\D+", name)
    return [(name[0].islower(), int(part) if part.isdigit() else -1, part) for part in parts]


def _bytes(data: bytes) -> str:
    """A literal, in double quotes."""
    return 'b"' + repr(b"'" + data)[3:-1].replace('"', '\\"') + '"'
