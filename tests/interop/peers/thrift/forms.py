"""How each library writes each form of Thrift: the protocol over a transport, by the name that the proxy gives the form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import thriftpy2
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID, THeaderTransformID
from thrift.transport.TTransport import TBufferedTransport, TFramedTransport
from thriftpy2.protocol import TBinaryProtocolFactory, TCompactProtocolFactory
from thriftpy2.transport import TBufferedTransportFactory, TFramedTransportFactory

IDL = thriftpy2.load(str(Path(__file__).parent / "echo.thrift"), module_name="echo_thrift")
LOOSE = {"strict_read": False, "strict_write": False}
THRIFTPY2 = {
    "thrift": (TFramedTransportFactory(), TBinaryProtocolFactory()),
    "thrift-old": (TFramedTransportFactory(), TBinaryProtocolFactory(**LOOSE)),
    "thrift-compact": (TFramedTransportFactory(), TCompactProtocolFactory()),
    "thrift-unframed": (TBufferedTransportFactory(), TBinaryProtocolFactory()),
    "thrift-unframed-old": (TBufferedTransportFactory(), TBinaryProtocolFactory(**LOOSE)),
    "thrift-unframed-compact": (TBufferedTransportFactory(), TCompactProtocolFactory()),
}
HEADERS = (THeaderClientType.HEADERS,)


def _loose(transport: Any) -> TBinaryProtocol:
    return TBinaryProtocol(transport, strictRead=False, strictWrite=False)


def _header(transport: Any, inside: int) -> THeaderProtocol:
    return THeaderProtocol(transport, HEADERS, default_protocol=inside)


def _zlib(transport: Any) -> THeaderProtocol:
    made = _header(transport, THeaderSubprotocolID.BINARY)
    made.trans.add_transform(THeaderTransformID.ZLIB)
    return made


APACHE = {
    "thrift": lambda socket: TBinaryProtocol(TFramedTransport(socket)),
    "thrift-old": lambda socket: _loose(TFramedTransport(socket)),
    "thrift-compact": lambda socket: TCompactProtocol(TFramedTransport(socket)),
    "thrift-unframed": lambda socket: TBinaryProtocol(TBufferedTransport(socket)),
    "thrift-unframed-old": lambda socket: _loose(TBufferedTransport(socket)),
    "thrift-unframed-compact": lambda socket: TCompactProtocol(TBufferedTransport(socket)),
    "thrift-header": lambda socket: _header(socket, THeaderSubprotocolID.BINARY),
    "thrift-header-compact": lambda socket: _header(socket, THeaderSubprotocolID.COMPACT),
    "thrift-header zlib": _zlib,
}
"""A protocol over a socket; the last one compresses what it sends."""
