"""Bolt frames that lie (WIRE.md, section 3): refused before anything is buffered, and nobody else notices."""

from __future__ import annotations

import zlib

import pytest

from tests.hostile.fakes import Echo
from tests.hostile.peers import Client
from tests.hostile.process import Proxy, Watch
from tests.hostile.wire import CODEC, ECHO, METHOD, OTHER, bolt, bolt_answer, bolt_heartbeat, counted, pairs

pytestmark = pytest.mark.usefixtures("unharmed")

V2 = {"proto": 2, "ver1": 2}
EVIL = b"!evil"

LIES = {
    # case: (bytes, what the log says)
    "class length 0x8000": (bolt(class_len=0x8000), "class_len"),
    "class length 0xFFFF": (bolt(class_len=0xFFFF), "class_len"),
    "header length 0x8000": (bolt(header_len=0x8000), "header_len"),
    "header length 0xFFFF": (bolt(header_len=0xFFFF), "header_len"),
    "content length -1": (bolt(content_len=0xFFFFFFFF), "content_len"),
    "content length 0x80000000": (bolt(content_len=0x80000000), "content_len"),
    "content length 0x7FFFFFFF": (bolt(content_len=0x7FFFFFFF), "content"),
    "content length over the frame limit": (bolt(content_len=16 << 20), "content"),
    "v2 class length 0x8000": (bolt(**V2, class_len=0x8000), "class_len"),
    "v2 header length 0x8000": (bolt(**V2, header_len=0x8000), "header_len"),
    "v2 content length -1": (bolt(**V2, content_len=0xFFFFFFFF), "content_len"),
    "ver1 = 1 with the CRC switch set": (bolt(proto=2, ver1=1, switch=1, content=EVIL), ""),
    "ver1 = 0": (bolt(proto=2, ver1=0, content=EVIL), "ver1"),
    "ver1 = 3": (bolt(proto=2, ver1=3, content=EVIL), "ver1"),
    "protocol 0": (bolt(proto=0, content=EVIL), "proto"),
    "protocol 3": (bolt(proto=3, content=EVIL), "proto"),
    "type 3": (bolt(type=3, content=EVIL), "type"),
    "type 255": (bolt(type=255, content=EVIL), "type"),
    "command 3": (bolt(command=3, content=EVIL), "command"),
    "command 0xFFFF": (bolt(command=0xFFFF, content=EVIL), "command"),
    "goaway": (bolt(command=100, content=EVIL), "command"),
    "a request with the command of a response": (bolt(command=2, content=EVIL), "kind"),
    "a oneway heartbeat": (bolt(type=2, command=0, content=EVIL), "kind"),
    "a response": (bolt_answer(bolt(), EVIL), "from downstream"),
    "a response that has the command of a request": (bolt_answer(bolt(), EVIL, command=1), "kind"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_closes_its_connection(client: Client, fakes: tuple[Echo, Echo], watch: Watch, case: str) -> None:
    data, said = LIES[case]
    assert client.call(bolt(7)).who == b"a"
    client.send(data)
    assert client.ended(), "the peer sees an orderly end, not a reset"
    host, port = client.socket.getsockname()
    watch.logged(rf"downstream {host}:{port}: malformed, closed: bolt: .*{said}")
    assert watch.grew("malformed_total", protocol="bolt") == 1
    assert not any(EVIL in frame for fake in fakes for frame in fake.frames()), "nothing of it went upstream"


@pytest.mark.parametrize("case", [name for name in LIES if "protocol" not in name])
def test_a_lie_in_a_first_frame_closes_its_connection(client: Client, watch: Watch, case: str) -> None:
    """Where the lie is in the signature it is nobody's protocol, otherwise a malformed frame."""
    client.send(LIES[case][0])
    assert client.gone()
    watch.logged("malformed, closed: bolt: |closed: no protocol of this listener begins with")
    assert watch.grew("malformed_total") + watch.grew("detected_total", result="none") == 1


def test_calls_before_a_lie_are_answered_and_frames_after_it_are_not_read(client: Client, fakes: tuple[Echo, Echo]) -> None:
    client.send(bolt(1, content=b"!hold") + bolt(2) + bolt(3, class_len=0x8000) + bolt(4, content=EVIL))
    assert client.answer().id == 2
    with Client(client.socket.getpeername()) as other:
        assert other.call(bolt(9, content=b"!release")).id == 9
    assert client.answer().id == 1
    assert client.ended()
    assert not any(EVIL in frame for fake in fakes for frame in fake.frames())


def test_a_lie_that_goes_on_and_on_is_still_an_orderly_end(client: Client) -> None:
    """What a liar sends after its lie is thrown away; were it left unread, the socket's reset would overtake the answer."""
    client.send(bolt(1, headers=b"\0\0\0\x09") + bytes(500_000))
    assert client.answer().status == CODEC
    assert client.ended()


# -- header maps --------------------------------------------------------------------------------------------------------

GOOD = pairs((b"service", ECHO))

BLOCKS = {
    "one byte left": GOOD + b"\0",
    "two bytes left": GOOD + b"\0\0",
    "three bytes left": GOOD + b"\0\0\0",
    "only three bytes": b"\0\0\0",
    "a key without a value": GOOD + counted(b"a"),
    "a key without a value, two bytes left": GOOD + counted(b"a") + b"\0\0",
    "a key one past the end": GOOD + b"\0\0\0\x02a",
    "a value one past the end": GOOD + counted(b"a") + b"\0\0\0\x02b",
    "a key of 2 GiB": GOOD + b"\x7f\xff\xff\xffa",
    "a value of 2 GiB": GOOD + counted(b"a") + b"\x7f\xff\xff\xffb",
    "key length -2": GOOD + b"\xff\xff\xff\xfe" + counted(b"b"),
    "value length -2": GOOD + counted(b"a") + b"\xff\xff\xff\xfe",
    "least key length": GOOD + b"\x80\0\0\0" + counted(b"b"),
    "the service itself past the end": counted(b"service") + b"\0\0\0\xff" + ECHO,
    "a null key without a value": GOOD + counted(None),
}


@pytest.mark.parametrize("case", BLOCKS)
@pytest.mark.parametrize("version", [{}, V2, {**V2, "switch": 1}], ids=["v1", "v2", "v2crc"])
def test_a_header_map_that_cannot_be_read(
    client: Client, fakes: tuple[Echo, Echo], watch: Watch, case: str, version: dict[str, int]
) -> None:
    frame = bolt(77, headers=BLOCKS[case], content=EVIL, **version)  # type: ignore[arg-type]
    answer = client.call(frame + bolt(78, content=EVIL))
    assert (answer.id, answer.status, answer.body) == (77, CODEC, b"")
    assert client.ended()
    watch.logged("malformed, closed: bolt: its headers cannot be read")
    assert watch.grew("malformed_total", protocol="bolt") == 1
    assert watch.grew("local_replies_total", protocol="bolt", fault="malformed") == 1
    assert not any(EVIL in sent for fake in fakes for sent in fake.frames())


def test_a_oneway_with_an_unreadable_header_map_is_never_answered(client: Client, watch: Watch) -> None:
    client.send(bolt(77, type=2, headers=b"\0\0\0"))
    assert client.ended()
    assert watch.grew("malformed_total", protocol="bolt") == 1


RESOLVED = {
    # As the Java server resolves it (tests/vectors/facts.json): case -> (pairs, who is called)
    "the last of two counts": (((b"service", OTHER), (b"service", ECHO)), b"a"),
    "the last of two counts, the other way round": (((b"service", ECHO), (b"service", OTHER)), b"b"),
    "the last of three counts": (((b"service", OTHER), (b"service", OTHER), (b"service", ECHO)), b"a"),
    "a null value leaves what was there": (((b"service", ECHO), (b"service", None)), b"a"),
    "a null value, then one": (((b"service", None), (b"service", ECHO)), b"a"),
    "a null key is dropped": (((None, OTHER), (b"service", ECHO)), b"a"),
    "a null pair is dropped": (((None, None), (b"service", ECHO)), b"a"),
    "keys are case sensitive": (((b"service", ECHO), (b"Service", OTHER)), b"a"),
    "an empty key is another key": (((b"", OTHER), (b"service", ECHO)), b"a"),
    "NUL ends nothing": (((b"service\0", OTHER), (b"service", ECHO)), b"a"),
    "a second condition's last value counts": (
        ((b"service", ECHO), (b"version", b"1.0"), (b"version", b"2.0")), b"b"),
    "a raw header named method is hidden by the role": (((b"service", ECHO), (b"method", b"secret")), b"a"),
    "the method's own header decides": (((b"service", ECHO), (METHOD, b"secret")), b"b"),
}  # fmt: skip


@pytest.mark.parametrize("case", RESOLVED)
def test_a_header_map_is_read_as_the_server_reads_it(client: Client, case: str) -> None:
    items, who = RESOLVED[case]
    assert client.call(bolt(5, headers=pairs(*items))).who == who


@pytest.mark.parametrize(
    "service", [b"com.wild.\xff\xfe", b"com.wild.\xc3", b"com.wild.\0x", b"com.wild.\xed\xa0\x80", b"\xff" * 3000, b""],
    ids=["not UTF-8", "half a character", "NUL", "half a surrogate", "3000 odd bytes", "empty"],
)  # fmt: skip
def test_odd_text_as_a_routing_key_is_routed_or_refused_but_never_our_fault(client: Client, service: bytes) -> None:
    answer = client.call(bolt(5, service=service))
    assert answer.id == 5
    assert answer.who == b"b" or answer.status == 6
    assert client.call(bolt(6)).who == b"a", "and the connection goes on"


def test_thousands_of_headers(client: Client) -> None:
    block = pairs(*((b"k%d" % n, b"") for n in range(2000)), (b"service", ECHO))
    assert client.call(bolt(5, headers=block)).who == b"a"


# -- the rest -----------------------------------------------------------------------------------------------------------


def test_a_wrong_crc_is_forwarded_still_wrong(client: Client, fakes: tuple[Echo, Echo]) -> None:
    """The id changed, so the CRC did; but what was corrupt must not come out repaired."""
    for error in (0, 1, 0x80000000, 0xDEADBEEF):
        client.call(bolt(5, **V2, switch=1, content=b"!crc %d" % error, crc_error=error))  # type: ignore[arg-type]
        (frame,) = [frame for frame in fakes[0].frames() if b"!crc %d" % error in frame[-20:]]
        assert zlib.crc32(frame[:-4]) ^ int.from_bytes(frame[-4:], "big") == error


def test_a_bit_flipped_in_the_content_is_forwarded_with_a_wrong_crc(client: Client, fakes: tuple[Echo, Echo]) -> None:
    frame = bytearray(bolt(5, **V2, switch=1, content=b"!flipped"))  # type: ignore[arg-type]
    frame[-6] ^= 1
    client.call(bytes(frame))
    (sent,) = [each for each in fakes[0].frames() if b"!flipp" in each]
    assert zlib.crc32(sent[:-4]) != int.from_bytes(sent[-4:], "big")


def test_a_heartbeat_ack_from_downstream_is_ignored(client: Client) -> None:
    client.send(bolt_answer(bolt(1), b"", command=0))
    assert client.call(bolt(2)).id == 2


@pytest.mark.parametrize("version", [{}, {"proto": 2, "ver1": 1}, V2], ids=["v1", "v2 ver1 1", "v2"])
def test_every_codec_value_gets_its_local_reply_and_ack(client: Client, watch: Watch, version: dict[str, int]) -> None:
    """Replies are templates made for what the client sent: 256 of them must neither fail nor get mixed up."""
    for codec in range(256):
        frame = client.call(bolt(codec, service=b"nobody", codec=codec, **version))  # type: ignore[arg-type]
        assert (frame.id, frame.status) == (codec, 6)
        ack = client.call(bolt_heartbeat(codec, codec=codec, **version))
        assert (ack.kind, ack.id, ack.status) == ("ack", codec, 0)
    assert watch.grew("local_replies_total", protocol="bolt", fault="no_route") == 256
    assert watch.grew("heartbeats_answered_total") == 256


def test_ids_are_the_callers_own(client: Client) -> None:
    """The same id twice, 0, and the greatest: each answered once, with that id."""
    ids = [0, 0, 1, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF]
    client.send(b"".join(bolt(id) for id in ids))
    assert sorted(client.answer().id for _ in ids) == sorted(ids)
    assert client.silent()


def test_versions_mixed_on_one_connection_are_each_answered_in_kind(client: Client) -> None:
    for version in ({}, V2, {"proto": 2, "ver1": 1}, {**V2, "switch": 1}, {}):
        client.send(bolt(3, **version))  # type: ignore[arg-type]
        frame = client.receive()
        assert (frame[0], frame[1] if frame[0] == 2 else 0) == (version.get("proto", 1), version.get("ver1", 0))


def test_the_worker_is_the_same(mesh: Proxy) -> None:
    mesh.sound()
