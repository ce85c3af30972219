"""Wire primitives: construct classes with a kernel op each, usable by anyone's protocol."""

from xproto.wire.base import WirePrimitive
from xproto.wire.checksum import TrailingCrc32
from xproto.wire.chunked import Chunked
from xproto.wire.direction import FromUpstream
from xproto.wire.hessian import HessianArguments, HessianMap, HessianText, Raw
from xproto.wire.integers import Bounded, Known
from xproto.wire.keyvalues import KeyValues
from xproto.wire.sizes import size_of

__all__ = [
    "Bounded",
    "Chunked",
    "FromUpstream",
    "HessianArguments",
    "HessianMap",
    "HessianText",
    "KeyValues",
    "Known",
    "Raw",
    "TrailingCrc32",
    "WirePrimitive",
    "size_of",
]
