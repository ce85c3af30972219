"""Messages of Apache Thrift's library without generated code: any method, arguments and results as {field id: value}."""

from __future__ import annotations

from typing import Any

from thrift.Thrift import TType

Fields = dict[int, Any]


def read_struct(protocol: Any) -> Fields:
    found: Fields = {}
    protocol.readStructBegin()
    while True:
        _, kind, number = protocol.readFieldBegin()
        if kind == TType.STOP:
            break
        if kind == TType.STRING:
            found[number] = protocol.readString()
        elif kind == TType.I32:
            found[number] = protocol.readI32()
        elif kind == TType.STRUCT:
            found[number] = read_struct(protocol)
        else:
            protocol.skip(kind)
        protocol.readFieldEnd()
    protocol.readStructEnd()
    return found


def write_struct(protocol: Any, fields: Fields) -> None:
    protocol.writeStructBegin("fields")
    for number, value in fields.items():
        kind = {str: TType.STRING, int: TType.I32, dict: TType.STRUCT}[type(value)]
        protocol.writeFieldBegin("field", kind, number)
        if kind == TType.STRING:
            protocol.writeString(value)
        elif kind == TType.I32:
            protocol.writeI32(value)
        else:
            write_struct(protocol, value)
        protocol.writeFieldEnd()
    protocol.writeFieldStop()
    protocol.writeStructEnd()


def write(protocol: Any, name: str, kind: int, number: int, fields: Fields) -> None:
    protocol.writeMessageBegin(name, kind, number)
    write_struct(protocol, fields)
    protocol.writeMessageEnd()
    protocol.trans.flush()


def read(protocol: Any) -> tuple[str, int, int, Fields]:
    """Name, type, seqid and fields."""
    name, kind, number = protocol.readMessageBegin()
    fields = read_struct(protocol)
    protocol.readMessageEnd()
    return name, kind, number, fields
