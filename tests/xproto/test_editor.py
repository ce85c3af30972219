"""The editor's own corners: what other readers would take differently, what limits are in the way, what is left alone."""

import construct as c
import pytest
from construct import this

from xproto.errors import MalformedError
from xproto.kernel.edit_face import edit, headers, rewrite
from xproto.kernel.editor import Editor
from xproto.registry import load, register
from xproto.spec import Kind, Protocol, header
from xproto.templates import build_frame
from xproto.wire import Bounded, KeyValues, Until
from xproto.wire.hessian import Raw, encode_text

PROTOCOLS = load()
EDITORS = {name: Editor(PROTOCOLS[name].codec) for name in ("bolt", "dubbo", "tars", "thrift-header", "thrift", "http1")}
SET = [("set", b"x", b"v")]


def parsed(name, frame, upstream=0):
    codec = PROTOCOLS[name].codec
    assert codec.verify_bytes(frame, upstream) == len(frame)
    return PROTOCOLS[name].protocol.frame.parse(frame, from_upstream=upstream)


def made(name, fields, *, upstream=False):
    return build_frame(PROTOCOLS[name].lowered, fields, from_upstream=upstream)


# -- Dubbo --------------------------------------------------------------------------------------------------------------


def dubbo(attachments=b"HZ", *, method="m", types="", arguments=b""):
    body = {"dubbo": "2.0.2", "path": "p", "version": "1", "method": method, "types": "", "rest": b""}
    flags = {"request": 1, "two_way": 1, "event": 0, "serialization": "hessian2"}
    frame = made("dubbo", {"flags": flags, "status": 0, "id": 9, "body": {**body, "arguments": [], "attachments": None}})
    assert frame.endswith(b"N")
    tail = arguments + attachments
    text = encode_text(types)
    start = frame[:-2] + text + tail
    return start[:12] + (len(start) - 16).to_bytes(4, "big") + start[16:]


def pair(key, value):
    return encode_text(key) + (value if isinstance(value, bytes) else encode_text(value))


@pytest.mark.parametrize("block", [b"N", b"HZ", b"M\x03mapZ", b"M\x90Z"], ids=["null", "untyped", "typed", "seen type"])
def test_attachments_of_any_form(block):
    frame = edit(EDITORS["dubbo"], dubbo(block), SET)
    assert parsed("dubbo", frame).body.attachments == [("x", "v")]
    gone = edit(EDITORS["dubbo"], frame, [("remove", b"x", b"")])
    assert parsed("dubbo", gone).body.attachments == []


def test_keys_that_are_written_long_are_found():
    """In pieces, and with surrogates of three bytes each."""
    pieces = b"R\x00\x01x\x01y"
    surrogates = b"\x02\xed\xa0\xbd\xed\xb8\x80"
    frame = dubbo(b"H" + pair("a", "1") + pieces + b"\x011" + surrogates + b"\x012" + b"Z")
    changed = edit(EDITORS["dubbo"], frame, [("remove", b"xy", b""), ("append", "😀".encode(), b"3")])
    assert parsed("dubbo", changed).body.attachments == [("a", "1"), ("😀", "2,3")]


@pytest.mark.parametrize("value", ["", "v" * 31, "v" * 32, "v" * 1023, "v" * 1024, "ключ", "😀" * 40, "\u07ff\uffff"])
def test_texts_of_any_length(value):
    frame = edit(EDITORS["dubbo"], dubbo(), [("set", b"x", value.encode())])
    assert parsed("dubbo", frame).body.attachments == [("x", value)]
    assert frame.endswith(pair("x", value) + b"Z"), "as Java writes it"


@pytest.mark.parametrize("value", [b"\xff", b"\xc0\xaf", b"a\xe2\x82", b"\xf5\x80\x80\x80", b"\x80", b"\xe0\x80\x80"])
def test_what_is_no_utf8_is_no_text(value):
    with pytest.raises(ValueError, match="cannot be written"):
        edit(EDITORS["dubbo"], dubbo(), [("set", b"x", value)])


def test_a_text_that_is_too_long_for_one_piece():
    frame = edit(EDITORS["dubbo"], dubbo(), [("set", b"x", b"v" * 16384)])
    for _ in range(2):
        frame = edit(EDITORS["dubbo"], frame, [("append", b"x", b"v" * 16384)])
    with pytest.raises(OverflowError):
        edit(EDITORS["dubbo"], frame, [("append", b"x", b"v" * 16384)])


def test_a_value_that_others_may_refer_to_is_not_taken_away():
    """References count maps, lists and objects by their place: one less, and those behind it are of others."""
    frame = dubbo(b"H" + pair("a", b"HZ") + pair("b", b"\x51\x91") + pair("c", "1") + b"Z")
    for op in ("set", "remove", "append"):
        with pytest.raises(MalformedError, match="taken away"):
            edit(EDITORS["dubbo"], frame, [(op, b"a", b"v")])
    changed = edit(EDITORS["dubbo"], frame, [("remove", b"c", b""), ("set", b"d", b"2")])
    assert parsed("dubbo", changed).body.attachments == [("a", Raw(b"HZ")), ("b", Raw(b"\x51\x91")), ("d", "2")]


def test_a_null_value_is_no_value():
    frame = dubbo(b"H" + pair("a", b"N") + b"Z")
    assert parsed("dubbo", edit(EDITORS["dubbo"], frame, [("add", b"a", b"v")])).body.attachments == [("a", "v")]
    assert parsed("dubbo", edit(EDITORS["dubbo"], frame, [("remove", b"a", b"")])).body.attachments in ([], [("a", Raw(b"N"))])


def test_objects_of_a_class_that_the_arguments_defined():
    definition = b"C\x03Dto\x91\x01n"
    frame = dubbo(b"H" + pair("a", b"\x60\x92") + pair("b", "1") + b"Z", types="LDto;", arguments=definition + b"\x60\x91")
    assert PROTOCOLS["dubbo"].codec.verify_bytes(frame) == len(frame)
    assert parsed("dubbo", edit(EDITORS["dubbo"], frame, [("set", b"b", b"2")])).body.attachments[1] == ("b", "2")


def test_a_null_that_hides_a_version_does_so_no_more():
    frame = rewrite(EDITORS["dubbo"], dubbo(b"H" + pair("version", b"N") + b"Z"), "version", b"2")
    assert PROTOCOLS["dubbo"].codec.lookup(("version",)).find_bytes(frame) == (b"2",)
    assert parsed("dubbo", frame).body.version == "2"


@pytest.mark.parametrize("attachments", [b"N", b"HZ", b"H" + pair("path", "q") + b"Z"], ids=["null", "none", "path"])
def test_a_service_is_one_wherever_it_is_said(attachments):
    frame = rewrite(EDITORS["dubbo"], dubbo(attachments), "service", b"other.Service")
    body = parsed("dubbo", frame).body
    assert body.path == "other.Service"
    assert [pair for pair in body.attachments or () if pair[0] == "path"] == (
        [("path", "other.Service")] if attachments.endswith(b"qZ") else []
    )
    assert PROTOCOLS["dubbo"].codec.lookup(("service", "method")).find_bytes(frame) == (b"other.Service", b"m")


def test_the_method_of_a_generic_call_is_its_first_argument():
    types = "Ljava/lang/String;[Ljava/lang/String;"
    generic = dubbo(method="$invoke", types=types, arguments=encode_text("say") + b"\x70\x07[string")
    frame = rewrite(EDITORS["dubbo"], generic, "method", b"shout")
    body = parsed("dubbo", frame).body
    assert (body.method, body.arguments) == ("$invoke", Raw(encode_text("shout") + b"\x70\x07[string"))
    with pytest.raises(ValueError, match="cannot be written"):
        rewrite(EDITORS["dubbo"], dubbo(), "method", b"$invoke")


def test_answers_have_none():
    answer = made("dubbo", {
        "flags": {"request": 0, "two_way": 0, "event": 0, "serialization": "hessian2"}, "status": 20, "id": 9,
        "body": {"event": 0, "rest": b"\x92"},
    }, upstream=True)  # fmt: skip
    assert not EDITORS["dubbo"].answers
    with pytest.raises(LookupError):
        edit(EDITORS["dubbo"], answer, SET, 1)
    assert headers(EDITORS["dubbo"], answer, 1) is None


# -- Bolt ---------------------------------------------------------------------------------------------------------------


def bolt(pairs=(), *, crc=False):
    own = {"proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": 1}} if crc else {"proto": 1}
    same = {"type": "request", "command": "request", "version": 1, "id": 7, "codec": 1, "timeout": 3000, "class_name": b"c"}
    return made("bolt", {**own, **same, "headers": list(pairs), "content": b"body"})


def test_a_checksum_that_was_wrong_stays_wrong_by_as_much():
    right = edit(EDITORS["bolt"], bolt([("a", "1")], crc=True), SET)
    assert parsed("bolt", right).headers == [("a", "1"), ("x", "v")]
    wrong = bytearray(bolt([("a", "1")], crc=True))
    wrong[-1] ^= 0x55
    changed = edit(EDITORS["bolt"], bytes(wrong), SET)
    assert changed == right[:-1] + bytes([right[-1] ^ 0x55])
    with pytest.raises(MalformedError, match="checksum"):
        PROTOCOLS["bolt"].codec.verify_bytes(changed)


def test_of_a_repeated_key_the_last_one_counts_and_all_are_edited():
    frame = bolt([("a", "1"), ("b", "2"), ("a", "3")])
    assert parsed("bolt", edit(EDITORS["bolt"], frame, [("append", b"a", b"4")])).headers == [("b", "2"), ("a", "3,4")]
    assert parsed("bolt", edit(EDITORS["bolt"], frame, [("remove", b"a", b"")])).headers == [("b", "2")]
    assert edit(EDITORS["bolt"], frame, [("add", b"a", b"4")]) == frame


def test_pairs_with_a_null_stay():
    null, text = b"\xff\xff\xff\xff", b"\0\0\0\1"
    block = text + b"a" + null + null + text + b"b"
    frame = bolt([("k", "v" * (len(block) - 9))]).replace(
        b"\0\0\0\1k" + (len(block) - 9).to_bytes(4, "big") + b"v" * (len(block) - 9), block
    )
    changed = edit(EDITORS["bolt"], frame, [("set", b"a", b"2")])
    assert block in changed
    assert parsed("bolt", changed).headers == [("a", "2")]


def test_a_header_block_has_an_end():
    room = 0x7FFF - len(b"\0\0\0\1x\0\0\0\0")
    full = bolt([("y", "v" * (room - 10 - 9))])
    assert edit(EDITORS["bolt"], full, [("set", b"x", b"v" * 10)])
    with pytest.raises(OverflowError):
        edit(EDITORS["bolt"], full, [("set", b"x", b"v" * 11)])


@pytest.mark.parametrize(("name", "value"), [(b"", b""), (b"n" * 1025, b""), (b"x", b"v" * 16385)])
def test_names_and_values_that_are_too_long(name, value):
    with pytest.raises(ValueError, match="cannot be written"):
        edit(EDITORS["bolt"], bolt(), [("set", name, value)])


def test_the_order_of_edits_counts():
    frame = bolt([("a", "1")])
    for edits, value in [
        ([("set", b"a", b"2"), ("append", b"a", b"3"), ("add", b"a", b"4")], "2,3"),
        ([("append", b"a", b"3"), ("set", b"a", b"2")], "2"),
        ([("remove", b"a", b""), ("add", b"a", b"4"), ("append", b"a", b"5")], "4,5"),
        ([("set", b"a", b"2"), ("remove", b"a", b""), ("append", b"a", b"5")], "5"),
    ]:
        assert dict(parsed("bolt", edit(EDITORS["bolt"], frame, edits)).headers)["a"] == value


def test_most_edits_at_a_time():
    many = [("set", b"x%d" % n, b"v") for n in range(64)]
    assert len(parsed("bolt", edit(EDITORS["bolt"], bolt(), many)).headers) == 64
    with pytest.raises(ValueError, match="at most 64"):
        edit(EDITORS["bolt"], bolt(), [*many, *SET])


# -- the others ---------------------------------------------------------------------------------------------------------


def theader(info):
    """A frame with these bytes as its info, padded."""
    info += bytes(-(len(info) + 2) % 4)
    rest = b"\x80\x01\0\x01\0\0\0\x03s:m\0\0\0\x07\0"
    head = b"\x0f\xff\0\0\0\0\0\x07" + ((len(info) + 2) // 4).to_bytes(2, "big") + b"\0\0" + info
    return (len(head) + len(rest)).to_bytes(4, "big") + head + rest


def test_info_headers_of_both_kinds_and_more_padding_than_is_needed():
    frame = theader(b"\x02\x01\x01a\x011" + b"\x01\x02\x01b\x012\x01c\x013" + bytes(40))
    assert parsed("thrift-header", frame).header.info == [("a", "1"), ("b", "2"), ("c", "3")]
    changed = edit(EDITORS["thrift-header"], frame, [("remove", b"b", b""), ("set", b"x", b"v")])
    assert changed == theader(b"\x02\x01\x01a\x011" + b"\x01\x02\x01c\x013\x01x\x01v")
    gone = edit(EDITORS["thrift-header"], changed, [("remove", key, b"") for key in (b"a", b"c", b"x")])
    assert gone == theader(b"")


def test_info_headers_up_to_the_end_of_their_count():
    frame = theader(b"")
    many = [("set", b"k%d" % n, b"v" * 200) for n in range(60)]
    assert len(parsed("thrift-header", edit(EDITORS["thrift-header"], frame, many)).header.info) == 60
    frame = edit(EDITORS["thrift-header"], frame, [("set", b"k%d" % n, b"v" * 16000) for n in range(4)])
    with pytest.raises(OverflowError):
        edit(EDITORS["thrift-header"], frame, [("set", b"k5", b"v" * 16000)])


@pytest.mark.parametrize(
    ("name", "role", "value", "wanted"),
    [
        ("s:m", "service", b"other", "other:m"),
        ("s:m", "method", b"other", "s:other"),
        ("m", "method", b"other", "other"),
        ("m", "service", b"s", "s:m"),
        ("s:m:n", "method", b"a:b", "s:a:b"),
        ("s:m", "service", b"a:b", None),
        ("m", "method", b"a:b", None),
        ("s:m", "service", b"", None),
        ("s:m", "service", b"v" * 1024, None),
    ],
)
def test_parts_of_a_name(name, role, value, wanted):
    fields = {"type": "call", "name": name.encode(), "seqid": 7, "body": b"\0"}
    if wanted is None:
        with pytest.raises((ValueError, OverflowError)):
            rewrite(EDITORS["thrift"], made("thrift", fields), role, value)
        return
    assert rewrite(EDITORS["thrift"], made("thrift", fields), role, value) == made("thrift", fields | {"name": wanted.encode()})


def test_a_call_does_not_become_a_handshake():
    frame = made("thrift", {"type": "call", "name": b"m", "seqid": 7, "body": b"\0"})
    with pytest.raises(ValueError, match="cannot be written"):
        rewrite(EDITORS["thrift"], frame, "method", b"__can__finagle__trace__v3__")


def test_a_map_of_jce_that_is_not_there_and_long_texts():
    body = {"version": 1, "oneway": 0, "message_type": 0, "id": 7, "servant": b"S.O", "function": b"f", "buffer": b""}
    whole = made("tars", {"body": {**body, "timeout": 0, "context": [], "status": [("k", "v")], "rest": b""}})
    empty = b"\x98\x0c"
    assert whole.count(empty) == 1
    frame = (len(whole) - 2).to_bytes(4, "big") + whole[4:].replace(empty, b"")
    for start in (whole, frame):
        changed = edit(EDITORS["tars"], start, [("set", b"x", b"v" * 300), ("set", b"y", b"")])
        assert parsed("tars", changed).body.context == [("x", "v" * 300), ("y", "")]
        assert parsed("tars", changed).body.status == [("k", "v")]
        assert edit(EDITORS["tars"], changed, [("remove", b"x", b""), ("remove", b"y", b"")]) == whole
    assert parsed("tars", rewrite(EDITORS["tars"], frame, "service", b"Other.Server" * 40)).body.servant == b"Other.Server" * 40


# -- declared elsewhere -------------------------------------------------------------------------------------------------


def declared(**more):
    length, limit = more.pop("length", c.Int8ub), more.pop("limit", 255)
    block = KeyValues(length)
    return register(
        Protocol(
            name="declared",
            frame=c.Struct(
                "kind" / Bounded(c.Int8ub, 0, 1),
                "id" / c.Int32ub,
                "verb" / Until(b"\r\n", 16),
                "size" / Bounded(c.Int16ul, 0, limit),
                "headers" / c.FixedSized(this.size, block),
            ),
            id=this.id, kind={Kind.REQUEST: this.kind == 0, Kind.RESPONSE: this.kind == 1},
            headers=this.headers, service=header("to"), method=this.verb, **more,
        )
    )  # fmt: skip


FRAME = b"\0\0\0\0\x07get\r\n\x04\0\x01a\x011"


def test_a_protocol_that_nobody_knows_has_all_of_it():
    editor = Editor(declared().codec)
    assert (editor.calls, editor.answers, editor.roles) == (True, True, {"service", "method"})
    assert edit(editor, FRAME, SET) == FRAME.replace(b"\x04\0", b"\x08\0") + b"\x01x\x01v"
    assert rewrite(editor, FRAME, "method", b"put!") == FRAME.replace(b"get", b"put!")
    assert rewrite(editor, FRAME, "service", b"s") == FRAME.replace(b"\x04\0", b"\x09\0") + b"\x02to\x01s"
    for value in (b"a\r\nb", b"v" * 17):
        with pytest.raises(ValueError, match="cannot be written"):
            rewrite(editor, FRAME, "method", value)
    with pytest.raises(OverflowError):
        edit(editor, FRAME, [("set", b"x", b"v" * 250)])
    with pytest.raises(OverflowError):
        edit(Editor(declared(limit=2000).codec), FRAME, [("set", b"x", b"v" * 256)])
    assert headers(editor, FRAME) == [(b"a", b"1")]


def test_what_only_construct_can_read_is_left_alone():
    known = load(["examples/protocols/tagged.py"])["tagged"]
    editor = Editor(known.codec)
    assert (editor.calls, editor.answers) == (False, False)
    assert not known.editable[0].roles & {"service"}


# -- HTTP ---------------------------------------------------------------------------------------------------------------

HEAD = b"GET /a/b?q=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\r\n"


def test_lines_of_a_head():
    http = EDITORS["http1"]
    assert edit(http, HEAD, [("append", b"X-A", b"3")]) == HEAD.replace(b"2\r\n", b"2\r\nX-A: 3\r\n")
    assert edit(http, HEAD, [("set", b"x-A", b"3")]) == HEAD.replace(b"X-A: 1\r\nx-a: 2", b"x-A: 3")
    assert edit(http, HEAD, [("remove", b"x-A", b"")]) == HEAD.replace(b"X-A: 1\r\nx-a: 2\r\n", b"")
    assert edit(http, HEAD, [("add", b"x-A", b"3")]) == HEAD
    assert edit(http, HEAD, [("set", b"b", b"3"), ("append", b"B", b"4")]) == HEAD[:-2] + b"b: 3\r\nB: 4\r\n\r\n"
    assert headers(http, HEAD) == [(b"Host", b"h"), (b"X-A", b"1"), (b"x-a", b"2")]


def test_a_body_stays_behind_its_head():
    message = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
    assert edit(EDITORS["http1"], message, SET) == message.replace(b"\r\n\r\n", b"\r\nx: v\r\n\r\n")
    assert rewrite(EDITORS["http1"], message, "path", b"/longer") == message.replace(b"/a", b"/longer")


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0", b"\x7f", b"\r\n\r\nGET / HTTP/1.1"])
def test_no_value_ends_its_line(value):
    for op in ("set", "add", "append"):
        with pytest.raises(ValueError, match="cannot be written"):
            edit(EDITORS["http1"], HEAD, [(op, b"x", value)])


def test_too_many_fields():
    full = HEAD[:-2] + b"".join(b"f%d: 1\r\n" % n for n in range(125)) + b"\r\n"
    assert len(headers(EDITORS["http1"], full)) == 128
    with pytest.raises(OverflowError):
        edit(EDITORS["http1"], full, SET)
    assert edit(EDITORS["http1"], full, [("set", b"x-a", b"v"), ("set", b"x", b"v")])


@pytest.mark.parametrize(
    ("head", "role", "value", "wanted"),
    [
        (b"GET /a/b?q=1 HTTP/1.1", "path", b"/c", b"GET /c?q=1 HTTP/1.1"),
        (b"GET http://h:1/a?q HTTP/1.1", "path", b"/c", b"GET http://h:1/c?q HTTP/1.1"),
        (b"GET http://h?q HTTP/1.1", "path", b"/c", b"GET http://h/c?q HTTP/1.1"),
        (b"GET http://h HTTP/1.1", "path", b"/c", b"GET http://h/c HTTP/1.1"),
        (b"GET http://h:1/a HTTP/1.1", "host", b"other:2", b"GET http://other:2/a HTTP/1.1"),
        (b"OPTIONS * HTTP/1.1", "path", b"/c", None),
        (b"CONNECT h:1 HTTP/1.1", "path", b"/c", None),
        (b"CONNECT h:1 HTTP/1.1", "host", b"other", None),
    ],
)
def test_targets(head, role, value, wanted):
    frame = head + b"\r\nHost: h\r\n\r\n"
    if wanted is None:
        with pytest.raises(LookupError):
            rewrite(EDITORS["http1"], frame, role, value)
        return
    said = value if role == "host" else b"h"
    assert rewrite(EDITORS["http1"], frame, role, value) == wanted + b"\r\nHost: " + said + b"\r\n\r\n"


def test_a_host_where_there_was_none():
    line = b"GET / HTTP/1.0\r\n"
    for fields in (b"", b"A: b\r\n"):
        made = rewrite(EDITORS["http1"], line + fields + b"\r\n", "host", b"h")
        assert made == line + b"Host: h\r\n" + fields + b"\r\n"
