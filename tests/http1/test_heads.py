"""Heads of HTTP/1.1: what they say, and everything that two readers could take differently."""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xproto.kernel import http1


def request(line: bytes = b"GET / HTTP/1.1", *fields: bytes, host: bytes = b"Host: a") -> bytes:
    return b"\r\n".join((line, *((host,) if host else ()), *fields, b"", b""))


def response(line: bytes = b"HTTP/1.1 200 OK", *fields: bytes) -> bytes:
    return b"\r\n".join((line, *fields, b"", b""))


def read(data: bytes) -> http1.Head:
    found = http1.read_bytes(data)
    assert isinstance(found, http1.Head), found
    return found


def answered(data: bytes) -> http1.Head:
    found = http1.read_bytes(data, True)
    assert isinstance(found, http1.Head), found
    return found


def test_a_request() -> None:
    data = request(b"POST /a/b?c=d HTTP/1.1", b"Content-Length: 12", b"X-Empty:", b"X-Many: a, b \t", b"accept:*/*")
    found = read(data + b"hello world!")
    assert (found.size, found.method, found.target, found.minor) == (len(data), b"POST", b"/a/b?c=d", 1)
    assert (found.form, found.length, found.closes, found.awaits, found.upgrades) == ("counted", 12, False, False, False)
    assert found.fields == (
        (b"Host", b"a"), (b"Content-Length", b"12"), (b"X-Empty", b""), (b"X-Many", b"a, b"), (b"accept", b"*/*")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "fields", "form", "length"),
    [
        (b"HTTP/1.1 200 OK", (b"Content-Length: 0",), "counted", 0),
        (b"HTTP/1.1 200 ", (b"transfer-encoding: Chunked",), "chunked", 0),
        (b"HTTP/1.1 200", (), "until close", 0),
        (b"HTTP/1.0 404 Not \xe9 Found", (), "until close", 0),
        (b"HTTP/1.1 204 No Content", (), "none", 0),
        (b"HTTP/1.1 204 No Content", (b"Content-Length: 0",), "none", 0),
        (b"HTTP/1.1 304 Not Modified", (b"Content-Length: 500",), "none", 500),
        (b"HTTP/1.1 100 Continue", (), "none", 0),
        (b"HTTP/1.1 101 Switching Protocols", (b"Upgrade: websocket", b"Connection: upgrade"), "none", 0),
    ],
)
def test_responses(line: bytes, fields: tuple[bytes, ...], form: str, length: int) -> None:
    found = answered(response(line, *fields))
    assert (found.form, found.length, found.status) == (form, length, int(line[9:12]))


@pytest.mark.parametrize(
    ("version", "connection", "closes"),
    [
        (b"1.1", (), False), (b"1.1", (b"Connection: close",), True), (b"1.1", (b"Connection: x, CLOSE ,y",), True),
        (b"1.0", (), True), (b"1.0", (b"Connection: Keep-Alive",), False), (b"1.1", (b"Connection: keep-alive",), False),
    ],
)  # fmt: skip
def test_who_closes(version: bytes, connection: tuple[bytes, ...], closes: bool) -> None:
    assert read(request(b"GET / HTTP/" + version, *connection)).closes is closes


def test_what_connection_names_goes_no_further() -> None:
    found = read(request(b"GET / HTTP/1.1", b"X-Hop: 1", b"X-End: 2", b"Connection: x-hop, Keep-Alive", b"Keep-Alive: 3"))
    assert [found.fields[index][0] for index in found.listed] == [b"X-Hop", b"Keep-Alive"]


@pytest.mark.parametrize(
    "target",
    [b"/", b"/%00?", b"/a?b", b"*", b"http://a", b"http://a:80/b?c", b"HTTPS://[::1]/", b"//a/b",
     b"/.a/a./...", b"/a..b/..c", b"/a?/../b", b"/.well-known/x", b"/%2e%2e%2e", b"/a;b/c", b"/a%2fb", b"/a..;b"],
)  # fmt: skip
def test_targets(target: bytes) -> None:
    method = b"OPTIONS" if target == b"*" else b"GET"
    assert read(request(method + b" " + target + b" HTTP/1.1")).target == target


def test_connect_wants_an_authority() -> None:
    assert read(request(b"CONNECT a:443 HTTP/1.1")).target == b"a:443"
    for target in (b"/", b"a", b"http://a:443"):
        assert isinstance(http1.read_bytes(request(b"CONNECT " + target + b" HTTP/1.1")), str)


# What is refused, by what it is known as


SMUGGLED = {
    "CL.TE: a length and chunks": (b"Content-Length: 6", b"Transfer-Encoding: chunked"),
    "TE.CL": (b"Transfer-Encoding: chunked", b"Content-Length: 4"),
    "two lengths that differ": (b"Content-Length: 5", b"Content-Length: 6"),
    "two lengths that agree": (b"Content-Length: 5", b"Content-Length: 5"),
    "a list of lengths": (b"Content-Length: 5, 5",),
    "a signed length": (b"Content-Length: +5",),
    "a negative length": (b"Content-Length: -5",),
    "a hexadecimal length": (b"Content-Length: 0x5",),
    "an empty length (CVE-2023-40225)": (b"Content-Length:",),
    "a length with a space in it": (b"Content-Length: 5 5",),
    "a length of 19 digits": (b"Content-Length: 1000000000000000000",),
    "chunked not last": (b"Transfer-Encoding: chunked, identity",),
    "chunked not alone": (b"Transfer-Encoding: gzip, chunked",),
    "chunked twice": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "the last of two encodings (CVE-2026-2835)": (b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
    "chunked in quotes": (b'Transfer-Encoding: "chunked"',),
    "an encoding that nobody knows": (b"Transfer-Encoding: xchunked",),
    "chunked behind a control": (b"Transfer-Encoding: \x0bchunked",),
    "an empty encoding": (b"Transfer-Encoding:",),
    "a space before the colon": (b"Transfer-Encoding : chunked",),
    "a tab before the colon": (b"Content-Length\t: 5",),
    "an empty name (CVE-2023-25725)": (b": x", b"Content-Length: 5"),
    "a folded line": (b"X: a", b" b"),
    "a first field that is folded": (b" Content-Length: 5",),
    "a bare CR in a value": (b"X: a\rContent-Length: 5",),
    "a bare LF in a value": (b"X: a\nContent-Length: 5",),
    "a NUL in a value": (b"X: a\0b",),
    "a DEL in a value": (b"X: a\x7fb",),
    "a NUL in a name": (b"X\0: a",),
    "a line without a colon": (b"Content-Length",),
    "a name beyond ASCII": (b"Content-Length\xa0: 5",),
    "two hosts": (b"Host: b",),
    "an empty second host": (b"Host:",),
    "Connection takes the length away": (b"Content-Length: 5", b"Connection: content-length"),
    "Connection takes the host away": (b"Connection: Host",),
    "Connection takes itself away": (b"Connection: connection",),
    "Connection with what is no name": (b"Connection: close; x",),
    "close and keep-alive": (b"Connection: close, keep-alive",),
    "an expectation that nobody knows": (b"Expect: 200-ok",),
}


@pytest.mark.parametrize(
    "host",
    [b"a:b", b"a:_80", b"a:8 0", b"a:80:80", b"u@a", b"a/b", b"[::1", b"[]", b"[::1]x", b"[g]", b"a]", b":80", b"a:123456"],
)
def test_a_host_that_is_none(host: bytes) -> None:
    assert http1.read_bytes(request(host=b"Host: " + host)) == "Host"
    assert host == b"a/b" or http1.read_bytes(request(b"GET http://" + host + b"/ HTTP/1.1")) in {"the target", "the version"}


@pytest.mark.parametrize("host", [b"a", b"a:80", b"a:", b"[::1]", b"[::1]:8080", b"1.2.3.4:5", b"a-b.c_d.", b"xn--a", b""])
def test_a_host(host: bytes) -> None:
    assert read(request(host=b"Host: " + host)).fields[0] == (b"Host", host)


@pytest.mark.parametrize("fields", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_smuggling(fields: tuple[bytes, ...]) -> None:
    assert isinstance(http1.read_bytes(request(b"POST / HTTP/1.1", *fields)), str)


LINES = {
    "two spaces": b"GET  / HTTP/1.1",
    "a tab": b"GET\t/ HTTP/1.1",
    "a space behind": b"GET / HTTP/1.1 ",
    "no version": b"GET /",
    "version 0.9": b"GET / HTTP/0.9",
    "version 1.2": b"GET / HTTP/1.2",
    "version 2.0": b"GET / HTTP/2.0",
    "version 1.10": b"GET / HTTP/1.10",
    "small letters": b"GET / http/1.1",
    "a method with a colon": b"GE:T / HTTP/1.1",
    "a method of 33": b"G" * 33 + b" / HTTP/1.1",
    "no method": b" / HTTP/1.1",
    "an empty line before": b"\r\nGET / HTTP/1.1",
    "a control in the target": b"GET /\x01 HTTP/1.1",
    "a target beyond ASCII": b"GET /\xc3\xa9 HTTP/1.1",
    "a target without a slash": b"GET a HTTP/1.1",
    "a fragment": b"GET /#a HTTP/1.1",
    "an asterisk": b"GET * HTTP/1.1",
    "a name in the authority": b"GET http://u@a/ HTTP/1.1",
    "an empty authority": b"GET http:/// HTTP/1.1",
    "another scheme": b"GET ftp://a/ HTTP/1.1",
    "a way up": b"GET /a/../b HTTP/1.1",
    "a way up at the end": b"GET /a/.. HTTP/1.1",
    "a way up before a query": b"GET /..?a HTTP/1.1",
    "a way up in disguise": b"GET /a/%2e%2E/b HTTP/1.1",
    "a way up, half in disguise": b"GET /a/.%2e/b HTTP/1.1",
    "a way up behind a slash in disguise": b"GET /a/..%2Fb HTTP/1.1",
    "a way up before a slash in disguise": b"GET /a%2f../b HTTP/1.1",
    "a way up by backslashes": b"GET /a\\..\\b HTTP/1.1",
    "a way up by backslashes in disguise": b"GET /a%5C..%5cb HTTP/1.1",
    "a way up with a parameter": b"GET /a/..;/b HTTP/1.1",
    "a way nowhere": b"GET /./a HTTP/1.1",
    "a way up in a whole URI": b"GET http://a/b/../c HTTP/1.1",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_first_lines(line: bytes) -> None:
    assert isinstance(http1.read_bytes(request(line)), str)


@pytest.mark.parametrize("host", [b"Host: a b", b"Host: a/b", b"Host: a@b", b"Host: a?b", b"Host: \xe9", b""])
def test_hosts(host: bytes) -> None:
    assert http1.read_bytes(request(host=host)) == "Host"


def test_version_one_point_zero() -> None:
    assert read(request(b"GET / HTTP/1.0", host=b"")).closes
    assert http1.read_bytes(request(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked")) == "Transfer-Encoding"


@pytest.mark.parametrize(
    "line",
    [b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1 200\tOK",
     b"HTTP/1.1 2x0 OK", b"HTTP/2 200 OK", b"HTTP/1.1 200 a\0b", b"http/1.1 200 OK", b"HTTP/1.1"],
)  # fmt: skip
def test_status_lines(line: bytes) -> None:
    assert isinstance(http1.read_bytes(response(line), True), str)


@pytest.mark.parametrize("status", [b"100", b"101", b"204"])
def test_a_body_where_there_can_be_none(status: bytes) -> None:
    for field in (b"Transfer-Encoding: chunked", b"Content-Length: 5"):
        assert isinstance(http1.read_bytes(response(b"HTTP/1.1 " + status + b" x", field), True), str)


def test_limits() -> None:
    assert len(read(request(b"GET / HTTP/1.1", *(b"A: b" for _ in range(127)))).fields) == 128
    assert http1.read_bytes(request(b"GET / HTTP/1.1", *(b"A: b" for _ in range(128)))) == "too many fields"
    most = 65536 - len(request(b"GET / HTTP/1.1", b"A: "))
    assert read(request(b"GET / HTTP/1.1", b"A: " + b"b" * most)).size == 65536
    assert http1.read_bytes(request(b"GET / HTTP/1.1", b"A: " + b"b" * (most + 1))) == "too many bytes"
    assert http1.read_bytes(b"GET /" + b"a" * 65536) == "too many bytes"


@pytest.mark.parametrize("whole", [request(b"GET / HTTP/1.1", b"A: b"), request(b"POST /x HTTP/1.1", b"Content-Length: 5")])
def test_a_beginning_is_not_judged_but_for_its_lines(whole: bytes) -> None:
    for cut in range(len(whole)):
        assert http1.read_bytes(whole[:cut]) is None
    assert http1.read_bytes(b"GET / HTTP/1.1\n") == "a line that does not end in CRLF"


# Beside other readers


def by_h11(data: bytes, client: bool) -> tuple[object, ...] | None:
    """Method, target and fields, or the status and fields; what the body is; None if it is refused."""
    connection = h11.Connection(h11.CLIENT if client else h11.SERVER, max_incomplete_event_size=1 << 17)
    if client:
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
        connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if event is h11.NEED_DATA or event is h11.PAUSED:
        return None
    fields = tuple((bytes(name), bytes(value)) for name, value in event.headers.raw_items())
    first = (event.status_code,) if client else (bytes(event.method), bytes(event.target))
    return (*first, fields)


class Told:
    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.target = b""
        self.whole = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.rstrip(b" \t")))  # it leaves what stands behind a value; none of it goes on

    def on_headers_complete(self) -> None:
        self.whole = True


def by_httptools(data: bytes) -> tuple[object, ...] | None:
    told = Told()
    parser = httptools.HttpRequestParser(told)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        return None
    return (parser.get_method(), told.target, tuple(told.fields)) if told.whole else None


PIECES = st.sampled_from([
    b"GET / HTTP/1.1\r\n", b"POST /a?b HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n", b"OPTIONS * HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"X-A: b\r\n", b"x: \xff\r\n", b"A:\r\n", b" ", b"\t", b"\n", b"\r",
    b":", b"\0", b"0", b"chunked", b"a", b",", b"Content-Length:", b"\x0b", b"HTTP/1.1", b"\x7f", b"-", b"+", b"_", b'"',
    b"#", b"@", b"[",
])  # fmt: skip


WELL_FORMED = [
    b"Accept: */*", b"Content-Length: 5", b"content-length: 0", b"Transfer-Encoding: chunked", b"Connection: close",
    b"Expect: 100-continue", b"Connection: Keep-Alive, x-a", b"Upgrade: websocket", b"Connection: upgrade", b"X-A: b \t",
    b"x-a:", b"X_b: \xe9", b"Via: 1.1 x", b"X-Forwarded-For: 1.1.1.1", b"TE: trailers", b"Cookie: a=b; c=d",
    b"Keep-Alive: timeout=5", b"A: b:c, d", b"X-Request-Id: y",
]  # fmt: skip
FIRST = [
    b"GET / HTTP/1.1", b"POST /a?b=c HTTP/1.1", b"HEAD /x HTTP/1.0", b"OPTIONS * HTTP/1.1", b"CONNECT a:1 HTTP/1.1",
    b"PUT http://b/c HTTP/1.1", b"GET /%2e%2e./.a HTTP/1.1",
]  # fmt: skip
HOSTS = [b"Host: a", b"Host: a:80", b"host:", b"Host:  [::1]"]


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Every other one well-formed but for what its lines say together; the others with something put in or taken out."""
    lines = draw(st.lists(st.sampled_from(WELL_FORMED), max_size=5, unique=True))
    lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(HOSTS)))
    data = b"\r\n".join([draw(st.sampled_from(FIRST)), *lines, b"", b""])
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(PIECES | st.binary(min_size=1, max_size=2)) + data[at + draw(st.integers(0, 2)) :]
    return data + b"\r\n\r\n"


@settings(max_examples=1500, deadline=None)
@given(heads())
@example(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x85b\r\n\r\n")
def test_what_is_accepted_others_read_the_same(data: bytes) -> None:
    found = http1.read_bytes(data)
    if not isinstance(found, http1.Head):
        return
    head = data[: found.size]
    assert by_h11(head, client=False) == (found.method, found.target, found.fields)
    told = by_httptools(head)
    if told is None:
        assert found.method not in {b"GET", b"POST", b"OPTIONS"}, "it knows a fixed list of methods"
        return
    assert told == (found.method, found.target, found.fields)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=5), st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 x\r\n", b"HTTP/1.1 304\r\n", b""]))
def test_what_is_accepted_of_servers_h11_reads_the_same(lines: list[bytes], first: bytes) -> None:
    data = first + b"".join(lines) + b"\r\n"
    found = http1.read_bytes(data, True)
    if isinstance(found, http1.Head) and found.status >= 200:
        assert by_h11(data[: found.size], client=True) == (found.status, found.fields)
