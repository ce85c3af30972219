"""Wire primitives: construct classes with a kernel op each, usable by anyone's protocol."""

from xproto.wire.ahead import Ahead
from xproto.wire.base import WirePrimitive
from xproto.wire.checksum import TrailingCrc32
from xproto.wire.chunked import Chunked
from xproto.wire.direction import FromUpstream
from xproto.wire.hessian import HessianArguments, HessianMap, HessianText, Raw
from xproto.wire.http1 import HttpBody, HttpHead
from xproto.wire.integers import Bounded, Known
from xproto.wire.jce import JceBytes, JceInteger, JceMap, JceRest, JceText
from xproto.wire.keyvalues import KeyValues
from xproto.wire.sizes import size_of
from xproto.wire.thrift import ThriftInfo, ThriftStruct
from xproto.wire.ttwitter import TTwitterHeader
from xproto.wire.until import Until

__all__ = [
    "Ahead",
    "Bounded",
    "Chunked",
    "FromUpstream",
    "HessianArguments",
    "HessianMap",
    "HessianText",
    "HttpBody",
    "HttpHead",
    "JceBytes",
    "JceInteger",
    "JceMap",
    "JceRest",
    "JceText",
    "KeyValues",
    "Known",
    "Raw",
    "TTwitterHeader",
    "ThriftInfo",
    "ThriftStruct",
    "TrailingCrc32",
    "Until",
    "WirePrimitive",
    "size_of",
]
