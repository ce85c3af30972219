"""Whatever two readers of HTTP/1.1 take differently, this proxy refuses: h11, llhttp, nginx and HAProxy are asked."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.http1.test_heads import SMUGGLED, request

from .harness.readers import Reading, fronts, parsed, tokenised

SECOND = b"GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

GOOD = {
    "GET": b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD": b"HEAD /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS": b"OPTIONS /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "DELETE": b"DELETE /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "a query": b"GET /first?a=b&c=%20d HTTP/1.1\r\nHost: a:80\r\n\r\n",
    "a counted body": b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "an empty body": b"PUT /first HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "a body that looks like a request": request(b"POST /first HTTP/1.1", b"Content-Length: %d" % len(SECOND)) + SECOND,
    "chunks": CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "chunks in capitals": CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n",
    "a chunk with leading zeros": CHUNKED + b"005\r\nhello\r\n0\r\n\r\n",
    "an extension": CHUNKED + b"5;a=b\r\nhello\r\n0;last\r\n\r\n",
    "trailers": CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "an address for a host": b"GET /first HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "many fields": request(b"GET /first HTTP/1.1", *(b"X-%d: %d" % (n, n) for n in range(60))),
    "an empty value": request(b"GET /first HTTP/1.1", b"X:"),
    "a value beyond ASCII": request(b"GET /first HTTP/1.1", b"X: \xc3\xa9"),
    "an authority in the target": b"GET http://a/first HTTP/1.1\r\nHost: a\r\n\r\n",
    "spaces around a value": request(b"GET /first HTTP/1.1", b"X: \t a b \t"),
}
"""All agree, and this proxy takes them."""

CHUNK_TRICKS = {
    "a size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a size with a space behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "a size with a space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "a size with a tab behind": b"5\t\r\nhello\r\n0\r\n\r\n",
    "an overlong size": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "an empty size": b"\r\nhello\r\n0\r\n\r\n",
    "an extension that ends in LF (TERM.EXT)": b"5;a\nhello\r\n0\r\n\r\n",
    "an extension with a bare CR (EXT.TERM)": b"5;a\rhello\r\n0\r\n\r\n",
    "a quoted LF in an extension": b'5;a="\n"\r\nhello\r\n0\r\n\r\n',
    "a size that ends in LF": b"5\nhello\r\n0\r\n\r\n",
    "a size that ends in CR (llhttp#877)": b"5\rhello\r\n0\r\n\r\n",
    "any two bytes behind a chunk (CVE-2025-43859)": b"5\r\nhelloXX0\r\n\r\n",
    "a LF behind a chunk": b"5\r\nhello\n0\r\n\r\n",
    "nothing behind a chunk": b"5\r\nhello0\r\n\r\n",
    "a LF at the end": b"5\r\nhello\r\n0\r\n\n",
    "a chunk too many": b"5\r\nhello\r\n00000000000000000000\r\n\r\n",
    "a trailer with a space before the colon": b"0\r\nX : y\r\n\r\n",
    "a folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
    "a length among the trailers": b"0\r\nContent-Length: 33\r\n\r\n",
    "an encoding among the trailers": b"0\r\nTransfer-Encoding: identity\r\n\r\n",
}
LINES = {
    "a fragment": b"GET /first#x HTTP/1.1",
    "a backslash": b"GET /a\\..\\first HTTP/1.1",
    "dots": b"GET /a/../first HTTP/1.1",
    "dots in disguise": b"GET /a/%2e%2e/first HTTP/1.1",
    "a NUL": b"GET /\0first HTTP/1.1",
    "eight bits": b"GET /\xe9first HTTP/1.1",
    "a tab": b"GET\t/first HTTP/1.1",
    "two spaces": b"GET  /first HTTP/1.1",
    "three words and one": b"GET /first HTTP/1.1 HTTP/1.0",
    "HTTP/0.9": b"GET /first",
    "HTTP/1.2": b"GET /first HTTP/1.2",
    "HTTP/2.0": b"GET /first HTTP/2.0",
    "small letters": b"GET /first http/1.1",
    "a small method": b"get /first HTTP/1.1",
    "another authority than Host": b"GET http://b/first HTTP/1.1",
    "a name in the authority": b"GET http://u@b/first HTTP/1.1",
    "a star": b"GET * HTTP/1.1",
    "no slash": b"GET first HTTP/1.1",
    "empty lines before": b"\r\n\r\nGET /first HTTP/1.1",
    "a space before": b" GET /first HTTP/1.1",
    "a bare CR": b"GET /first HTTP/1.1\rX: y",
}
FIELDS = {
    "HTTP/1.0 with chunks": b"POST /first HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "bare LFs": b"GET /first HTTP/1.1\nHost: a\nX: y\n\n",
    "a bare LF at the end of the head": b"GET /first HTTP/1.1\r\nHost: a\r\n\n",
    "no host": b"GET /first HTTP/1.1\r\n\r\n",
    "a host with a name": b"GET /first HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "a host with a slash": b"GET /first HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a comma": b"GET /first HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "a host folded": b"GET /first HTTP/1.1\r\nHost:\r\n a\r\n\r\n",
    "an upgrade to h2c": b"GET /first HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "a length of 20 digits": b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
    "a length with an underscore": b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 0_5\r\n\r\nhello",
}


def corpus() -> dict[str, bytes]:
    """By name; each is followed by a second request, for whoever ends the first one early."""
    found = {name: data + SECOND for name, data in GOOD.items()}
    found |= {f"chunks: {name}": CHUNKED + body + SECOND for name, body in CHUNK_TRICKS.items()}
    found |= {f"line: {name}": line + b"\r\nHost: a\r\n\r\n" + SECOND for name, line in LINES.items()}
    found |= {f"fields: {name}": data + SECOND for name, data in FIELDS.items()}
    for name, fields in SMUGGLED.items():
        for body in (b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"hello"):
            found[f"{name}, {body!r}"] = request(b"POST /first HTTP/1.1", *fields) + body + SECOND
    return found


def mutations(count: int, seed: int) -> Iterator[bytes]:
    """Good messages with one byte inserted, removed or replaced."""
    dice = random.Random(seed)
    alphabet = b'\0\t\n\x0b\r !"#%+,-./0159:;=@AZ\\_az\x7f\x80\xa0\xff'
    seeds = [*GOOD.values(), *(CHUNKED + body for body in CHUNK_TRICKS.values())]
    for _ in range(count):
        data = bytearray(dice.choice(seeds))
        at, byte = dice.randrange(len(data)), dice.choice(alphabet)
        match dice.randrange(3):
            case 0:
                data.insert(at, byte)
            case 1:
                data[at] = byte
            case _:
                del data[at]
        yield bytes(data) + SECOND


CORPUS = corpus()
MUTATIONS = list(mutations(600, 5))
Ask = Callable[[bytes], dict[str, Reading]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """All readings of these bytes, by reader."""
    with fronts(tmp_path_factory.mktemp("readers")) as found, ThreadPoolExecutor(len(found)) as pool:

        def everybody(data: bytes) -> dict[str, Reading]:
            asked = {name: pool.submit(front, data) for name, front in found.items()}
            return {"h11": parsed(data), "llhttp": tokenised(data)} | {name: each.result() for name, each in asked.items()}

        yield everybody


def check(readings: dict[str, Reading], data: bytes) -> None:
    """What this proxy passed on, everybody who took it took for the same; and it stopped where two of the others differ."""
    ours = readings.pop("xproto")
    for at in range(len(ours.messages)):
        taken = {name: reading.messages[at] for name, reading in readings.items() if len(reading.messages) > at}
        differing = {name: message for name, message in taken.items() if message != ours.messages[at]}
        assert not differing, f"{data!r}: passed on as {ours.messages[at]}, and taken by others for {differing}"
    longest = max(len(reading.messages) for reading in readings.values())
    if len(ours.messages) < longest:
        assert ours.refused == 400, f"{data!r}: {ours}, and by others {readings}"


@pytest.mark.parametrize("name", CORPUS)
def test_nothing_is_passed_on_that_others_read_differently(ask: Ask, name: str) -> None:
    check(ask(CORPUS[name]), CORPUS[name])


@pytest.mark.parametrize("name", GOOD)
def test_what_is_plain_is_taken(ask: Ask, name: str) -> None:
    readings = ask(CORPUS[name])
    assert len({reading.messages for reading in readings.values()}) == 1
    assert len(readings["xproto"].messages) == 2


@pytest.mark.parametrize("part", range(10))
def test_single_bytes_changed(ask: Ask, part: int) -> None:
    for data in MUTATIONS[part::10]:
        check(ask(data), data)


def test_the_readers_do_differ(ask: Ask) -> None:
    """Else this would compare nothing."""
    found = [ask(data) for data in CORPUS.values()]
    pairs = {
        frozenset((one, two))
        for readings in found
        for one in readings
        for two in readings
        for a, b in zip(readings[one].messages, readings[two].messages, strict=False)
        if a != b
    }
    assert len(pairs) >= 2
    assert not [pair for pair in pairs if "xproto" in pair]
