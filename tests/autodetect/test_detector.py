"""First bytes to a protocol's name, the same however they are cut."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xproto.autodetect import Detector, signature
from xproto.registry import load

PROTOCOLS = load()
DETECTOR = Detector(list(PROTOCOLS.values()))
VECTORS = Path(__file__).parent.parent / "vectors"


def vectors():
    for name in PROTOCOLS:
        for entry in json.loads((VECTORS / name / "index.json").read_text()):
            yield pytest.param(name, (VECTORS / name / entry["file"]).read_bytes(), id=f"{name}-{entry['name']}")


@pytest.mark.parametrize(("name", "frame"), list(vectors()))
def test_every_recorded_frame_is_recognised_from_its_signature(name, frame):
    assert DETECTOR.detect(frame) == name
    asked = 0
    while isinstance(answer := DETECTOR.detect(frame[:asked]), int):
        assert asked < answer <= DETECTOR.longest
        asked = answer
    assert answer == name


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", 2),
        (b"\xda", 2),
        (b"\xda\xbb", "dubbo"),
        (b"\xda\xbc", None),
        (b"\x01", 4),
        (b"\x01\x01\x00\x01", "bolt"),
        (b"\x01\x03", None),
        (b"\x02\x01\x01\x00", 5),
        (b"\x02\x01\x01\x00\x00", "bolt"),
        (b"\x02\x03", None),
        (b"GET / HTTP/1.1\r\n", None),
        (b"\x16\x03\x01\x02\x00", None),
        (b"PRI * HTTP/2.0", None),
        (b"\x00\x00\x00\x20\x80\x01", None),
    ],
)
def test_beginnings(data, answer):
    assert DETECTOR.detect(data) == answer


@given(st.one_of(st.binary(max_size=12), st.lists(st.sampled_from([0, 1, 2, 3, 100, 0xDA, 0xBB]), max_size=8).map(bytes)))
def test_the_answer_depends_on_the_bytes_alone(data):
    whole = DETECTOR.detect(data)
    for cut in range(len(data)):
        part = DETECTOR.detect(data[:cut])
        if not isinstance(part, int):
            assert part == whole
        else:
            assert part > cut


def test_a_higher_rank_that_may_still_come_is_waited_for():
    short, long = PROTOCOLS["dubbo"], PROTOCOLS["bolt"]
    assert Detector([long, short]).detect(b"\xda\xbb") == "dubbo"
    assert Detector([short, long]).detect(b"\x01") == 4


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_cubes_are_never_narrower_than_the_plan(name):
    """A frame that scans is in one of the cubes, whatever stands in its first bytes."""
    registered = PROTOCOLS[name]
    cubes = signature(registered.lowered.scan, registered.protocol.detect.through)

    @given(st.lists(st.sampled_from([0, 1, 2, 100, 0xC2, 0x22, 0xDA, 0xBB]), min_size=6, max_size=6), st.binary(max_size=40))
    def check(head, rest):
        data = bytes(head) + rest
        try:
            frame = registered.codec.scan_bytes(data)
        except Exception:  # noqa: BLE001 - malformed: nothing to show
            return
        if hasattr(frame, "size"):
            assert any(all(allowed >> byte & 1 for allowed, byte in zip(cube, data, strict=False)) for cube in cubes)

    check()


def test_bolt_signature():
    cubes = signature(PROTOCOLS["bolt"].lowered.scan, "command")
    assert sorted(len(cube) for cube in cubes) == [4, 5]
