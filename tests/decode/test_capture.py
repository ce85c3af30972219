"""Files of packets, in every form that is in use, and what is no such file."""

from __future__ import annotations

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tape import START, STEP, Talk, Tape

from xproto.decode.capture import CaptureError, Packet, is_capture, packets


def read(data: bytes) -> list[Packet]:
    return list(packets(io.BytesIO(data)))


@pytest.fixture
def tape() -> Tape:
    made = Tape()
    Talk(made).open().send(0, b"hello")
    made.packets[-1] = (made.packets[-1][0], made.packets[-1][1][:-2], made.packets[-1][2])
    return made


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("form", ["pcap", "pcap of ns", "pcapng", "pcapng of us"])
def test_every_form(tape: Tape, order: str, form: str) -> None:
    forms = {
        "pcap": lambda: tape.pcap(order),
        "pcap of ns": lambda: tape.pcap(order, unit=1),
        "pcapng": lambda: tape.pcapng(order),
        "pcapng of us": lambda: tape.pcapng(order, resolution=6),
    }
    data = forms[form]()
    assert is_capture(data[:4])
    assert read(data) == [Packet(START + STEP * i, 1, each, length) for i, (_, each, length) in enumerate(tape.packets)]


def test_blocks_that_few_write() -> None:
    """A simple packet has no time; a packet block of old has; options, and an interface that counts in powers of two."""

    def block(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack("<HHB3x", 9, 1, 0x80 | 10) + struct.pack("<HHq", 14, 8, 100)
    interface = block(1, struct.pack("<HHI", 101, 0, 6) + options)
    simple = block(3, struct.pack("<I", 9) + b"sixsix\0\0")
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 2048, 3, 3) + b"abc\0")
    assert read(section + interface + simple + old) == [
        Packet(None, 101, b"sixsix", 9),
        Packet(102 * 10**9, 101, b"abc", 3),
    ]
    assert read(section + interface + section + interface + old)[0].data == b"abc"


def test_a_file_that_is_cut_says_where(tape: Tape) -> None:
    for whole in (tape.pcap(), tape.pcapng()):
        count = len(tape.packets)
        for size in range(4, len(whole)):
            found = []
            try:
                found.extend(packets(io.BytesIO(whole[:size])))
                assert len(found) < count
            except CaptureError as error:
                assert f"at offset {size}" in str(error) or "that cannot be read" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP", "neither"),
        (Tape().pcap() + struct.pack("<IIII", 0, 0, 1 << 31, 1 << 31), "a packet of 2147483648 bytes, at offset 24"),
        (Tape().pcapng()[:-24] + struct.pack("<II", 6, 0xFFFFFFF0), "a block of 4294967280 bytes"),
        (b"\x0a\x0d\x0d\x0a" + bytes(8), "without its byte order"),
        (Tape().pcapng() + struct.pack("<IIIIIIII", 6, 32, 7, 0, 0, 0, 0, 32), "type 6 that cannot be read"),
    ],
)
def test_damaged_files(data: bytes, why: str) -> None:
    with pytest.raises(CaptureError, match=why):
        read(data)


@given(st.sampled_from([Tape().pcap(), Tape().pcapng()]), st.binary(max_size=400))
def test_anything_behind_a_beginning_is_packets_or_an_error(beginning: bytes, data: bytes) -> None:
    with contextlib.suppress(CaptureError):
        assert all(len(each.data) <= each.length for each in read(beginning + data))
