"""Lines: text, a line for each call and a line for each answer, in the order of the calls. Each ends in CR LF.

> SERVICE METHOD TEXT   a call
+ TEXT                  its answer
- TEXT                  its answer, that it failed
? TEXT                  is the other end there?
! TEXT                  it is
"""

from construct import Const, Enum, If, Int8ub, Struct, this

from xproto.spec import Detect, Fault, Kind, Order, Pool, Protocol
from xproto.wire import Known, Until

MOST = 8192
"""Characters of a text."""

LINES = Protocol(
    name="lines",
    frame=Struct(
        "sign" / Known(Enum(Int8ub, call=ord(">"), answer=ord("+"), failure=ord("-"), ping=ord("?"), pong=ord("!"))),
        "space" / Const(b" "),
        "service" / If(this.sign == "call", Until(b" ", 255)),
        "method" / If(this.sign == "call", Until(b" ", 255)),
        "text" / Until(b"\r\n", MOST),
    ),
    pool=Pool.PING_PONG,  # no line has an id: one call at a time on a connection,
    order=Order.IN_ORDER,  # and answers in the order of the calls
    kind={
        Kind.REQUEST: this.sign == "call",
        Kind.RESPONSE: (this.sign == "answer") | (this.sign == "failure"),
        Kind.HEARTBEAT: this.sign == "ping",
        Kind.HEARTBEAT_ACK: this.sign == "pong",
    },
    service=this.service,
    method=this.method,
    detect=Detect("space"),
    reply_base={"sign": "failure"},
    reply={fault: {"text": fault.name.lower().encode()} for fault in Fault if fault is not Fault.MISDIRECTED},
    heartbeat={"sign": "ping", "text": b""},
    heartbeat_ack={"sign": "pong", "text": b""},
    doc=__doc__ or "",
)
