"""A page about a protocol, from its declaration alone: what is on the wire, and what the proxy does with it.

``python -m xproto.exports.markdown FOLDER`` writes a page for each built-in.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from xproto import registry
from xproto.explain import byte_set
from xproto.exports.diagram import draw
from xproto.exports.field_rows import Row, rows_of
from xproto.exports.forms import Shape, shapes
from xproto.exports.words import given, power, words
from xproto.lower.expressions import Reader, path_names
from xproto.lower.texts import Source
from xproto.plan import Form
from xproto.registry import Registered
from xproto.spec import Fault, Header, Kind, Protocol, Spelled

_ORDERS = {"by_id": "by their id", "in_order": "by the order of the requests"}
_FORMS = {Form.VARINT: "varint", Form.JCE: "jce integer"}
_KINDS = {
    Kind.REQUEST: "a call that is answered",
    Kind.ONEWAY: "a call that is never answered",
    Kind.RESPONSE: "the answer to a call",
    Kind.HEARTBEAT: "asks whether the other side is there; the proxy answers it itself",
    Kind.HEARTBEAT_ACK: "the answer to a heartbeat",
    Kind.GOAWAY: "the sender takes no more calls on this connection",
    Kind.WRAPPED: "compressed: it is read, and goes on, in its plain form",
    Kind.HANDSHAKE: "what a client begins a connection with",
    Kind.HANDSHAKE_ACK: "the answer to a handshake",
    Kind.INTERIM: "an answer that another one follows",
    Kind.PART: "belongs to a call that is under way",
    Kind.CONTROL: "says something of the connection; nobody waits for an answer",
}


def page(registered: Registered) -> str:
    """The text of `xproto export markdown NAME`."""
    return "\n".join(_page(registered)).rstrip("\n") + "\n"


def _page(registered: Registered) -> Iterator[str]:
    protocol = registered.protocol
    title, _, rest = protocol.doc.strip().partition("\n")
    yield f"# {protocol.name}"
    yield ""
    yield f"<!-- Made by `xproto export markdown {protocol.name}` from the declaration. -->"
    yield ""
    yield from ([title, *rest.splitlines(), ""] if title else [])
    forms = shapes(registered.lowered.nodes)
    yield from _frame(forms)
    yield from _fields(registered, forms)
    yield from _kinds(registered)
    yield from _roles(registered)
    yield from _signature(registered)
    yield from _replies(registered)
    yield from _heartbeats(registered)
    yield "## Interpreted"
    yield ""
    opaque = registered.lowered.opaque
    yield "Passed over by its length, and read by construct alone: " + (", ".join(opaque) if opaque else "nothing") + "."


def _frame(forms: list[Shape]) -> Iterator[str]:
    yield "## Frame"
    yield ""
    if len(forms) > 1:
        yield f"{len(forms)} forms, which differ in what is there."
        yield ""
    for form in forms:
        if form.conditions:
            yield f"Where {' and '.join(form.conditions)}:"
            yield ""
        yield from ("```text", draw(form), "```", "")


def _fields(registered: Registered, forms: list[Shape]) -> Iterator[str]:
    yield "## Fields"
    yield ""
    yield "Offsets are in bytes from the frame's beginning, where they are fixed. What has no size is not on the wire."
    yield ""
    yield from _table(
        ("offset", "field", "type", "size", "values", "there"), (_cells(row) for row in rows_of(registered, forms))
    )


def _cells(row: Row) -> tuple[str, ...]:
    return row.offset, f"`{row.path}`", row.type, row.size, row.values, row.when


def _kinds(registered: Registered) -> Iterator[str]:
    yield "## Kinds"
    yield ""
    yield "The first that holds counts; a frame of none is malformed."
    yield ""
    scope = registered.lowered.scope

    def rows() -> Iterator[tuple[str, ...]]:
        for kind, test in registered.protocol.kind.items():
            expr = Reader(scope, frozenset(), "kind", lenient=True).read(test)
            yield f"`{Kind(kind).name.lower()}`", words(expr), _KINDS[Kind(kind)]

    yield from _table(("kind", "when", "what it is"), rows())


def _roles(registered: Registered) -> Iterator[str]:
    lowered, protocol = registered.lowered, registered.protocol
    ids = [
        f"`{each.path}`"
        + ("" if each.form is Form.FIXED else f", a {_FORMS[each.form]}")
        + ("" if each.always else ", where it is there")
        for each in lowered.identity.fields
    ]
    said = {
        "id": " and again ".join(ids),
        "service": _sources(lowered.texts.key("service")),
        "method": _sources(lowered.texts.key("method")),
        **{f"keys.{name}": _sources(lowered.texts.key(name)) for name in protocol.keys},
        "headers": f"`{lowered.texts.block}`" if lowered.texts.block else "",
        "timeout": _timeout(registered),
        "variant": ", ".join(f"`{each.path}`" for each in lowered.variant.fields),
        "echo": ", ".join(f"`{each.path}`" for each in lowered.echo.fields),
    }
    if protocol.carries:
        said["carries"] = f"messages, a stream each: {'; '.join(map(_carried, protocol.carries))}"
    yield "## Roles"
    yield ""
    yield from _table(("role", "played by"), ((f"`{role}`", text or "nothing") for role, text in said.items()))
    pool = protocol.pool.replace("_", "-")
    yield f"Upstream connections are {pool}; answers are told apart {_ORDERS[protocol.order]}."
    yield f"A frame has at most {power(protocol.limits.frame)} bytes."
    yield ""


def _carried(protocol: Protocol) -> str:
    """A protocol by its doc's first line, and when a stream is of it."""
    first = protocol.doc.partition("\n")[0].removesuffix(".")
    return f"{first} (requests of `{protocol.media.decode()}`)" if protocol.media else first


def _timeout(registered: Registered) -> str:
    role = registered.protocol.timeout
    if isinstance(role, Spelled):
        return f"header `{role.name}`, digits and a unit"
    if isinstance(role, Header):
        return f"header `{role.name}`, decimal milliseconds"
    return "" if role is None else f"`{'.'.join(path_names(role)[1])}`, milliseconds"


def _sources(sources: list[Source]) -> str:
    return ", else ".join(_source(source) for source in sources)


def _source(source: Source) -> str:
    text = f"`{source.path}`" if source.key is None else f"`{source.key}` in `{source.path}`"
    if source.separator:
        text = f"what {text} has {'behind' if source.behind else 'before'} its first `{source.separator.decode('latin-1')}`"
    if source.unless:
        others = " or ".join(f"`{each.decode('latin-1')}`" for each in source.unless)
        text += f" (unless it is {others})"
    return text


def _signature(registered: Registered) -> Iterator[str]:
    yield "## Signature"
    yield ""
    yield "The first bytes of a connection that are taken for this protocol, in hexadecimal; `*` is any byte."
    yield ""
    yield from ("```text", *(" ".join(byte_set(allowed) for allowed in cube) for cube in registered.cubes), "```", "")


def _replies(registered: Registered) -> Iterator[str]:
    protocol = registered.protocol
    yield "## Local replies"
    yield ""
    if not protocol.reply:
        yield from ("None: the connection is closed instead.", "")
        return
    yield "What the proxy answers itself. The frame is shown for id 1, without what it repeats from its request."
    yield ""

    def rows() -> Iterator[tuple[str, ...]]:
        for fault, fields in protocol.reply.items():
            yield (
                f"`{Fault(fault).name}`",
                given(fields),
                _hex(registered.codec.reply(int(fault), _variant(registered), 0, 1)),
            )

    yield from _table(("fault", "fields", "frame"), rows())


def _heartbeats(registered: Registered) -> Iterator[str]:
    protocol, codec, variant = registered.protocol, registered.codec, _variant(registered)
    yield "## Heartbeats"
    yield ""
    if protocol.heartbeat is None and protocol.heartbeat_ack is None:
        yield from ("None.", "")
        return
    frames = {"heartbeat": codec.heartbeat(variant, 1), "heartbeat_ack": codec.heartbeat_ack(variant, 0, 1)}
    yield from _table(("frame", "for id 1"), ((f"`{name}`", _hex(data)) for name, data in frames.items() if data))


def _variant(registered: Registered) -> int:
    return next(iter(registered.lowered.variant.values()), 0)


def _hex(data: bytes, most: int = 48) -> str:
    return f"`{data[:most].hex(' ', -4)}`" + (f" … {len(data)} bytes" if len(data) > most else "")


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    yield from (f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")


def write_pages(folder: Path) -> None:
    """A page for each built-in."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, registered in registry.with_carried(registry.load()).items():
        if registered.source == "built-in":
            (folder / f"{name}.md").write_text(page(registered), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
