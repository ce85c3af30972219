"""A dissector for Wireshark, in Lua, from a declaration alone.

What is written is one file that needs nothing else: a prelude which this package has by hand (`lua/`, of which only what
the layout uses is taken), and a table and two functions that say what the declaration says. The prelude reads a whole
frame before it shows anything and checks every length; nothing that a peer sends can raise an error in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from xproto.errors import SpecError
from xproto.explain import byte_set
from xproto.exports.lua import UntranslatedError, comment, string, table
from xproto.exports.wireshark_fields import Field, Fields, fields_of
from xproto.exports.wireshark_steps import Steps
from xproto.lower import Lowered
from xproto.lower.expressions import Reader
from xproto.lower.model import Bits, Load, Primitive, Take, walk
from xproto.lower.texts import Source
from xproto.plan import Form, OpCode
from xproto.registry import Registered
from xproto.spec import Kind

_PARTS = {
    "hessian": {OpCode.HESSIAN_TEXT, OpCode.HESSIAN_ARGS, OpCode.HESSIAN_MAP},
    "thrift": {OpCode.THRIFT_STRUCT, OpCode.THRIFT_INFO, OpCode.TTWITTER_HEADER},
    "jce": {OpCode.JCE_TEXT, OpCode.JCE_BYTES, OpCode.JCE_MAP, OpCode.JCE_REST},
    "http1": {OpCode.HTTP_HEAD, OpCode.HTTP_BODY},
}


def filter_name(protocol: str) -> str:
    """What display filters, `Decode As` and preferences call the protocol."""
    return "xproto_" + re.sub(r"[^a-z0-9_]", "_", protocol.lower())


def dissector(registered: Registered) -> str:
    """The text of `xproto export wireshark NAME`."""
    lowered = registered.lowered
    fields = fields_of(lowered)
    roles, unread, padding = (fields.free(name) for name in ("role", "unread", "padding"))
    steps = Steps(lowered, fields, padding)
    steps.write(lowered.nodes)
    kinds = list(_kinds(lowered, steps))
    extra = [Field(unread, "bytes"), Field(padding, "bytes"), *_roles(lowered, roles)]
    return "\n".join(
        [
            *_head(registered, steps.missing),
            *_prelude(lowered),
            *_table(registered, fields, extra, {"roles": roles, "unread": unread}),
            "",
            "function protocol.read(r)",
            "    local v = r.v",
            *steps.lines,
            "end",
            "",
            "function protocol.kind(v)",
            *kinds,
            "end",
            "",
            *(["protocol.exchanged = http_exchanged", ""] if _uses(lowered, _PARTS["http1"]) else []),
            "register(protocol)",
            "",
        ]
    )


def _head(registered: Registered, missing: list[str]) -> Iterator[str]:
    name = registered.protocol.name
    filtered = filter_name(name)
    yield f"-- {comment(name)}: a dissector for Wireshark, made from its declaration by `xproto export wireshark`."
    yield from (f"-- {comment(line)}" for line in registered.protocol.doc.strip().splitlines()[:1])
    yield "--"
    yield "-- Put it into Wireshark's folder of personal Lua plugins, or give it to tshark: -X lua_script:FILE."
    yield f"-- Connections are found by their first bytes, by the ports of the preference {filtered}.ports, or by Decode As."
    yield "--"
    opaque = [f"{each}, which construct interprets; it is shown as bytes" for each in registered.lowered.opaque]
    untranslated = [*opaque, *missing]
    yield "-- Not translated: " + ("" if untranslated else "nothing.")
    yield from (f"--   {comment(each)}" for each in untranslated)
    yield ""


def _uses(lowered: Lowered, codes: set[OpCode]) -> bool:
    return any(isinstance(node, Primitive) and node.opcode in codes for node in walk(lowered.nodes))


def _prelude(lowered: Lowered) -> Iterator[str]:
    jce = any(isinstance(node, Load) and node.form is Form.JCE for node in walk(lowered.nodes))
    wanted = [name for name, codes in _PARTS.items() if _uses(lowered, codes) or (name == "jce" and jce)]
    folder = files("xproto.exports") / "lua"
    wanted += ["records"] if any(isinstance(node, Take) and node.value.columns for node in walk(lowered.nodes)) else []
    for name in ("basics", "reader", *wanted, "wireshark"):
        yield (folder / f"{name}.lua").read_text(encoding="utf-8")


def _roles(lowered: Lowered, path: str) -> Iterator[Field]:
    ident = lowered.identity.id
    yield Field(f"{path}.kind", "string")
    if ident is not None:
        read = (node for node in walk(lowered.nodes) if isinstance(node, Load | Bits))
        load = next(node for node in read if node.value.reg == ident.reg)
        yield Field(f"{path}.id", "uint", 64, signed=load.value.lo < 0)
    yield Field(f"{path}.service", "string")
    yield Field(f"{path}.method", "string")


def _table(registered: Registered, fields: Fields, extra: list[Field], names: dict[str, str]) -> Iterator[str]:
    lowered, name = registered.lowered, registered.protocol.name
    yield "-- The declaration ------------------------------------------------------------------------------------------------"
    yield ""
    yield "local protocol = {"
    yield f"    filter = {string(filter_name(name))}, title = {string(name)}, limit = {lowered.verify.limit},"
    yield f"    {', '.join(f'{key} = {string(value)}' for key, value in names.items())},"
    if lowered.identity.id is not None:
        yield f"    id = {string(lowered.identity.id.path)},"
    for role in ("service", "method"):
        yield f"    {role} = {table(_source(each) for each in lowered.texts.key(role))},"
    yield f"    before = {table(f'[{string(name)}] = true' for name in registered.protocol.detect.before)},"
    yield f"    structs = {table(f'[{string(path)}] = true' for path in sorted(fields.structs))},"
    yield "    signature = {"
    yield from (f"        {string(' '.join(byte_set(allowed) for allowed in cube))}," for cube in registered.cubes)
    yield "    },"
    yield "    fields = {"
    structs = [Field(path, "none") for path in sorted(fields.structs) if path not in fields.by_path]
    yield from (f"        {_field(each)}," for each in (*structs, *fields.by_path.values(), *extra))
    yield "    },"
    yield "}"


def _field(each: Field) -> str:
    parts = [string(each.path), string(each.type)]
    if each.labels or each.mask:
        labels = sorted((number, label) for label, number in (each.labels or {}).items())
        parts.append(table(f"[{number}] = {string(label)}" for number, label in labels) if labels else "nil")
    if each.mask:
        parts.append(f"0x{each.mask:x}")
    return table(parts)


def _source(source: Source) -> str:
    parts = [f"path = {string(source.path)}"]
    if source.key is not None:
        parts.append(f"key = {string(source.key)}")
    if source.unless:
        parts.append(f"unless = {table(string(each) for each in source.unless)}")
    if source.separator:
        parts.append(f"separator = {string(source.separator)}")
        parts.append(f"behind = {'true' if source.behind else 'false'}")
    return table(parts)


def _kinds(lowered: Lowered, steps: Steps) -> Iterator[str]:
    for kind, test in lowered.protocol.kind.items():
        name = Kind(kind).name.lower()
        try:
            expr = Reader(lowered.scope, frozenset(), "kind", lenient=True).read(test)
            yield f"    if {steps.expressions.test(expr)} then return {string(name)} end"
        except (SpecError, UntranslatedError) as error:
            steps.missing.append(f"kind {name}: {error}; frames of it are shown as `frame`")
            yield '    do return "frame" end'
            return
