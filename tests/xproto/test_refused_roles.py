"""Every role that is refused is told which one, what is wrong with it, and what to write instead."""

from dataclasses import replace

import construct as c
import pytest
from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    Enum,
    FixedSized,
    GreedyBytes,
    If,
    Int8ub,
    Int16ub,
    Int24ub,
    Int32sb,
    Int32ub,
    Int64ub,
    Struct,
    len_,
    this,
)

from tests.xproto.small import KIND, codec, declare, layout, refusal
from xproto.errors import SpecError
from xproto.lower import lower
from xproto.registry import register
from xproto.spec import Detect, Fault, Header, Kind, Limits, first, header, item, unless, view
from xproto.wire import Bounded, Chunked, HessianArguments, HessianMap, HessianText, KeyValues, Known

BLOCK = ("n" / Int8ub, "block" / FixedSized(this.n, KeyValues(Int32sb)))
SIZED = "is not a plain unsigned integer of 16, 32 or 64 bits at the frame's root"
FUNCTION = ("a Python function cannot be lowered", "write it with `this`, such as this.size - 4")
KIND_ONLY = Struct("kind" / Known(Enum(Int8ub, request=0, response=1)), "x" / Int32ub)


def other_id(con):
    return Struct("kind" / Known(Enum(Int8ub, request=0, response=1)), "other" / con)


IDS = {
    "not a field": ({"id": this.id + 1}, "(this['id'] + 1) is not a field", "name the field: id=this.id"),
    "a number": ({"id": 4}, "4 is not a field", "name the field: id=this.id"),
    "a lambda": ({"id": len_}, "len_ is not a field", "name the field: id=this.id"),
    "this itself": ({"id": this}, "this is not a field", "name a field, such as this.id"),
    "missing": ({"id": this.nothing}, "there is no field 'nothing' here", "the fields known so far are: id, kind"),
    "conditional": (
        {"frame": layout("a" / Int8ub, "x" / If(this.a == 1, Int32ub)), "id": this.x},
        "x is only there when (a eq 1)", "every frame needs its id",
    ),
    "signed": ({"frame": other_id(Int32sb), "id": this.other}, f"other {SIZED}", "use Int32ub"),
    "of 24 bits": ({"frame": other_id(Int24ub), "id": this.other}, f"other {SIZED}", "use Int32ub"),
    "of 8 bits": ({"frame": other_id(Int8ub), "id": this.other}, f"other {SIZED}", "use Int32ub"),
    "bounded": ({"frame": other_id(Bounded(Int32ub, 0, 9)), "id": this.other}, f"other {SIZED}", "use Int32ub"),
    "bytes": ({"frame": other_id(Bytes(4)), "id": this.other}, f"other {SIZED}", "use Int32ub"),
    "bits that are not the lower ones": (
        {"frame": other_id(BitStruct("b" / BitsInteger(16), "c" / BitsInteger(16))), "id": this.other.b},
        f"other.b {SIZED}", "use Int32ub",
    ),
    "too few bits": (
        {"frame": other_id(BitStruct("a" / BitsInteger(1), "b" / BitsInteger(15))), "id": this.other.b},
        f"other.b {SIZED}", "use Int32ub",
    ),
    "bits of 24": (
        {"frame": other_id(BitStruct("a" / BitsInteger(4), "b" / BitsInteger(20))), "id": this.other.b},
        f"other.b {SIZED}", "use Int32ub",
    ),
    "bits that are bounded": (
        {"frame": other_id(BitStruct("a" / BitsInteger(1), "b" / Bounded(BitsInteger(31), 1, 9))), "id": this.other.b},
        f"other.b {SIZED}", "use Int32ub",
    ),
    "in a section": (
        {"frame": other_id(FixedSized(4, Struct("b" / Int32ub))), "id": this.other.b}, f"other.b {SIZED}", "use Int32ub",
    ),
}  # fmt: skip

CONTROL = {**KIND, Kind.CONTROL: this.other == 9}
SOMETIMES = Struct(
    "kind" / Known(Enum(Int8ub, request=0, response=1)),
    "other" / Int8ub,
    "x" / If(this.other == 1, Int32ub),
    "y" / Int32ub,
)
LACKING = {
    "a reply without one": (
        {"frame": SOMETIMES, "kind": CONTROL, "id": this.x, "reply": {Fault.TIMEOUT: {"kind": "response", "other": 2, "y": 0}}},
        ("reply[TIMEOUT]", "has no id when it is read back", "set the fields that decide whether there is one"),
    ),
    "a second one": (
        {"frame": SOMETIMES, "kind": CONTROL, "id": this.x, "again": this.y},
        ("again", "a second id, where the first, x, is not always there", "leave it out"),
    ),
}


@pytest.mark.parametrize(("roles", "told"), LACKING.values(), ids=LACKING)
def test_ids_that_some_frames_lack(roles, told):
    assert refusal(**roles) == told


def test_frames_of_no_call_may_lack_an_id():
    frame = {"frame": SOMETIMES, "kind": CONTROL, "id": this.x}
    reply = {"kind": "response", "other": 1, "y": 0}
    codec(**frame, reply={Fault.TIMEOUT: reply})
    found = codec(**frame).scan_bytes(bytes((0, 9, 0, 0, 0, 0)))
    assert (found.kind, found.id, found.id_at, found.id_end) == (Kind.REQUEST, 0, -1, -1), "the first kind that holds counts"


KINDS = {
    "missing": ([], {}, "kind", "no frame has a kind", "give {Kind.REQUEST: this.type == …, …}"),
    "a number as a kind": (
        [], {1: this.kind == "request"}, "kind", "1 is not a Kind",
        f"use {', '.join(kind.name for kind in Kind)}",
    ),
    "a lambda": ([], {Kind.REQUEST: lambda _: True}, "kind[REQUEST]", *FUNCTION),
    "an enum and a number": (
        [], {Kind.REQUEST: this.kind == 1}, "kind[REQUEST]", "kind is an Enum: construct never finds it equal to 1",
        "compare it with a name: request, response",
    ),
    "an enum alone": (
        [], {Kind.RESPONSE: this.kind}, "kind[RESPONSE]", "kind is an Enum, not a number",
        "compare it with a name: request, response",
    ),
    "too wide": (
        ["a" / Int8ub, "b" / Int8ub], {Kind.REQUEST: this.a == this.b}, "kind", "depends on 16 bits",
        "use fields of few values: at most 12 bits",
    ),
    "a wide field that is compared with no constant": (
        ["a" / Int16ub], {Kind.REQUEST: this.a & 3}, "kind", "a has too many values for a table", "compare it with a constant",
    ),
    "a u64 without bounds": (
        ["a" / Int64ub], {Kind.REQUEST: this.a > 3}, "kind[REQUEST]", "a has no bounds to compute with",
        "bound this field: Bounded(…)",
    ),
    "a field that is no number": (
        ["a" / Bytes(1)], {Kind.REQUEST: this.a == 1}, "kind[REQUEST]", "a is bytes, not an integer", "use an integer field",
    ),
}  # fmt: skip

PACKINGS = {
    "variant: not a field": ([], {"variant": (this.id + 1,)}, "variant", "(this['id'] + 1) is not a field",
                             "name fields: (this.codec, …)"),
    "variant: bytes": (["a" / Bytes(1)], {"variant": (this.a,)}, "variant", "a is bytes", "name integer fields"),
    "variant: too many values": (
        ["a" / Bounded(Int8ub, 0, 64)], {"variant": (this.a,)}, "variant", "has 128 values",
        "bound its fields: at most 64 variants",
    ),
    "variant: too many together": (
        ["a" / Bounded(Int8ub, 1, 8), "b" / Bounded(Int8ub, 0, 15)], {"variant": (this.a, this.b)},
        "variant", "has 128 values", "bound its fields: at most 64 variants",
    ),
    "echo: not a field": ([], {"echo": ("id",)}, "echo", "'id' is not a field", "name fields: (this.codec, …)"),
    "echo: missing": ([], {"echo": (this.nothing,)}, "echo", "there is no field 'nothing' here",
                      "the fields known so far are: id, kind"),
    "echo: too many bits": (
        ["a" / Int32ub, "b" / Bounded(Int32ub, 0, 2**31 - 1)], {"echo": (this.a, this.b)}, "echo", "takes 63 bits",
        "name smaller fields: 62 bits in all",
    ),
    "echo: a u64": (["a" / Int64ub], {"echo": (this.a,)}, "echo", "takes 64 bits", "name smaller fields: 62 bits in all"),
}  # fmt: skip

TEXTS = ("t" / HessianText(), "a" / HessianArguments(this.t), "m" / HessianMap())
NOT_TEXT = "name a field that is bytes or text"
SOURCES = {
    "service: an integer": ([], {"service": this.id}, "service", "id is integer", NOT_TEXT),
    "service: a block": (BLOCK, {"service": this.block}, "service", "block is block", NOT_TEXT),
    "service: arguments": (TEXTS, {"service": this.a}, "service", "a is values", NOT_TEXT),
    "service: chunks": (["b" / Chunked(Int16ub)], {"service": this.b}, "service", "b is chunks", NOT_TEXT),
    "service: a constant": (["b" / Const(b"abc")], {"service": this.b}, "service", "b is constant", NOT_TEXT),
    "service: a text as it is": ([], {"service": "name"}, "service", "'name' is not a field",
                                 "write this.name, header(…), first(…)"),
    "service: missing": ([], {"service": this.nothing}, "service", "there is no field 'nothing' here",
                         "the fields known so far are: id, kind"),
    "service: a header without headers": (
        [], {"service": header("service")}, "service", "header('service'), but the protocol declares no headers",
        "add headers=this.…",
    ),
    "method: a field of several": (TEXTS, {"method": first(this.t, this.id)}, "method", "id is integer", NOT_TEXT),
    "method: unless": (TEXTS, {"method": unless(this.m, b"x")}, "method", "m is block", NOT_TEXT),
    "method: argument 1": (
        TEXTS, {"method": item(this.a, 1)}, "method", "argument 1 would have to be read", "only argument 0 can be a source",
    ),
    "method: an item of a map": (TEXTS, {"method": item(this.m)}, "method", "m is block", "name a field that is values"),
    "headers: an integer": ([], {"headers": this.id}, "headers", "id is integer", "name a field that is block"),
    "headers: bytes": (["b" / Bytes(4)], {"headers": this.b}, "headers", "b is bytes", "name a field that is block"),
    "headers: a section of something else": (
        ["n" / Int8ub, "b" / FixedSized(this.n, GreedyBytes)], {"headers": this.b}, "headers", "b is bytes",
        "name a field that is block",
    ),
    "headers: a header": ([], {"headers": header("x")}, "headers", f"{Header('x')!r} is not a field",
                          "write this.name, header(…), first(…)"),
    "headers: a view of an integer": ([], {"headers": view(this.id)}, "headers", "id is integer", "name a field that is block"),
    "headers: a view with an integer": (
        BLOCK, {"headers": view(this.block, path=this.id)}, "headers.path", "id is integer", NOT_TEXT,
    ),
}  # fmt: skip

OTHERS = {
    "timeout: bytes": (["b" / Bytes(4)], {"timeout": this.b}, "timeout", "b is bytes, not an integer", "use an integer field"),
    "timeout: a text source": (
        BLOCK, {"headers": this.block, "timeout": first(header("a"), header("b"))}, "timeout",
        f"{first(header('a'), header('b'))!r} cannot be lowered",
        "use integers, fields and + - * & | ^ << >> == != < >",
    ),
    "timeout: a header without headers": (
        [], {"timeout": header("timeout")}, "timeout", "a header, but the protocol declares no headers", "add headers=this.…",
    ),
    "detect: missing": ([], {"detect": Detect("nothing")}, "detect", "nothing is not a field that a scan reads",
                        "name one that is bounded or constant"),
    "detect: a field that nobody reads": (
        ["a" / Int8ub, "b" / Int8ub], {"detect": Detect("b")}, "detect", "b is not a field that a scan reads",
        "name one that is bounded or constant",
    ),
    "limits: nothing": ([], {"limits": Limits(frame=0)}, "limits.frame", "0 is out of bounds", "choose 1..2147483647"),
    "limits: below nothing": ([], {"limits": Limits(frame=-1)}, "limits.frame", "-1 is out of bounds", "choose 1..2147483647"),
    "limits: too much": (
        [], {"limits": Limits(frame=2**31)}, "limits.frame", "2147483648 is out of bounds", "choose 1..2147483647",
    ),
}  # fmt: skip

REPLY = {"kind": "response"}
FAULTS = "NO_ROUTE, NO_HOST, CONNECT, OVERLOAD, TIMEOUT, CLOSED, MALFORMED, MISDIRECTED, FILTER"
VALUE = "give every field of the frame a value that fits it"


def raises(error):
    def value(_fields):
        raise error

    return value


TEMPLATES = {
    "an unknown fault": ([], {"reply": {"timeout": REPLY}}, "reply", "'timeout' is not a Fault", f"use {FAULTS}"),
    "a fault by number": ([], {"reply": {5: REPLY}}, "reply", "5 is not a Fault", f"use {FAULTS}"),
    "a reply without a field": (
        ["code" / Int8ub], {"reply": {Fault.TIMEOUT: REPLY}}, "reply[TIMEOUT]",
        "cannot be built: Error in path (building) -> code struct '>B' error during building, given value None", VALUE,
    ),
    "a reply beyond its bounds": (
        ["code" / Bounded(Int8ub, 0, 9)], {"reply_base": REPLY, "reply": {Fault.CONNECT: {"code": 10}}}, "reply[CONNECT]",
        "cannot be built: Error in path (building) -> code 10 is not in 0..9", VALUE,
    ),
    "a reply whose function fails": (
        ["code" / Int8ub], {"reply": {Fault.CLOSED: {**REPLY, "code": raises(IndexError())}}}, "reply[CLOSED]",
        "cannot be built: IndexError", VALUE,
    ),
    "a reply that is a request": (
        [], {"reply": {Fault.OVERLOAD: {"kind": "request"}}}, "reply[OVERLOAD]",
        "is not one whole response when it is read back", "set the fields that decide its kind and size",
    ),
    "a heartbeat without a field": (
        ["code" / Int8ub], {"heartbeat": {"kind": "request"}}, "heartbeat",
        "cannot be built: Error in path (building) -> code struct '>B' error during building, given value None", VALUE,
    ),
    "a heartbeat that is a request": (
        [], {"heartbeat": {"kind": "request"}}, "heartbeat",
        "is not one whole heartbeat when it is read back", "set the fields that decide its kind and size",
    ),
    "an ack that is no ack": (
        [], {"heartbeat_ack": {"kind": "request"}}, "heartbeat_ack",
        "is not one whole heartbeat_ack when it is read back", "set the fields that decide its kind and size",
    ),
    "a direct answer without a field": (
        ["code" / Int8ub], {"direct": lambda _: REPLY}, "direct",
        "cannot be built: Error in path (building) -> code struct '>B' error during building, given value None", VALUE,
    ),
    "a direct answer whose function fails": (
        [], {"direct": raises(IndexError("x"))}, "direct",
        "cannot be asked: IndexError: x", "give a function from a Direct to a mapping of fields",
    ),
    "a direct answer that is a request": (
        [], {"direct": lambda _: {"kind": "request"}}, "direct",
        "is not one whole response when it is read back", "set the fields that decide its kind and size",
    ),
    "a direct answer that is none": (
        [], {"direct": REPLY}, "direct", "is {'kind': 'response'}, of type dict", "give a function",
    ),
    "a reply over the limit": (
        ["n" / Int16ub, "x" / Bytes(this.n)],
        {"limits": Limits(frame=64), "reply": {Fault.NO_ROUTE: {**REPLY, "n": 100, "x": bytes(100)}}},
        "reply[NO_ROUTE]", "is refused when it is read back: t: x: its length is out of bounds, at offset 7",
        "give its fields values that the layout allows",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("roles", "wrong", "instead"), IDS.values(), ids=IDS.keys())
def test_ids(roles, wrong, instead):
    assert refusal(**roles) == ("id", wrong, instead)


@pytest.mark.parametrize(("fields", "kind", "path", "wrong", "instead"), KINDS.values(), ids=KINDS.keys())
def test_kinds(fields, kind, path, wrong, instead):
    assert refusal(*fields, kind=kind) == (path, wrong, instead)


def roles(table):
    return pytest.mark.parametrize(("fields", "roles", "path", "wrong", "instead"), table.values(), ids=table.keys())


@roles(PACKINGS)
def test_packings(fields, roles, path, wrong, instead):
    assert refusal(*fields, **roles) == (path, wrong, instead)


@roles(SOURCES)
def test_sources(fields, roles, path, wrong, instead):
    assert refusal(*fields, **roles) == (path, wrong, instead)


@roles(OTHERS)
def test_timeout_detect_and_limits(fields, roles, path, wrong, instead):
    assert refusal(*fields, **roles) == (path, wrong, instead)


@roles(TEMPLATES)
def test_templates(fields, roles, path, wrong, instead):
    assert refusal(*fields, **roles) == (path, wrong, instead)


def test_routes_that_ask_for_too_much():
    lowered = lower(declare(*BLOCK, headers=this.block))
    assert lowered.lookup(tuple(f"k{i}" for i in range(64))).plan.slots == 64
    with pytest.raises(SpecError) as caught:
        lowered.lookup(tuple(f"k{i}" for i in range(65)))
    assert (caught.value.path, caught.value.wrong, caught.value.instead) == (
        "routes", "ask for 65 values of each frame", "at most 64",
    )  # fmt: skip


# What looks alike and is allowed.


@pytest.mark.parametrize("con", [Int16ub, Int32ub, Int64ub])
def test_plain_ids(con):
    under_test = codec(frame=other_id(con), id=this.other)
    width = con.sizeof()
    assert under_test.id_bits == 8 * width
    frame = under_test.with_id(bytes(1 + width), 2 ** (8 * width) - 2)
    assert under_test.scan_bytes(frame).id == 2 ** (8 * width) - 2
    assert frame == b"\x00" + b"\xff" * (width - 1) + b"\xfe"


def test_an_id_in_a_nested_struct():
    frame = Struct("head" / Struct("kind" / Known(Enum(Int8ub, request=0, response=1)), "id" / Int32ub))
    kind = {Kind.REQUEST: this.head.kind == "request", Kind.RESPONSE: this.head.kind == "response"}
    under_test = codec(frame=frame, id=this.head.id, kind=kind, reply={Fault.TIMEOUT: {"head": {"kind": "response"}}})
    assert under_test.reply(Fault.TIMEOUT, 0, 0, 0x01020304) == b"\x01\x01\x02\x03\x04"


def test_a_wide_field_in_a_kind_is_a_bit_for_each_comparison():
    kind = {Kind.REQUEST: this.code == 0, Kind.ONEWAY: this.code >= 300, Kind.RESPONSE: this.code != 299}
    under_test = codec("code" / Int16ub, kind=kind)
    kinds = [under_test.scan_bytes(bytes(5) + code.to_bytes(2, "big")).kind for code in (0, 1, 300, 65535)]
    assert kinds == [Kind.REQUEST, Kind.RESPONSE, Kind.ONEWAY, Kind.ONEWAY]


def test_the_first_kind_that_fits_wins():
    under_test = codec(kind={Kind.HEARTBEAT: this.kind == "request", **KIND})
    assert under_test.scan_bytes(bytes(5)).kind == Kind.HEARTBEAT


def test_a_field_that_is_not_there_counts_as_zero_in_roles():
    extra = "x" / If(this.kind == "request", Bounded(Int8ub, 3, 4))
    under_test = codec("w" / Bounded(Int8ub, 0, 1), extra, variant=(this.w, this.x), echo=(this.x,), timeout=this.x)
    there, absent = under_test.scan_bytes(bytes(5) + b"\x01\x04"), under_test.scan_bytes(b"\x01" + bytes(4) + b"\x01")
    assert (there.timeout, there.echo, there.variant) == (4, 4, 1 | 4 << 1)
    assert (absent.timeout, absent.echo, absent.variant) == (0, 0, 1)
    assert under_test.lowered.variant.unpack(there.variant) == {"w": 1, "x": 4}


def test_a_variant_of_64_values():
    lowered = lower(declare("a" / Bounded(Int8ub, 100, 163), variant=(this.a,)))
    assert (lowered.variant.values(), lowered.variant.unpack(63)) == (list(range(64)), {"a": 163})


def test_an_echo_of_62_bits():
    lowered = lower(declare("a" / Int32ub, "b" / Bounded(Int32ub, 0, 2**30 - 1), echo=(this.a, this.b)))
    assert lowered.echo.bits == 62


def test_protocol_without_an_id_field():
    assert refusal(frame=KIND_ONLY)[0] == "id"


SHAPES = {
    "a name that is no text": ({"name": 5}, "name", "is 5, of type int", "give a text, such as 'ping'"),
    "no name": ({"name": ""}, "name", "is ''", "give one word of letters, digits, - and _, such as my-protocol"),
    "two words": ({"name": "my own"}, "name", "is 'my own'", "give one word of letters, digits, - and _, such as my-protocol"),
    "no layout": ({"frame": {}}, "frame", "is {}, of type dict", "give a layout: Struct('name' / …)"),
    "a pool that there is not": ({"pool": "many"}, "pool", "is 'many', of type str", "give Pool.MULTIPLEXED or Pool.PING_PONG"),
    "an order that there is not": ({"order": "none"}, "order", "is 'none', of type str", "give Order.BY_ID or Order.IN_ORDER"),
    "the field alone": ({"detect": "kind"}, "detect", "is 'kind', of type str", "give Detect('field')"),
    "the limit alone": ({"limits": 1000}, "limits", "is 1000, of type int", "give Limits(frame=…)"),
    "a limit that is no number": (
        {"limits": Limits(frame="1k")}, "limits.frame", "1k is out of bounds", "choose 1..2147483647",
    ),
    "one field for many": ({"echo": this.id}, "echo", "is this['id'], of type Path", "give a tuple of fields: (this.codec,)"),
    "a dict for a session": (
        {"session": {}}, "session", "is {}, of type dict", "give Session(handshake=…, handshake_ack=…)",
    ),
    "bytes for fields": (
        {"heartbeat": b"ping"}, "heartbeat", "is b'ping', of type bytes", "give a mapping: {'field': value, …}",
    ),
    "bytes for a reply": (
        {"reply": {Fault.TIMEOUT: b"late"}}, "reply[TIMEOUT]", "is b'late', of type bytes",
        "give a mapping: {'field': value, …}",
    ),
    "no function": ({"unwrap": "zlib"}, "unwrap", "is 'zlib', of type str", "give a function"),
    "no text": ({"doc": None}, "doc", "is None, of type NoneType", "give a text"),
    "no calls": (
        {"kind": {Kind.RESPONSE: this.kind == "response"}}, "kind", "no frame is a call",
        "give {Kind.REQUEST: this.type == …, …}",
    ),
    "a field that there is not": (
        {"reply": {Fault.TIMEOUT: {"kind": "response", "bdy": b""}}}, "reply[TIMEOUT]", "there is no field 'bdy' in the frame",
        "its fields are: kind, id",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("roles", "path", "wrong", "instead"), SHAPES.values(), ids=SHAPES.keys())
def test_roles_of_another_type(roles, path, wrong, instead):
    with pytest.raises(SpecError) as caught:
        register(replace(declare(), **roles))
    assert caught.value.path.partition(": ")[2] == path
    assert (caught.value.wrong, caught.value.instead) == (wrong, instead)


def test_a_field_without_a_name_cannot_be_built():
    with pytest.raises(SpecError, match="a field of the layout has no name; name it: 'name' / …"):
        register(declare(c.Int8ub, reply={Fault.TIMEOUT: {"kind": "response"}}))
