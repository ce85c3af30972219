"""Messages of HTTP/2 as the text of HTTP/1.1, and back: what is let through reads the same, and nothing can be smuggled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http2.speech import block
from xproto.kernel.hpack import Decoder
from xproto.kernel.http1 import read_bytes
from xproto.kernel.http2_face import (
    request_block_of,
    request_text_of,
    response_block_of,
    response_text_of,
    trailers_block_of,
    trailers_text_of,
)

GET = ((":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/"))
POST = ((":method", "POST"), *GET[1:])
OK = ((":status", "200"),)
TOO_MANY = -2


def asked(*fields, ends=True):
    """The text of a request, None where it is refused."""
    found = request_text_of(block(*fields), ends)
    return None if isinstance(found, int) else found


def answered(*fields, ends=False, to_head=False):
    found = response_text_of(block(*fields), ends, to_head)
    return None if isinstance(found, int) else found


def fields_in(said):
    return [(name, value) for name, value, _ in Decoder().decode_bytes(said)]


# -- pseudo-fields --------------------------------------------------------------------------------------------------------


def test_a_request():
    assert asked(*GET, ("x", "y")).text == b"GET / HTTP/1.1\r\nhost: h\r\nx: y\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        GET[1:],
        GET[:1] + GET[2:],
        GET[:3],
        (*GET, (":method", "GET")),
        (*GET, (":path", "/")),
        (*GET, (":authority", "h")),
        (*GET, (":scheme", "http")),
        (*GET, (":status", "200")),
        (*GET, (":protocol", "websocket")),
        (*GET, (":", "x")),
        (*GET[:3], ("x", "y"), GET[3]),
        (("x", "y"), *GET),
        (*GET, (":Path", "/")),
        (*GET, ("", "x")),
        (),
        OK,
    ],
)
def test_pseudo_fields_that_are_missing_doubled_late_or_unknown(fields):
    assert asked(*fields) is None


@pytest.mark.parametrize("method", ["", "G T", "GET ", "GE\rT", "GE\nT", "GE\0T", "G:T", "get(", "GE\tT", "G\x80T", '"GET"'])
def test_methods_that_are_none(method):
    assert asked((":method", method), *GET[1:]) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "*",
        "http://h/",
        "//",
        "/ HTTP/1.1\r\nx: y",
        "/a b",
        "/a\tb",
        "/\r",
        "/\n",
        "/\0",
        "/\x7f",
        "/\xff",
        "/#x",
        " /",
        "/ ",
    ],
)
def test_paths(path):
    found = asked(*GET[:3], (":path", path))
    if path in {"//", "/#x"}:
        assert found is None or found.text.split(b" ")[1] == path.encode()
    else:
        assert found is None


def test_an_asterisk_is_for_options_alone():
    assert asked((":method", "OPTIONS"), *GET[1:3], (":path", "*")).text.startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert asked((":method", "OPTIONS"), *GET[1:3], (":path", "**")) is None


def test_connect():
    assert asked((":method", "CONNECT"), (":authority", "h:1")).text == b"CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n"
    for fields in (
        [(":method", "CONNECT")],
        [(":method", "CONNECT"), (":authority", "")],
        [(":method", "CONNECT"), (":authority", "h:1"), GET[1]],
        [(":method", "CONNECT"), (":authority", "h:1"), GET[3]],
        [(":method", "CONNECT"), *GET[1:]],
    ):
        assert asked(*fields) is None


@pytest.mark.parametrize(
    "status", ["", "1", "20", "2000", "abc", "+20", " 20", "20 ", "099", "101", "2\r0", "-10", "600", "999"]
)
def test_statuses_that_are_none(status):
    assert answered((":status", status)) is None


@pytest.mark.parametrize("fields", [(), GET, (*OK, (":method", "GET")), (*OK, *OK), (("x", "y"), *OK), (*OK, (":path", "/"))])
def test_answers_with_other_pseudo_fields(fields):
    assert answered(*fields) is None


# -- host and authority ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authority", "host", "expected"),
    [
        ("h", None, b"h"),
        (None, "h", b"h"),
        ("h", "h", b"h"),
        ("h", "H", b"h"),
        ("h", "other", None),
        ("h", "h ", None),
        ("", "h", b"h"),
        ("h", "", None),
        ("h:80", "h", None),
        (None, None, b""),
        ("h\r\nx: y", None, None),
        ("h x", None, None),
        ("h\0", None, None),
    ],
)
def test_a_host_that_contradicts_the_authority_is_refused(authority, host, expected):
    fields = [*GET[:2], GET[3]]
    if authority is not None:
        fields.insert(2, (":authority", authority))
    if host is not None:
        fields.append(("host", host))
    found = asked(*fields)
    if expected is None:
        assert found is None
    else:
        assert [line for line in found.text.split(b"\r\n") if line.startswith(b"host:")] == (
            [b"host: " + expected] if expected else []
        )


def test_two_hosts():
    found = asked(*GET[:2], GET[3], ("host", "a"), ("host", "b"))
    assert found is None or isinstance(read_bytes(found.text), str), "who reads it refuses it"


# -- smuggling ------------------------------------------------------------------------------------------------------------

NASTY = ["\r", "\n", "\0", "\r\n", "\r\nx: y", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "\x7f", "\x01", "\x0b", "\x0c", "\x1f"]


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("place", ["alone", "begin", "middle", "end"])
def test_values_on_one_line(nasty, place):
    value = {"alone": nasty, "begin": nasty + "a", "middle": "a" + nasty + "b", "end": "a" + nasty}[place]
    for name in ("x", "cookie", "content-type", "host", "te", "content-length", "set-cookie", "user-agent"):
        assert asked(*GET, (name, value)) is None
        assert answered(*OK, (name, value)) is None or name == "host"
        assert trailers_text_of(block((name, value))) is None
    assert asked(*GET[:2], (":authority", value), GET[3]) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "X",
        "Content-Length",
        "xY",
        "x y",
        "x:",
        ":x",
        "x\r",
        "x\n",
        "x\0",
        "x\t",
        " x",
        "x ",
        "x\x7f",
        "x\xff",
        "x(",
        'x"',
        "x,",
        "x/",
        "x=",
        "x@",
        "x[",
        "x{",
        "content-length ",
        "transfer-encoding\t",
        "x\r\ny",
    ],
)
def test_names_that_are_none(name):
    assert asked(*GET, (name, "v")) is None
    assert answered(*OK, (name, "v")) is None
    assert trailers_text_of(block((name, "v"))) is None


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "a\t", " ", "\t"])
def test_spaces_around_values(value):
    assert asked(*GET, ("x", value)) is None
    assert answered(*OK, ("x", value)) is None
    assert trailers_text_of(block(("x", value))) is None


@pytest.mark.parametrize("name", ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"])
def test_fields_of_one_hop(name):
    for value in ("close", "chunked", "", "x"):
        assert asked(*GET, (name, value)) is None
        assert answered(*OK, (name, value)) is None
        assert trailers_text_of(block((name, value))) is None


@pytest.mark.parametrize(
    ("value", "good"), [("trailers", True), ("Trailers", True), ("", False), ("gzip", False), ("trailers, gzip", False)]
)
def test_te(value, good):
    found = asked(*GET, ("te", value))
    assert (found is not None) == good
    assert found is None or b"te:" not in found.text


# -- lengths --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "-1", "+1", "0x1", "1 ", "1,1", "1, 1", "a", "1e1", "9" * 19, "\u00b2"])
def test_lengths_that_are_none(value):
    assert asked(*POST, ("content-length", value), ends=False) is None
    assert answered(*OK, ("content-length", value)) is None


def test_lengths():
    assert asked(*POST, ("content-length", "5"), ends=False).form == "counted"
    assert asked(*POST, ("content-length", "5"), ("content-length", "5"), ends=False).text.count(b"content-length: 5") == 1
    assert asked(*POST, ("content-length", "5"), ("content-length", "6"), ends=False) is None
    assert asked(*POST, ("content-length", "5"), ends=True) is None
    assert asked(*POST, ("content-length", "005"), ends=False).length == 5
    assert asked(*GET, ("content-length", "0"), ends=True).text.endswith(b"content-length: 0\r\n\r\n")
    assert asked(*POST, ends=True).text.endswith(b"content-length: 0\r\n\r\n")
    assert asked(*GET, ends=True).form == "none"
    assert b"content-length" not in asked(*GET, ends=True).text
    assert asked(*POST, ends=False).text.endswith(b"transfer-encoding: chunked\r\n\r\n")


def test_grpc_says_its_length_by_its_end():
    """Since trailers can follow only chunks."""
    for kind in ("application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"):
        found = asked(*POST, ("content-type", kind), ("content-length", "7"), ends=False)
        assert found.form == "chunked"
        assert b"content-length" not in found.text
        assert found.length == 7, "it is held to it all the same"


@pytest.mark.parametrize(
    ("status", "ends", "to_head", "length", "form", "said"),
    [
        ("200", False, False, None, "chunked", b"transfer-encoding: chunked\r\n"),
        ("200", True, False, None, "none", b"content-length: 0\r\n"),
        ("200", False, False, "5", "counted", b"content-length: 5\r\n"),
        ("200", True, False, "0", "none", b"content-length: 0\r\n"),
        ("200", True, True, "5", "none", b"content-length: 5\r\n"),
        ("200", True, True, None, "none", b""),
        ("200", False, True, "5", "none", b"content-length: 5\r\n"),
        ("204", True, False, None, "none", b""),
        ("204", False, False, None, "none", b""),
        ("204", True, False, "5", "none", b""),
        ("304", True, False, "5", "none", b"content-length: 5\r\n"),
        ("304", True, False, None, "none", b""),
        ("103", False, False, None, "none", b""),
        ("100", False, False, "5", "none", b""),
    ],
)
def test_lengths_of_answers(status, ends, to_head, length, form, said):
    found = answered((":status", status), *([] if length is None else [("content-length", length)]), ends=ends, to_head=to_head)
    assert (found.form, found.status) == (form, int(status))
    assert found.text == b"HTTP/1.1 " + status.encode() + b" \r\n" + said + b"\r\n"


def test_answers_that_contradict_themselves():
    assert answered(*OK, ("content-length", "5"), ends=True) is None
    assert answered((":status", "100"), ends=True) is None
    assert answered((":status", "101")) is None
    assert answered(*OK, ("content-length", "5"), ("content-length", "6")) is None


# -- cookies --------------------------------------------------------------------------------------------------------------


def test_crumbs_are_one_cookie_again():
    found = asked(*GET, ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3"))
    assert found.text == b"GET / HTTP/1.1\r\nhost: h\r\ncookie: a=1; b=2; c=3\r\nx: y\r\n\r\n"


def test_the_bound_of_crumbs():
    assert asked(*GET, *[("cookie", "a=1")] * 200).text.count(b"a=1") == 200
    assert request_text_of(block(*GET, *[("cookie", "a=1")] * 201), True) == TOO_MANY
    assert request_text_of(block(*GET, ("cookie", "a"), ("cookie", "b\r\nx: y")), True) < 0


# -- trailers -------------------------------------------------------------------------------------------------------------


def test_trailers():
    assert trailers_text_of(block(("x", "y"), ("grpc-status", "0"))) == b"0\r\nx: y\r\ngrpc-status: 0\r\n\r\n"
    assert trailers_text_of(block()) == b"0\r\n\r\n"
    for name in ("content-length", "host", "trailer"):
        assert trailers_text_of(block(("x", "y"), (name, "5"))) == b"0\r\nx: y\r\n\r\n", "what frames or routes is no trailer"
    assert trailers_text_of(block(("te", "trailers"))) is None
    assert trailers_text_of(block((":status", "200"))) is None
    assert trailers_text_of(block((":path", "/"))) is None


def test_trailers_back():
    text = b"X-Sum:  7 \r\nKeep-Alive: 3\r\nTE: trailers\r\nTrailer: x\r\nProxy-Connection: close\r\nempty:\r\n"
    assert fields_in(trailers_block_of(text)) == [(b"x-sum", b"7"), (b"empty", b"")]
    assert trailers_block_of(b"") == b""
    assert trailers_block_of(b"TE: trailers\r\n") == b""


# -- back -----------------------------------------------------------------------------------------------------------------


def test_a_request_back():
    text = (
        b"POST /a?b HTTP/1.1\r\nHost: h:1\r\nX-Mine: y\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
        b"Transfer-Encoding: chunked\r\nTE: gzip\r\nUpgrade-Insecure-Requests: 1\r\nAuthorization: secret\r\nCookie: c\r\n\r\n"
    )
    found = Decoder().decode_bytes(request_block_of(text, True))
    assert [field[:2] for field in found] == [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"h:1"),
        (b":path", b"/a?b"),
        (b"x-mine", b"y"),
        (b"upgrade-insecure-requests", b"1"),
        (b"authorization", b"secret"),
        (b"cookie", b"c"),
    ]
    assert {name for name, _, never in found if never} == {b"authorization", b"cookie"}


def test_an_answer_back():
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nServer: s\r\n\r\n"
    assert fields_in(response_block_of(text)) == [
        (b":status", b"200"),
        (b"content-length", b"5"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"server", b"s"),
    ]


def test_grpc_back():
    text = b"POST /s/m HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\nTE: trailers\r\n\r\n"
    found = fields_in(request_block_of(text))
    assert (b"te", b"trailers") in found
    assert b"content-length" not in dict(found)


@pytest.mark.parametrize("target", [b"http://h/a?b", b"HTTP://h/a?b"])
def test_an_absolute_target_back(target):
    """The proxy has made a path of it before; nothing but a path may be one here."""
    found = dict(fields_in(request_block_of(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")))
    assert found[b":path"] in {b"/a?b", target}


# -- properties -----------------------------------------------------------------------------------------------------------

ANY = st.binary(max_size=12).map(lambda text: text.decode("latin-1"))
GOOD_NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~", min_size=1, max_size=12)
GOOD_VALUES = st.text("".join(map(chr, [*range(0x20, 0x7F), *range(0x80, 0x100)])), max_size=20).map(
    lambda text: text.strip(" \t")
)
KNOWN = st.sampled_from(
    [
        "host",
        "content-length",
        "cookie",
        "te",
        "connection",
        "transfer-encoding",
        "expect",
        "trailer",
        "upgrade",
        "via",
        "content-type",
        "x-forwarded-for",
        "proxy-authorization",
        "keep-alive",
        "Host",
        "content-length ",
        ":path",
        ":authority",
        ":scheme",
    ]
)
FIELDS = st.lists(
    st.tuples(
        st.one_of(GOOD_NAMES, KNOWN, ANY),
        st.one_of(GOOD_VALUES, ANY, st.sampled_from(["0", "5", "trailers", "h", "100-continue", "application/grpc"])),
    ),
    max_size=8,
)


@given(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "PUT", "x-y"]),
    st.one_of(ANY, st.just("/a")),
    st.one_of(ANY, st.just("h")),
    FIELDS,
    st.booleans(),
)
def test_whatever_is_let_through_is_read_as_it_was_meant(method, path, authority, fields, ends):
    found = asked((":method", method), (":scheme", "http"), (":authority", authority), (":path", path), *fields, ends=ends)
    if found is None:
        return
    head = read_bytes(found.text)
    if isinstance(head, str):
        assert head in {"Host", "Expect", "the target", "too many fields"}, (head, found.text)
        return
    assert head.size == len(found.text), "one head, and nothing behind it"
    assert (head.method, head.target, head.minor) == (method.encode(), path.encode("latin-1"), 1)
    assert head.form == found.form if found.form != "none" else head.form == "none" or head.length == 0
    assert not head.closes
    assert not head.upgrades
    wanted = [(name, value) for name, value in fields if name not in {"host", "cookie", "te", "content-length"}]
    heard = [(name.decode(), value.decode("latin-1")) for name, value in head.fields]
    assert [each for each in heard if each[0] not in {"host", "cookie", "content-length", "transfer-encoding"}] == wanted
    assert [value for name, value in heard if name == "cookie"] == (
        ["; ".join(value for name, value in fields if name == "cookie")] if any(name == "cookie" for name, _ in fields) else []
    )


@given(st.sampled_from(["200", "204", "304", "404", "100", "103", "599"]), FIELDS, st.booleans(), st.booleans())
def test_whatever_answer_is_let_through_is_read_as_it_was_meant(status, fields, ends, to_head):
    found = answered((":status", status), *fields, ends=ends, to_head=to_head)
    if found is None:
        return
    head = read_bytes(found.text, True)
    if isinstance(head, str):
        assert head == "Expect", (head, found.text)
        return
    assert (head.size, head.status) == (len(found.text), int(status))
    if not to_head and found.form != "none":
        assert head.form == found.form
    assert not head.closes
    wanted = [(name, value) for name, value in fields if name not in {"host", "te", "content-length"}]
    heard = [(name.decode(), value.decode("latin-1")) for name, value in head.fields]
    assert [each for each in heard if each[0] not in {"content-length", "transfer-encoding"}] == wanted


@given(st.lists(st.tuples(GOOD_NAMES, GOOD_VALUES), max_size=8), st.booleans())
def test_a_request_there_and_back(fields, ends):
    unknown = [(name, value) for name, value in fields if not known(name)]
    sent = [*GET, *unknown]
    back = fields_in(request_block_of(asked(*sent, ends=ends).text))
    assert back == [(name.encode(), value.encode("latin-1")) for name, value in sent]


@given(st.lists(st.tuples(GOOD_NAMES, GOOD_VALUES), max_size=8))
def test_trailers_there_and_back(fields):
    unknown = [(name, value) for name, value in fields if not known(name)]
    text = trailers_text_of(block(*unknown))
    assert text.startswith(b"0\r\n")
    assert text.endswith(b"\r\n\r\n")
    back = trailers_block_of(text[3:-2])
    assert (fields_in(back) if back else []) == [(name.encode(), value.encode("latin-1")) for name, value in unknown]


def known(name):
    return name in {"te", "host", "via", "upgrade", "expect", "trailer", "cookie", "connection", "keep-alive"}


@given(FIELDS)
def test_trailers_hold_no_other_line(fields):
    text = trailers_text_of(block(*fields))
    if text is not None:
        assert text.count(b"\r") == text.count(b"\n") == text.count(b"\r\n")
        assert text.count(b"\r\n") <= len(fields) + 2
        assert b"\0" not in text
