"""The service for Apache Thrift, as its compiler would have written it: structs, a processor, and the forms of the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thrift.protocol.TBase import TBase, TExceptionBase
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolFactory
from thrift.protocol.THeaderProtocol import THeaderProtocolFactory
from thrift.Thrift import TApplicationException, TMessageType, TProcessor, TType
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID
from thrift.transport.TTransport import TBufferedTransportFactory, TFramedTransportFactory, TTransportFactoryBase
from thrift_forms import EVERY, INNERS

I32, STRING = TType.I32, TType.STRING


class Fields(TBase):  # type: ignore[misc]
    thrift_spec: Any = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, **values: Any) -> None:
        for field in self.thrift_spec:
            if field:
                setattr(self, field[2], values.get(field[2]))


def field(id: int, type: int, name: str, of: Any = None) -> tuple[Any, ...]:
    return (id, type, name, "UTF8" if type == STRING else of, None)


def struct(name: str, *fields: Any) -> type[Fields]:
    return type(name, (Fields,), {"thrift_spec": fields})


class Refused(TExceptionBase):  # type: ignore[misc]
    thrift_spec = (None, field(1, STRING, "why"), field(2, I32, "code"))

    def __init__(self, why: str | None = None, code: int | None = None) -> None:
        super().__init__(why, code)
        self.why, self.code = why, code


INNER = struct("Inner", None, field(1, STRING, "name"), field(2, TType.LIST, "flags", (TType.BOOL, None, False)))
ONE = [INNER, INNER.thrift_spec]
MANY = (TType.STRUCT, ONE, False)
FIELDS = (
    (1, TType.BOOL, "yes"), (2, TType.BOOL, "no"), (3, TType.BYTE, "tiny"), (4, TType.I16, "small"), (5, I32, "number"),
    (6, TType.I64, "large"), (7, TType.DOUBLE, "real"), (8, STRING, "text"), (10, TType.LIST, "flags", (TType.BOOL, None, False)),
    (11, TType.SET, "numbers", (I32, None, False)), (12, TType.LIST, "texts", (STRING, "UTF8", False)),
    (13, TType.MAP, "empty", (I32, None, TType.I64, None, False)), (14, TType.STRUCT, "inner", ONE),
    (15, TType.MAP, "by_name", (STRING, "UTF8", TType.LIST, MANY, False)), (16, TType.LIST, "inners", MANY), (1000, I32, "far"),
)
_by_id = {each[0]: field(*each) for each in FIELDS} | {9: (9, STRING, "data", "BINARY", None)}
EVERY_STRUCT = struct("Every", *(_by_id.get(id) for id in range(1001)))
TEXT = struct("text_args", None, field(1, STRING, "text"))
STRING_RESULT = struct("string_result", field(0, STRING, "success"))
I32_RESULT = struct("i32_result", field(0, I32, "success"))
EVERY_FIELD = (TType.STRUCT, "value", [EVERY_STRUCT, EVERY_STRUCT.thrift_spec])
METHODS: dict[str, tuple[type[Fields], type[Fields] | None]] = {
    "echo": (TEXT, STRING_RESULT),
    "add": (struct("add_args", None, field(1, I32, "a"), field(2, I32, "b")), I32_RESULT),
    "fail": (
        struct("fail_args"),
        struct("fail_result", field(0, STRING, "success"), field(1, TType.STRUCT, "refused", [Refused, Refused.thrift_spec])),
    ),
    "every": (
        struct("every_args", None, field(1, *EVERY_FIELD)),
        struct("every_result", field(0, TType.STRUCT, "success", EVERY_FIELD[2])),
    ),
    "note": (TEXT, None),
    "slow": (struct("slow_args", None, field(1, I32, "ms")), I32_RESULT),
    "big": (struct("big_args", None, field(1, I32, "n")), STRING_RESULT),
    "missing": (TEXT, STRING_RESULT),
}


def every() -> Any:
    """A value of every type."""
    inners = [INNER(**inner) for inner in INNERS]
    return EVERY_STRUCT(**EVERY, inner=inners[0], by_name={"both": inners, "none": []}, inners=inners)


class Processor(TProcessor):  # type: ignore[misc]
    """Calls the method of `handler` that a message names, with or without `prefix`."""

    def __init__(self, prefix: str, handler: Any) -> None:
        self._prefix = prefix
        self._handler = handler

    def process(self, iprot: Any, oprot: Any) -> bool:
        name, _, seqid = iprot.readMessageBegin()
        handle: Callable[..., Any] | None = getattr(self._handler, name.removeprefix(self._prefix), None)
        if handle is None:
            iprot.skip(TType.STRUCT)
            iprot.readMessageEnd()
            unknown = TApplicationException(TApplicationException.UNKNOWN_METHOD, f"Unknown function {name}")
            write(oprot, name, TMessageType.EXCEPTION, seqid, unknown)
            return True
        arguments, answer = METHODS[name.removeprefix(self._prefix)]
        asked = arguments()
        asked.read(iprot)
        iprot.readMessageEnd()
        try:
            result = {"success": handle(**vars(asked))}
        except Refused as refused:
            result = {"refused": refused}
        if answer is not None:
            write(oprot, name, TMessageType.REPLY, seqid, answer(**result))
        return True


def write(oprot: Any, name: str, kind: int, seqid: int, body: Any) -> None:
    oprot.writeMessageBegin(name, kind, seqid)
    body.write(oprot)
    oprot.writeMessageEnd()
    oprot.trans.flush()


def _old() -> TBinaryProtocolFactory:
    return TBinaryProtocolFactory(strictRead=False, strictWrite=False)


def _header() -> THeaderProtocolFactory:
    return THeaderProtocolFactory((THeaderClientType.HEADERS,), THeaderSubprotocolID.BINARY)


def _header_compact() -> THeaderProtocolFactory:
    return THeaderProtocolFactory((THeaderClientType.HEADERS,), THeaderSubprotocolID.COMPACT)


FORMS: dict[str, tuple[Any, Any]] = {
    "thrift": (TFramedTransportFactory, TBinaryProtocolFactory),
    "thrift-old": (TFramedTransportFactory, _old),
    "thrift-compact": (TFramedTransportFactory, TCompactProtocolFactory),
    "thrift-unframed": (TBufferedTransportFactory, TBinaryProtocolFactory),
    "thrift-unframed-old": (TBufferedTransportFactory, _old),
    "thrift-unframed-compact": (TBufferedTransportFactory, TCompactProtocolFactory),
    "thrift-header": (TTransportFactoryBase, _header),
    "thrift-header-compact": (TTransportFactoryBase, _header_compact),
}
