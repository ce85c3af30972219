"""Frames of all protocols that have ids or an order, as clients and hosts of the demo make and read them."""

from __future__ import annotations

import pytest

from proxy.demo import scenario
from proxy.demo.frames import BLANK, DOWNSTREAM, TAG, UPSTREAM, Splitter, Stamp, Understanding, find_number, number_text
from proxy.demo.node import Host
from proxy.demo.protocols import speeches
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.spec import Fault, Kind

SPEECHES = speeches()
REQUESTS = [request for callers in scenario.CALLERS.values() for caller in callers for request in caller.requests]
CLIENTS = [client for client in scenario.CLIENTS if client.protocol in SPEECHES]
PAIRS = [(client, request) for client in CLIENTS for request in REQUESTS if request.protocol == client.protocol]


def made(client: scenario.Client, request: scenario.Request, id: int = 7) -> bytes:
    speech = SPEECHES[client.protocol]
    stamp = Stamp(speech.codec, speech.request(request, f"x {TAG}{BLANK}", client.fields), DOWNSTREAM)
    return stamp.make(id, number_text(42))


def split(splitter: Splitter, *pieces: bytes) -> list[tuple[Frame, bytes]]:
    return [pair for piece in pieces for pair in splitter.feed(piece)]


@pytest.mark.parametrize(("client", "request_"), PAIRS)
def test_a_request_says_what_it_should(client: scenario.Client, request_: scenario.Request) -> None:
    frame, codec = made(client, request_), SPEECHES[client.protocol].codec
    assert codec.verify_bytes(frame) == len(frame)
    found = codec.scan_bytes(frame)
    assert isinstance(found, Frame)
    assert found.kind == (Kind.ONEWAY if request_.oneway else Kind.REQUEST)
    assert found.id == (7 if SPEECHES[client.protocol].numbered else 0)
    said = codec.lookup(SPEECHES[client.protocol].keys).find_bytes(frame)
    assert said == (request_.service.encode(), request_.method.encode())
    at = find_number(frame)
    assert frame[at : at + 16] == number_text(42)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_answer_is_understood_and_no_byte_of_it_may_differ(client: scenario.Client) -> None:
    speech = SPEECHES[client.protocol]
    request = scenario.CALLERS[client.protocol][0].requests[0]
    frame = made(client, request)
    found = speech.codec.scan_bytes(frame)
    assert isinstance(found, Frame)
    answer = Host("a", request.cluster, speech, lies=False).answer(found, frame)
    understanding = Understanding(speech)
    for _ in range(2):  # the second time by its shape
        ((read, whole),) = split(Splitter(speech.codec, UPSTREAM), answer)
        reply, number = understanding.read(whole, read)
        assert (reply.text, reply.faults, number) == (f"{request.cluster}/a", frozenset(), number_text(42))
        assert read.id == (7 if speech.numbered else 0)
    damaged = answer.replace(b"/a", b"/b")
    if read.crc_at >= 0:
        with pytest.raises(MalformedError):
            understanding.read(damaged, read)
    else:
        assert understanding.read(damaged, read)[0].text == f"{request.cluster}/b"


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"text/plain", b"text/plane"), (b"Server: xproto-demo\r\n", b""), (b"\r\n\r\n", b"\r\nX-More: 1\r\n\r\n")],
)
def test_fields_of_http_may_not_differ(before: bytes, after: bytes) -> None:
    speech = SPEECHES["http1"]
    ((read, frame),) = split(Splitter(speech.codec, UPSTREAM), speech.reply("web/a", {}).replace(before, after, 1))
    with pytest.raises(ValueError, match="fields"):
        Understanding(speech).read(frame, read)


def test_what_the_proxy_adds_to_an_answer_of_http_is_no_fault() -> None:
    speech = SPEECHES["http1"]
    answer = speech.reply("web/a", {}).replace(b"\r\n\r\n", b"\r\nVia: 1.1 xproto\r\n\r\n", 1)
    ((read, frame),) = split(Splitter(speech.codec, UPSTREAM), answer)
    assert Understanding(speech).read(frame, read)[0].text == "web/a"


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.MISDIRECTED])
@pytest.mark.parametrize("protocol", SPEECHES)
def test_the_proxys_own_replies_are_known(protocol: str, fault: Fault) -> None:
    speech = SPEECHES[protocol]
    frame = speech.codec.reply(fault, 0, 0, 9)
    found = speech.codec.scan_bytes(frame, UPSTREAM)
    assert isinstance(found, Frame)
    assert fault in Understanding(speech).read(frame, found)[0].faults


def test_a_stream_is_split_however_it_comes() -> None:
    client = scenario.CLIENTS[0]
    frames = [made(client, REQUESTS[0], id) for id in (1, 2, 3)]
    stream, codec = b"".join(frames), SPEECHES[client.protocol].codec
    for pieces in ([stream], [stream[at : at + 1] for at in range(len(stream))], [stream[:50], stream[50:]]):
        assert [frame for _, frame in split(Splitter(codec, DOWNSTREAM), *pieces)] == frames
    with pytest.raises(MalformedError):
        split(Splitter(codec, DOWNSTREAM), stream + b"\xff" * 64)
