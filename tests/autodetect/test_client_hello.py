"""The server's name and the protocols offered, out of what real and hostile clients send first."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xproto.autodetect.client_hello import LONGEST, MAX_RECORDS, ClientHello, read
from xproto.errors import MalformedError


def spoken(name=None, alpn=(), version=None):
    """What Python's own TLS says first."""
    context = ssl.create_default_context()
    context.check_hostname = name is not None
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version is not None:
        context.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def vector(width, *parts):
    body = b"".join(parts)
    return len(body).to_bytes(width, "big") + body


def extension(kind, body):
    return kind.to_bytes(2, "big") + vector(2, body)


def names(*hosts):
    return extension(0, vector(2, *(b"\0" + vector(2, host) for host in hosts)))


def offers(*protocols):
    return extension(16, vector(2, *(vector(1, protocol) for protocol in protocols)))


def message(*extensions, session=b"", suites=b"\x13\x01", compression=b"\0", tail=b""):
    body = b"\x03\x03" + bytes(32) + vector(1, session) + vector(2, suites) + vector(1, compression)
    return b"\x01" + vector(3, body + (vector(2, *extensions) if extensions else b"") + tail)


def records(data, *sizes):
    """In records of these sizes, the rest in one."""
    out = b""
    for size in (*sizes, len(data)):
        part, data = data[:size], data[size:]
        out += b"\x16\x03\x01" + vector(2, part) if part else b""
    return out


def hello(*extensions, **others):
    return records(message(*extensions, **others))


@pytest.mark.parametrize("version", [None, ssl.TLSVersion.TLSv1_2])
@pytest.mark.parametrize(
    ("name", "alpn"), [("example.org", ("h2", "http/1.1")), ("a.b-c.example", ()), (None, ("x",)), (None, ()), ("10.0.0.1", ())]
)
def test_what_python_says(name, alpn, version):
    data = spoken(name, alpn, version)
    named = None if name == "10.0.0.1" else name  # an address is not sent
    assert read(data) == ClientHello(named, tuple(each.encode() for each in alpn))


@pytest.mark.parametrize("sizes", [(), (1,), (3,), (4,), (5,), (1,) * 5, (100,), (10, 20, 30, 40), (1,) * (MAX_RECORDS - 1)])
def test_a_hello_in_several_records(sizes):
    whole = spoken("example.org", ("h2",))
    data = records(whole[5:], *sizes)
    assert read(data + b"more") == ClientHello("example.org", (b"h2",))
    asked = 0
    while isinstance(answer := read(data[:asked]), int):
        assert asked < answer <= len(data)
        asked = answer
    assert asked == len(data)


def test_grease_is_passed_over():
    greased = hello(extension(0x0A0A, b""), names(b"Example.ORG"), offers(b"\x0a\x0a", b"h2"), extension(0xFAFA, b"\0"))
    assert read(greased) == ClientHello("example.org", (b"h2",))


def test_a_hello_without_extensions():
    assert read(hello()) == ClientHello(None, ())


@pytest.mark.parametrize(
    ("data", "need"),
    [
        (b"", 5),
        (b"\x16\x03", 5),
        (b"\x16\x03\x01\x00\x80", 9),
        (b"\x16\x03\x01\x00\x02", 7),
        (b"\x16\x03\x01\x00\x80\x01\0\0\x60", 105),
    ],
)
def test_how_many_bytes_are_needed(data, need):
    assert read(data) == need


BAD = {
    "no handshake": b"\x17\x03\x01\x00\x05",
    "not of TLS": b"\x16\x02",
    "an empty record": b"\x16\x03\x01\x00\x00",
    "a record too long": b"\x16\x03\x01\x40\x01",
    "a server's hello": b"\x16\x03\x01\x00\x20\x02",
    "an empty hello": records(b"\x01\0\0\0"),
    "a hello too long": records(b"\x01\x01\0\0"),
    "a second record of another type": records(message()[:9]) + b"\x17",
    "crumbs": records(message(names(b"example.org")), *(1,) * (MAX_RECORDS + 1)),
    "too short for its random": records(b"\x01" + vector(3, b"\x03\x03abc")),
    "a session past the end": records(b"\x01" + vector(3, b"\x03\x03" + bytes(32) + b"\xff")),
    "a session too long": hello(session=bytes(33)),
    "no cipher suites": hello(suites=b""),
    "half a cipher suite": hello(suites=b"\x13\x01\x13"),
    "no compression": hello(compression=b""),
    "bytes behind the extensions": hello(names(b"a"), tail=b"\0"),
    "extensions past the end": hello(tail=b"\xff\xff\0"),
    "half an extension": hello(b"\0\0\0"),
    "an extension past the end": hello(b"\0\0\0\x09\0"),
    "a name twice": hello(names(b"a"), names(b"b")),
    "two names": hello(names(b"a", b"b")),
    "an empty name": hello(names(b"")),
    "a name with a NUL": hello(names(b"good.example\0.evil.example")),
    "a name with a space": hello(names(b"a b")),
    "a name with a dot at the end": hello(names(b"a.")),
    "a name that is no text": hello(names(b"\xff")),
    "a name too long": hello(names(b"a" * 256)),
    "a name of another kind": hello(extension(0, vector(2, b"\x01" + vector(2, b"a")))),
    "a list of names past the end": hello(extension(0, b"\0\x09\0\0\x01a")),
    "bytes behind the names": hello(extension(0, vector(2, b"\0" + vector(2, b"a")) + b"x")),
    "no protocols": hello(offers()),
    "an empty protocol": hello(offers(b"h2", b"")),
    "a protocol past the end": hello(extension(16, vector(2, b"\x09h2"))),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_refused(name):
    with pytest.raises(MalformedError) as caught:
        read(BAD[name])
    assert caught.value.protocol == "tls"


def outcome(data):
    try:
        return read(data)
    except MalformedError:
        return "malformed"


SAMPLES = [hello(), hello(names(b"example.org"), offers(b"h2", b"x")), records(message(names(b"a.b")), 1, 5, 9)]


@st.composite
def mutated(draw):
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.sampled_from([0, 1, 2, 3, 16, 22, 0x40, 255]))
    return bytes(data) + draw(st.binary(max_size=3))


@given(mutated())
def test_the_answer_does_not_depend_on_the_cuts(data):
    whole = outcome(data)
    for cut in range(len(data)):
        part = outcome(data[:cut])
        if isinstance(part, int):
            assert cut < part <= LONGEST
        else:
            assert part == whole
