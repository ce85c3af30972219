"""What a dissector must show of a frame: what construct decodes, as Wireshark writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from construct import EnumInteger, EnumIntegerString

from xproto.lower.model import Primitive, walk
from xproto.plan import OpCode
from xproto.registry import Registered
from xproto.spec import Kind

NULL = "(null: "
"""What is shown of pairs that are dropped."""
GOOD = "1"
"""Of a checksum: it fits."""


def text(value: bytes | str) -> str:
    """Text as it is shown: what is no text, or would break a line, is escaped."""
    said = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    return "".join(_character(each) for each in said)


def _character(each: str) -> str:
    code = ord(each)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x20 or code == 0x7F else each


def expected(registered: Registered, data: bytes, direction: int) -> dict[str, list[str]]:
    """Every field that construct decodes, with the roles, by path."""
    texts = {source.path for role in ("service", "method") for source in registered.lowered.texts.key(role)}
    texts |= {each.value.path for each in walk(registered.lowered.nodes) if getattr(each, "opcode", None) == OpCode.UNTIL}
    decoded = registered.protocol.frame.parse(data, from_upstream=direction)
    found: dict[str, list[str]] = {}
    for path, values in _flat(decoded, "", texts):
        found.setdefault(path, []).extend(values)
    for node in walk(registered.lowered.nodes):
        path = node.value.path if isinstance(node, Primitive) else ""
        if path in found and node.opcode == OpCode.CRC32:
            found[path], found[f"{path}.status"] = [f"0x{int(found[path][0]):08x}"], [GOOD]
        elif path in found and (node.opcode == OpCode.JCE_REST or (node.opcode == OpCode.HTTP_BODY and found[path] == [""])):
            del found[path]
    frame = registered.codec.scan_bytes(data, direction)
    found["role.kind"] = [Kind(frame.kind).name.lower()]
    if registered.lowered.identity.id is not None:
        ident = _at(decoded, registered.lowered.identity.id.path)
        found |= {} if ident is None else {"role.id": [_number(ident)]}
    if direction == 0:
        for role, value in zip(
            ("service", "method"), registered.codec.lookup(("service", "method")).find_bytes(data), strict=True
        ):
            if value is not None:
                found[f"role.{role}"] = [text(value)]
    return found


def _at(decoded: Any, path: str) -> Any:
    for name in path.split("."):
        decoded = None if decoded is None else decoded[name]
    return decoded


def _number(value: Any) -> str:
    return str(value.intvalue if isinstance(value, EnumIntegerString) else int(value))


def _flat(fields: Mapping[str, Any], around: str, texts: set[str]) -> Iterator[tuple[str, list[str]]]:
    for name, value in fields.items():
        path = f"{around}{name}"
        if name.startswith("_") or value is None:
            continue
        if isinstance(value, dict) and "line" in value:
            yield from _head(value, path)
        elif isinstance(value, dict):
            yield from _flat(value, f"{path}.", texts)
        elif isinstance(value, EnumIntegerString | EnumInteger | bool | int):
            yield path, [_number(value)]
        elif isinstance(value, bytes):
            yield path, [text(value) if path in texts else value.hex(":")]
        elif isinstance(value, str):
            yield path, [text(value)]
        elif isinstance(value, list):
            yield from _list(value, path)


def _list(values: list[Any], path: str) -> Iterator[tuple[str, list[str]]]:
    if values and isinstance(values[0], bytes):
        yield f"{path}.chunk", [f"{len(chunk)} bytes" for chunk in (*values, b"")]
        return
    if values and isinstance(values[0], dict | int | EnumIntegerString):
        yield f"{path}.record", [_record(value) for value in values]
        return
    for key, value in values:
        if isinstance(key, str) and isinstance(value, str):
            yield f"{path}.pair", [f"{text(key)}={text(value)}"]


def _record(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_record(each)}" for name, each in value.items() if not name.startswith("_"))
    return str(value) if isinstance(value, EnumIntegerString) else _number(value)


def _head(head: Mapping[str, Any], path: str) -> Iterator[tuple[str, list[str]]]:
    yield f"{path}.line", [text(head["line"])]
    for name, value in head["fields"]:
        yield f"{path}.pair", [f"{text(name)}={text(value)}"]
    for name in ("form", "method", "minor", "closes", "upgrades", "awaits", "status", "web"):
        yield f"{path}.{name}", [_number(head[name])]


def differing(shown: Mapping[str, list[str]], wanted: Mapping[str, list[str]]) -> dict[str, tuple[Any, Any]]:
    """Where what is shown is not what was wanted: path to both. What construct has no words for is left out."""
    said = {path: [value for value in values if not value.startswith(NULL)] for path, values in shown.items()}
    own = {path: values for path, values in said.items() if path in wanted or not _only_shown(path, values)}
    paths = {*own, *wanted}
    return {path: (own.get(path), wanted.get(path)) for path in paths if own.get(path) != wanted.get(path)}


def _only_shown(path: str, values: list[str]) -> bool:
    """Serialized values, the halves of pairs, chunks; nulls, lengths and padding, which construct drops; roles of answers."""
    if not values:
        return True
    dropped = {path, *values} & {"padding", "unread", "role.service", "role.method", "(null)"}
    return bool(dropped) or set(values) == {""} or path.endswith((".value", ".name", ".chunk", ".length"))
