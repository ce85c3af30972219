"""Reading bytes as a Plan's ops do: one module a format, each written from the format's own description.

`WALKS` has a function for each op that reads a whole value; it moves the reading behind the value, notes the lengths in
it, and leaves the texts that are asked for in their slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.judges.walks import declared, hessian, http1, jce, keyvalues, thrift, ttwitter
from conformance.judges.walks.reading import BadSignal, Reading, ShortSignal
from xproto.plan import Op, OpCode

WALKS: Mapping[OpCode, Callable[[Reading, Op], None]] = {
    OpCode.KEYVALUES: keyvalues.key_values,
    OpCode.CHUNKS: keyvalues.chunks,
    OpCode.HESSIAN_TEXT: hessian.text,
    OpCode.HESSIAN_ARGS: hessian.arguments,
    OpCode.HESSIAN_MAP: hessian.map_,
    OpCode.THRIFT_STRUCT: thrift.struct,
    OpCode.THRIFT_INFO: thrift.info,
    OpCode.TTWITTER_HEADER: ttwitter.header,
    OpCode.JCE_INTEGER: jce.integer,
    OpCode.JCE_TEXT: jce.text,
    OpCode.JCE_BYTES: jce.bytes_,
    OpCode.JCE_MAP: jce.map_,
    OpCode.JCE_REST: jce.rest,
    OpCode.HTTP_HEAD: http1.head,
    OpCode.HTTP_BODY: http1.body,
    OpCode.UNTIL: declared.until,
    OpCode.INTERPRET: declared.interpret,
}

__all__ = ["WALKS", "BadSignal", "Reading", "ShortSignal"]
