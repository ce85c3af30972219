"""Arguments and results of Thrift calls, by their IDL: thriftpy2 reads the IDL, and the structs by it.

What always holds: before thriftpy2 reads a struct, the reference walk of `xproto.wire.thrift` has passed over it, which
believes no count that the bytes cannot keep and enters no more than 64 levels.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from construct import ConstructError
from thriftpy2 import load
from thriftpy2.parser.exc import ThriftParserError
from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.protocol.compact import TCompactProtocol
from thriftpy2.thrift import TApplicationException, TType
from thriftpy2.transport import TMemoryBuffer

from xproto.decode.fields import at_path, reason, text_of
from xproto.decode.message import Message
from xproto.decode.values import NotReadError, OptionError
from xproto.wire import ThriftStruct

REPLIES = {"reply", "exception"}


class ThriftValues:
    """Reads bodies by the IDL in a file. service: whose methods, where the file has several and the calls do not say it."""

    def __init__(self, path: str, service: str | None = None) -> None:
        try:
            module = load(str(Path(path).resolve()))  # by its whole path: thriftpy2 keeps what it has read under that name
        except (ThriftParserError, OSError, ValueError, AttributeError, TypeError) as error:
            raise OptionError(f"{path}: {type(error).__name__}: {error}") from error
        self._services = {each.__name__: each for each in module.__thrift_meta__["services"]}
        if not self._services:
            raise OptionError(f"{path}: declares no service")
        if service is not None and service not in self._services:
            raise OptionError(f"{path}: declares no service {service}; there are: {', '.join(self._services)}")
        self._service = service

    def reads(self, message: Message) -> bool:
        return is_thrift(message)

    def read(self, message: Message) -> Any:
        """The arguments or the result of a message by name; raises `NotReadError`."""
        kind = str(at_path(message.fields, "type") or at_path(message.fields, "head.type"))
        compact = at_path(message.fields, "head") is not None
        if kind == "exception":
            return {"exception": struct(TApplicationException(), message.body, compact=compact)}
        name = text_of(at_path(message.fields, "name") or b"")
        service, _, method = name.rpartition(":")
        declared = self._declared(service or message.service or "", method)
        if kind != "reply":
            return struct(getattr(declared, f"{method}_args")(), message.body, compact=compact)
        result = struct(getattr(declared, f"{method}_result")(), message.body, compact=compact)
        if set(result) == {"success"}:
            return {"result": result["success"]}
        return {"exception": result} if result else {"result": None}

    def _declared(self, service: str, method: str) -> Any:
        """The service that has this method: the one asked for, the one the call names, or the only one."""
        having = [each for each in self._services.values() if hasattr(each, f"{method}_args")]
        wanted = [self._services[name] for name in (self._service, service) if name in self._services]
        found = [each for each in wanted if each in having] or ([] if self._service else having)
        if not found:
            raise NotReadError(f"the IDL has no method {method!r}" + (f" in {self._service}" if self._service else ""))
        if len(found) > 1 and not wanted:
            raise NotReadError(f"{method!r} is a method of {', '.join(each.__name__ for each in found)}: say --service")
        return found[0]


def is_thrift(message: Message) -> bool:
    """Whether this is a message of Thrift, in any form."""
    return message.fields is not None and "seqid" in message.fields and "body" in message.fields


def struct(into: Any, data: bytes, *, compact: bool) -> dict[str, Any]:
    """The fields of a struct by name, as plain values; raises `NotReadError`."""
    stream = io.BytesIO(data)
    try:
        ThriftStruct(compact=compact).parse_stream(stream)
    except ConstructError as error:
        raise NotReadError(f"no struct of Thrift: {reason(error)}") from error
    if stream.tell() != len(data):
        raise NotReadError(f"{len(data) - stream.tell()} bytes are left over behind the struct")
    reader: Any = TCompactProtocol if compact else TBinaryProtocol
    buffer: Any = TMemoryBuffer
    try:
        reader(buffer(data)).read_struct(into)
        return _fields(into)
    except Exception as error:
        raise NotReadError(f"thriftpy2: {type(error).__name__}: {error}") from error


def _fields(value: Any) -> dict[str, Any]:
    specs = {spec[1]: spec for spec in value.thrift_spec.values()}
    return {
        name: _plain(found, spec[0], spec[2] if len(spec) > 3 else None)
        for name, spec in specs.items()
        if (found := getattr(value, name, None)) is not None
    }


def _plain(value: Any, kind: int, spec: Any) -> Any:
    if kind == TType.STRUCT:
        return _fields(value)
    if kind in {TType.LIST, TType.SET}:
        return [_plain(each, *_type(spec)) for each in value]
    if kind == TType.MAP:
        pairs = [(_plain(key, *_type(spec[0])), _plain(each, *_type(spec[1]))) for key, each in value.items()]
        return {_key(key): each for key, each in pairs}
    if kind == TType.I32 and isinstance(spec, type):  # an enum
        names: Mapping[int, str] = getattr(spec, "_VALUES_TO_NAMES", {})
        return names.get(value, value)
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _type(spec: Any) -> tuple[int, Any]:
    return (spec[0], spec[1]) if isinstance(spec, tuple) else (spec, None)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(key)
