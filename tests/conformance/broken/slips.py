"""Slips of a pen: each turns the sound declaration of parcel into a wrong one, and says who must notice, and how.

The text of the declaration is changed, as an engineer would have written it. `check` is the check that must fail, or
`load` where the declaration must be refused; `field` is the path that its failure names, `fault` what its message says.
"""

from __future__ import annotations

from typing import NamedTuple


class Slip(NamedTuple):
    name: str
    old: str
    new: str
    check: str
    field: str
    fault: str


SLIPS = (
    Slip(
        "the length of the body is off by one",
        "Bytes(this.body_len)",
        "Bytes(this.body_len + 1)",
        "load",
        "reply",
        "body bytes object of wrong length",
    ),
    Slip(
        "the length of the body counts the headers",
        "Bytes(this.body_len)",
        "Bytes(this.body_len - this.head_len)",
        "golden",
        "body",
        "body",
    ),
    Slip(
        "the section of the headers is off by one",
        "FixedSized(this.head_len,",
        "FixedSized(this.head_len - 1,",
        "load",
        "reply",
        "headers length cannot be negative",
    ),
    Slip(
        "the lengths of the headers' texts have one byte",
        "HEADERS = KeyValues(Int16ub)",
        "HEADERS = KeyValues(Int8ub)",
        "golden",
        "service",
        "service: lookup finds None",
    ),
    Slip(
        "a length is little-endian",
        '"head_len" / Rebuild(Bounded(Int16ub,',
        '"head_len" / Rebuild(Bounded(Int16ul,',
        "golden",
        "headers",
        "headers cannot be read: .* expected 9984",
    ),
    Slip(
        "the id has two bytes",
        '"id" / Int32ub',
        '"id" / Int16ub, "more" / Default(Int16ub, 0)',
        "golden",
        "id",
        "the id is 0, the vector says 7",
    ),
    Slip("the id is little-endian", '"id" / Int32ub', '"id" / Int32ul', "golden", "id", "the id is"),
    Slip("the id is another field", "id=this.id", "id=this.body_len", "load", "id", "body_len is not a plain unsigned integer"),
    Slip(
        "the id is behind the timeout",
        '"id" / Int32ub,\n        "timeout" / If(this.type == "call", Int32ub),',
        '"timeout" / If(this.type == "call", Int32ub),\n        "id" / Int32ub,',
        "golden",
        "id",
        "the id is",
    ),
    Slip(
        "the frame has no limit", "Limits(frame=0x200000)", "Limits(frame=0x7FFFFFFF)", "limits", "limits.frame", "limits.frame"
    ),
    Slip(
        "the body has no limit", "Bounded(Int32ub, 0, 0x100000)", "Int32ub", "golden", "body_len", "must be refused at body_len"
    ),
    Slip("a limit is off by one", "0, 0x4000)", "0, 0x4001)", "golden", "head_len", "must be refused at head_len"),
    Slip("a limit refuses what is sent", "0, 0x4000)", "0, 16)", "golden", "head_len", "head_len"),
    Slip("a type is missing", ", ping=4", "", "load", "kind[HEARTBEAT]", "has no name 'ping'"),
    Slip(
        "types are not checked",
        "Known(Enum(Int8ub, call=1, answer=2, notice=3, ping=4, pong=5))",
        "Enum(Int8ub, call=1, answer=2, notice=3, ping=4, pong=5)",
        "golden",
        "kind",
        "the vector says type",
    ),
    Slip(
        "bits are in the wrong order",
        '"unused" / BitsInteger(7), "checked" / Flag',
        '"checked" / Flag, "unused" / BitsInteger(7)',
        "golden",
        "body",
        "4 fewer than it has: .* crc is not there",
    ),
    Slip(
        "a field is there under the wrong condition",
        'If(this.type == "call", Int32ub)',
        'If(this.type != "notice", Int32ub)',
        "load",
        "reply",
        "timeout struct",
    ),
    Slip(
        "the signature is every byte",
        'Const(b"\\x5a\\xc3\\x07")',
        'Default(Bytes(3), b"\\x5a\\xc3\\x07")',
        "detection",
        "detect",
        "both claim",
    ),
    Slip(
        "the signature is another protocol's",
        'Const(b"\\x5a\\xc3\\x07")',
        'Const(b"\\xda\\xbb\\xc2")',
        "detection",
        "detect",
        "dubbo and parcel both claim what begins with da bb",
    ),
    Slip(
        "the signature leaves frames out",
        'Detect("magic")',
        'Detect("magic", followed_by=b"\\x01")',
        "detection",
        "detect",
        "are taken for nothing",
    ),
    Slip(
        "a heartbeat is not acknowledged",
        '    heartbeat_ack={**EMPTY, "type": "pong"},\n',
        "",
        "heartbeats",
        "heartbeat_ack",
        "is not acknowledged",
    ),
    Slip(
        "a heartbeat is acknowledged by a heartbeat",
        '"type": "pong"}',
        '"type": "ping"}',
        "load",
        "heartbeat_ack",
        "is not one whole heartbeat_ack",
    ),
    Slip(
        "a heartbeat is taken for a call",
        'Kind.HEARTBEAT: this.type == "ping"',
        'Kind.HEARTBEAT: this.type == "pong"',
        "load",
        "heartbeat",
        "kind: no such kind of frame",
    ),
    Slip(
        "a oneway is answered",
        'Kind.REQUEST: this.type == "call"',
        'Kind.REQUEST: (this.type == "call") | (this.type == "notice")',
        "oneways",
        "kind",
        "a oneway would be answered",
    ),
    Slip(
        "an answer is a call",
        'Kind.RESPONSE: this.type == "answer"',
        'Kind.RESPONSE: this.type == "notice"',
        "load",
        "reply",
        "kind: no such kind of frame",
    ),
    Slip(
        "the checksum is not recomputed",
        "If(this.flags.checked == 1, TrailingCrc32())",
        "If(this.flags.checked == 1, Int32ub)",
        "checksum",
        "checksum",
        "is not recomputed",
    ),
    Slip("the checksum is little-endian", "TrailingCrc32()", "TrailingCrc32(little=True)", "golden", "crc", "checksum|crc"),
    Slip(
        "the checksum is where it is not",
        "this.flags.checked == 1, Trailing",
        "this.flags.checked == 0, Trailing",
        "golden",
        "crc",
        "crc",
    ),
    Slip(
        "a length does not follow an edit",
        'Rebuild(Bounded(Int16ub, 0, 0x4000), size_of("headers", HEADERS))',
        "Default(Bounded(Int16ub, 0, 0x4000), 0)",
        "edits",
        "headers",
        "a length around it does not follow",
    ),
    Slip(
        "a length is not made",
        'Rebuild(Bounded(Int16ub, 0, 0x4000), size_of("headers", HEADERS))',
        "Bounded(Int16ub, 0, 0x4000)",
        "load",
        "reply",
        "head_len",
    ),
    Slip("a reply has a value that does not fit", '{"status": 404,', '{"status": 70_000,', "load", "reply", "70000"),
    Slip("the service is another header", 'header("service")', 'header("svc")', "golden", "service", "service"),
    Slip("the timeout is not read", "    timeout=this.timeout,\n", "", "golden", "timeout", "the timeout is"),
)
