"""dubbothrift: Dubbo's header around a framed message, with the service's name and an id of its own.

Source of the format: Dubbo's ThriftCodec.
"""

from __future__ import annotations

from typing import Any

from construct import Bytes, Check, Const, Int8ub, Int16ub, Int32ub, Int64ub, Rebuild, Struct, Tell, len_, this

from xproto.codecs.thrift.message import MAX_FRAME, MAX_NAME, binary_exception, common, kinds, replies, strict
from xproto.spec import Detect, Limits, Order, Pool, Protocol, first
from xproto.wire import Bounded


def dubbothrift(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Dubbo's framing around strict binary, as Dubbo 2.6 has it; `max_frame` is in bytes.

    Dubbo 2.7 puts a path after the service in its requests, wants one in answers and writes none there: it cannot read
    its own answers, so nobody can speak that form with it.
    """

    def size(context: Any) -> int:
        return 33 + len(context.service) + len(context.name) + len(context.body)

    layout = Struct(
        "size" / Rebuild(Bounded(Int32ub, 0, max_frame), size),
        "magic" / Const(b"\xda\xbc"),
        "again_size" / Rebuild(Int32ub, size),
        Check(this.again_size == this.size),
        "head_size" / Rebuild(Int16ub, 21 + len_(this.service)),
        "header_version" / Const(1, Int8ub),
        "service_size" / Rebuild(Bounded(Int32ub, 0, MAX_NAME), len_(this.service)),
        Check(this.head_size == this.service_size + 21),
        "service" / Bytes(this.service_size),
        "id" / Int64ub,
        *strict(),
        "here" / Tell,
        "body" / Bytes(this.size + 4 - this.here),
    )
    return common(
        "dubbothrift", dubbothrift, "dubbothrift: Dubbo's header, then strict binary.",
        frame=layout, id=this.id, service=first(this.service), pool=Pool.MULTIPLEXED, order=Order.BY_ID,
        kind=kinds(this.type), detect=Detect("magic"), limits=Limits(frame=max_frame + 4),
        # Of an exception Dubbo's consumer reads the id and the text alone; a reply's service names the class to read it by.
        reply_base={"type": "exception", "service": b"", "seqid": 0}, **replies(binary_exception),
    )  # fmt: skip
