"""What construct parsed, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from construct import EnumInteger, EnumIntegerString

from xproto.wire import Raw


def at_path(fields: Any, path: str) -> Any:
    """The field at a dotted path; None where there is none."""
    for name in path.split("."):
        if not isinstance(fields, Mapping) or name not in fields:
            return None
        fields = fields[name]
    return fields


def text_of(value: Any) -> str:
    """A text, or bytes that mostly are one."""
    if isinstance(value, Raw):
        value = value.data
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "backslashreplace")


def reason(error: Exception) -> str:
    """An error in one line, without the path that construct puts before it."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("Error in path ")]
    return lines[0] if lines else type(error).__name__


def leaves(fields: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Every field that is bytes, by its own name, in the order of the frame."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from leaves(value)
        elif isinstance(value, Raw):
            yield name, value.data
        elif isinstance(value, bytes) and not name.startswith("_"):
            yield name, value


def plain(value: Any) -> Any:
    """A parsed value as JSON has it: bytes as hex, texts of construct's Enum as texts."""
    match value:
        case Mapping():
            return {str(name): plain(each) for name, each in value.items() if not name.startswith("_")}
        case EnumIntegerString():
            return str(value)
        case EnumInteger():
            return int(value)
        case list() | tuple():
            return [plain(each) for each in value]
        case Raw(data):
            return {"hex": data.hex()}
        case bytes() | bytearray() | memoryview():
            return {"hex": bytes(value).hex()}
        case None | bool() | int() | float() | str():
            return value
    return str(value)
