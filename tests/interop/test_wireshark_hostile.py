"""Bytes that nobody should send, in the real tshark: no error of Lua, no end of patience, and what is wrong is said."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest
from harness.golden import recorded
from harness.pcap import CLIENT, SERVER, Capture
from harness.wireshark import Tshark, decode_as

from conformance.generate.examples import curated
from conformance.generate.mutations import random_vectors
from xproto.registry import load
from xproto.wire.theader import varint

PORT = 9100
LOADED = load()
MUTANTS = 400
PATIENCE = 30.0
"""Seconds for one hostile frame of a megabyte or several; a loop without an end would take all of the harness's timeout."""

HTTP = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
]


@pytest.mark.parametrize("name", LOADED)
def test_mutated_frames(name: str, tmp_path: Path) -> None:
    registered = LOADED[name]
    frames = [vector.data for vector in recorded() if vector.protocol == name][:80]
    frames += [*curated(registered.lowered), *(HTTP if name == "http1" else [])]
    capture = Capture()
    mutants = random_vectors(frames, registered.lowered.verify, random.Random(7), MUTANTS)
    for index, data in enumerate(mutants):
        connection = capture.connect(10_000 + index, PORT)
        connection.send((CLIENT, SERVER)[index % 2], data[: len(data) // 2], data[len(data) // 2 :])
        connection.close()
    output = Tshark(tmp_path, registered).run(capture.write(tmp_path / "x.pcap"), decode_as(name, PORT), "-V")
    assert output.count("malformed: ") > 10
    assert output.count("    [kind: ") > 10 or name == "http1"


def dubbo(body: bytes) -> bytes:
    return b"\xda\xbb\xc2\x00" + bytes(8) + struct.pack(">i", len(body)) + body


def tars(body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 4) + body


def thrift(body: bytes) -> bytes:
    return b"\x80\x01\x00\x01\x00\x00\x00\x01m\x00\x00\x00\x01" + body


def theader(info: bytes) -> bytes:
    head = b"\x00\x00" + info
    head += bytes(-len(head) % 4)
    message = thrift(b"\x00")
    return struct.pack(">IHHIH", 10 + len(head) + len(message), 0x0FFF, 0, 1, len(head) // 4) + head + message


CALL = b"\x052.0.2\x04path\x031.0\x01m"
TARS_CALL = b"\x10\x01\x2c\x3c\x40\x01\x56\x00\x66\x00\x7d\x00\x0c\x8c\x98\x0c\xa8\x0c"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
BOLT = struct.Struct(">BBHBIBiHHI")
BOMBS = {
    "lists inside lists": ("dubbo", dubbo(CALL + b"\x01I" + b"\x79" * 1_000_000)),
    "open lists inside open lists": ("dubbo", dubbo(CALL + b"\x01I" + b"\x57" * 100_000)),
    "a list of a million": ("dubbo", dubbo(CALL + b"\x01IXI" + struct.pack(">i", 1_000_000) + b"\x90" * 1_000_000 + b"N")),
    "a list of more than there is": ("dubbo", dubbo(CALL + b"\x01IXI\x7f\xff\xff\xff" + b"\x90" * 99)),
    "a million types": ("dubbo", dubbo(CALL + b"S\xff\xff" + b"I" * 65_535 + b"\x90" * 65_535 + b"N")),
    "a list in an attachment": ("dubbo", dubbo(CALL + b"\x00H\x01kXI\x00\x07\xa1\x20" + b"N" * 500_000 + b"Z")),
    "classes of classes": ("dubbo", dubbo(CALL + b"\x01I" + b"C\x01A\x90" * 2_000 + b"\x60")),
    "a million pairs": ("bolt", BOLT.pack(1, 1, 1, 1, 7, 1, 0, 0, 0x7FF8, 0) + bytes(0x7FF8)),
    "a body of two gigabytes": ("bolt", BOLT.pack(1, 1, 1, 1, 7, 1, 0, 0, 0, 0x7FFFFFFF) + bytes(100)),
    "fields of a million": ("tars", tars(TARS_CALL + b"\xbc" * 1_000_000)),
    "structs inside structs": ("tars", tars(TARS_CALL + b"\xba" * 1_000_000)),
    "maps inside maps": ("tars", tars(TARS_CALL + b"\xb8\x00\x01" * 300_000)),
    "structs in structs": ("thrift-unframed", thrift(b"\x0c\x00\x01" * 300_000)),
    "lists in lists": ("thrift-unframed", thrift(b"\x0f\x00\x01" + b"\x0f\x00\x00\x00\x01" * 100_000)),
    "a list of two billion": ("thrift-unframed", thrift(b"\x0f\x00\x01\x03\x7f\xff\xff\xff" + bytes(100))),
    "a list of a million bytes": ("thrift-unframed", thrift(b"\x0f\x00\x01\x03\x00\x0f\x42\x40" + bytes(1_000_001))),
    "compact lists in lists": ("thrift-unframed-compact", b"\x82\x21\x01\x01m" + b"\x19" + b"\x19" * 100_000),
    "a compact varint without an end": ("thrift-unframed-compact", b"\x82\x21\x01\x01m\x15" + b"\xff" * 100),
    "a million headers": ("thrift-header", theader(b"\x01" + varint(32_000) + bytes(64_000))),
    "header lengths without an end": ("thrift-header", theader(b"\x01" + b"\xff" * 40)),
    "a million contexts": ("thrift-twitter", b"\x00\x0f\x42\x40\x0f\x00\x08\x0c\x00\x0d\xbb\xa0" + bytes(1_000_000)),
    "a head without an end": ("http1", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 50_000),
    "a million chunks": ("http1", CHUNKED + b"1\r\na\r\n" * 150_000 + b"0\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "data"), BOMBS.values(), ids=BOMBS)
def test_bombs(name: str, data: bytes, tmp_path: Path) -> None:
    capture = Capture()
    connection = capture.connect(10_000, PORT)
    connection.send(CLIENT, data, segment=60_000)
    connection.close()
    tshark, started = Tshark(tmp_path, LOADED[name]), time.monotonic()
    output = tshark.run(capture.write(tmp_path / "x.pcap"), decode_as(name, PORT), "-V")
    assert time.monotonic() - started < PATIENCE
    assert len(output) < 40_000_000


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    frames = {
        b"\x03" + bytes(30): "malformed: proto is 3, which is not in 1..2",
        b"\x01\x01\x00\x09" + bytes(30): "malformed: command is 9, which is not in 0..2",
        BOLT.pack(1, 1, 1, 1, 7, 1, 0, 0, 6, 0) + b"\x00\x00\x00\x09ab": "malformed: headers runs past the end of its section",
        BOLT.pack(1, 0, 1, 1, 7, 1, 0, 0, 0, 0): "malformed: frame is of no kind",
    }
    capture = Capture()
    for index, data in enumerate(frames):
        connection = capture.connect(10_000 + index, PORT)
        connection.send(CLIENT, data)
    tshark = Tshark(tmp_path, LOADED["bolt"])
    path = capture.write(tmp_path / "x.pcap")
    infos = tshark.infos(path, decode_as("bolt", PORT))
    assert [infos[4 * index + 4] for index in range(len(frames))] == list(frames.values())
    flagged = tshark.infos(path, decode_as("bolt", PORT), "-Y_ws.expert.severity == error")
    assert len(flagged) == len(frames)


def test_a_checksum_that_does_not_fit(tmp_path: Path) -> None:
    (vector,) = (vector for vector in recorded() if vector.name == "java-v2crc-echo-request")
    capture = Capture()
    for index, data in enumerate((vector.data, vector.data[:-5] + b"!" + vector.data[-4:])):
        capture.connect(10_000 + index, PORT).send(CLIENT, data)
    tshark = Tshark(tmp_path, LOADED["bolt"])
    path = capture.write(tmp_path / "x.pcap")
    good, bad = tshark.messages(path, decode_as("bolt", PORT))
    assert (good.one("crc.status"), bad.one("crc.status")) == ("1", "0")
    assert set(tshark.infos(path, decode_as("bolt", PORT), "-Yxproto_bolt.expert.checksum")) == {bad.packet}


def test_a_frame_that_was_not_captured_whole(tmp_path: Path) -> None:
    (vector,) = (vector for vector in recorded() if vector.name == "java-v1-echo-request")
    capture = Capture()
    capture.connect(10_000, PORT).send(CLIENT, vector.data[:-40])
    tshark = Tshark(tmp_path, LOADED["bolt"])
    path = capture.write(tmp_path / "x.pcap")
    assert tshark.messages(path, decode_as("bolt", PORT)) == [], "Wireshark waits for the rest"
    (message,) = tshark.messages(path, decode_as("bolt", PORT), "-otcp.desegment_tcp_streams:FALSE")
    assert message.one("id") == "1"
    infos = tshark.infos(path, decode_as("bolt", PORT), "-otcp.desegment_tcp_streams:FALSE")
    assert infos[message.packet] == "not all of this frame is there"
