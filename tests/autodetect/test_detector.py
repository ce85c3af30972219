"""First bytes to a protocol's name, the same however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autodetect.declarations import FAMILY, register, text
from tests.golden import RECORDED
from xproto.autodetect import Detector
from xproto.autodetect.signature import HTTP_METHODS as METHODS
from xproto.autodetect.strangers import PREFACE, PROXIES, STRANGERS
from xproto.kernel.detector import Judge
from xproto.registry import load

PROTOCOLS = load()
EVERYONE = [*PROTOCOLS.values(), *(each for name, each in FAMILY.items() if name not in PROTOCOLS)]
DETECTOR = Detector(EVERYONE, proxy=True)
SPOKEN = Detector(list(PROTOCOLS.values()))


def vectors():
    for vector in RECORDED:
        asked = vector.protocol in {"thrift-twitter", "http2"} or b"__can__finagle" in vector.data
        if asked and vector.kind != "handshake":
            continue  # a connection begins with its handshake
        if vector.protocol == "http1" and vector.direction:
            continue  # and with a request
        yield pytest.param(vector.protocol, vector.data, id=f"{vector.protocol}-{vector.name}")


@pytest.mark.parametrize(("name", "frame"), list(vectors()))
def test_every_recorded_frame_is_recognised_from_its_signature(name, frame):
    assert SPOKEN.detect(frame) == name
    asked = 0
    while isinstance(answer := SPOKEN.detect(frame[:asked]), int):
        assert asked < answer <= SPOKEN.longest
        asked = answer
    assert answer == name


def test_a_frame_that_is_shorter_than_what_a_higher_rank_waits_for():
    """Of 36 bytes, eight come first. Twelve are enough to see that no upgrade to TTwitter is asked for, which takes 39."""
    frame = b"\0\0\0\x20\x80\1\0\1\0\0\0\x13apache_thrift__fail\1\2\3\1\0"
    assert [SPOKEN.detect(frame[:size]) for size in (7, 8, 9, 10, 11, 12)] == [8, 9, 10, 11, 12, "thrift"]


BEGINNINGS = [
    # the PROXY protocol
    (b"PROXY", 6), (b"PROXY ", "proxy1"), (b"PROXY\t", None),
    (b"\r\n\r\n\0\r\nQUIT", 12), (b"\r\n\r\n\0\r\nQUIT\n", "proxy2"), (b"\r\n\r\n\0\r\nQUIT\r", None), (b"\r\n\r\n\r", None),
    # TLS
    (b"\x16", 5), (b"\x16\x03\x01\x02\x00", "tls"), (b"\x16\x03\x04\x00\x01", "tls"), (b"\x16\x03\x05", None),
    (b"\x16\x03\x01\x41\x00", "tls"), (b"\x16\x03\x01\x41\x01", None), (b"\x16\x03\x01\x42", None), (b"\x16\x02", None),
    (b"\x16\x03\x01\x00\x00", None), (b"\x15\x03\x01\x00\x02", None),
    # HTTP/2
    (PREFACE, "http2"), (PREFACE[:23], 24), (PREFACE[:14], 24), (PREFACE[:23] + b"\r", None), (b"PRI * HTTP/1", None),
    # HTTP/1, and what it shares with others
    (b"GET", 4), (b"GET / HTTP/1.1\r\n", "http1"), (b"GETS ", None), (b"get / HTTP/1.1\r\n", None), (b"DELETE ", "http1"),
    (b"P", 4), (b"PR", 6), (b"PRI", 24), (b"PRO", 6), (b"PROX", 6), (b"PROP", 9), (b"PROPF", 9), (b"PROPP", 10),
    (b"PROPFIND ", "http1"), (b"PROPPATCH ", "http1"), (b"PUT ", "http1"), (b"POST /", "http1"), (b"PATCH ", "http1"),
    # Dubbo
    (b"\xda", 2), (b"\xda\xbb", "dubbo"), (b"\xda\xbc", None),
    # Bolt
    (b"\x01", 4), (b"\x01\x01\x00\x01", "bolt"), (b"\x01\x03", None), (b"\x01\x01\x00\x03", None), (b"\x01\x01\x01", None),
    (b"\x02\x01\x01\x00", 5), (b"\x02\x01\x01\x00\x00", "bolt"), (b"\x02\x02\x02\x00\x02", "bolt"), (b"\x02\x03", None),
    # others
    (b"\x00", None), (b"SSH-2.0-", None), (b"", 2), (b"\xff", None),
]  # fmt: skip


@pytest.mark.parametrize(("data", "answer"), BEGINNINGS)
def test_beginnings(data, answer):
    assert Detector([PROTOCOLS["dubbo"], PROTOCOLS["bolt"]], proxy=True).detect(data) == answer


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"\x80\x01\x00", "thrift_unframed"),
        (b"\x80\x02", None),
        (b"\x82\x21", "thrift_compact"),
        (b"\x82\x81", "thrift_compact"),
        (b"\x82\xa1", None),
        (b"\x82\x22", None),
        (b"\x00\x00\x00\x20\x80\x01\x00", "thrift"),
        (b"\x00\x00\x00\x20\x80\x02", None),
        (b"\x00\x00\x00\x20\x0f\xff" + bytes(8) + b"\x00", "theader"),
        (b"\x00\x00\x00\x20\x0f\xff" + bytes(8) + b"\x02", "theader"),
        (b"\x00\x00\x00\x20\x0f\xff" + bytes(8) + b"\x01", None),
        (b"\x00\x00\x00\x20\xda\xbc", "dubbothrift"),
        (b"\x00\x00\x00\x20\x10\x01", "tars"),
        (b"\x00\x00\x00\x20\x10\x03", "tars"),
        (b"\x00\x00\x00\x20\x10\x02", None),
        (b"\x00\xa0\x00\x01\x10", 6),
        (b"\x00\x00\x00\x20", 5),
        (b"\x00\x00\x00\x20e", "thrift_old"),
        (b"\x00\x00\x00\x207", None),
        (b"\x00\x00\x01\x00e", None),
    ],
)
def test_beginnings_behind_a_length(data, answer):
    assert Detector(list(FAMILY.values())).detect(data) == answer


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_known_by_the_space_behind_it(method):
    detector = Detector([PROTOCOLS["dubbo"]])
    assert detector.detect(f"{method} /".encode()) == "http1"
    assert isinstance(detector.detect(method.encode()), int)
    assert detector.detect(f"{method}\n".encode()) is None


def test_what_is_recognised_and_not_spoken_is_labelled():
    assert SPOKEN.labels == {"tls", "http1", "http2"} - set(PROTOCOLS)
    assert Detector([], proxy=True).labels == {"tls", "http1", "http2", "proxy1", "proxy2"}
    assert Detector([], proxy=True).names[:2] == ("proxy2", "proxy1")
    assert Detector([]).detect(b"PROXY ") is None


def test_a_declaration_takes_the_place_of_a_label():
    detector = Detector([register(text("http1"))])
    assert detector.labels == {"tls", "http2"}
    assert detector.detect(b"X") == "http1"


def test_a_stranger_never_takes_a_connection_from_a_declared_protocol():
    detector = Detector([register(text())])
    assert detector.detect(b"GET / HTTP/1.1\r\n") == detector.detect(PREFACE) == "text"


def test_a_higher_rank_that_may_still_come_is_waited_for():
    dubbo, bolt = PROTOCOLS["dubbo"], PROTOCOLS["bolt"]
    assert Detector([bolt, dubbo]).detect(b"\xda\xbb") == "dubbo"
    assert Detector([dubbo, bolt]).detect(b"\x01") == 4
    short, long = ((1 << 7,),), ((1 << 7, 1 << 8),)
    assert Judge(["long", "short"], [long, short]).detect(b"\x07") == 2
    assert Judge(["long", "short"], [long, short]).detect(b"\x07\x08") == "long"
    assert Judge(["long", "short"], [long, short]).detect(b"\x07\x09") == "short"
    assert Judge(["short", "long"], [short, long]).detect(b"\x07") == "short"


def test_one_form_that_fits_is_enough():
    assert Judge(["a"], [((1 << 7, 1 << 8), (1 << 7,))]).detect(b"\x07") == "a"


def test_no_forms_and_wrong_ones():
    assert Judge([], []).detect(b"") is None
    assert Judge(["a"], [()]).detect(b"x") is None
    assert Judge(["a"], [((),)]).detect(b"") == "a"
    with pytest.raises(ValueError):
        Judge(["a"], [])


# -- against a plain model --------------------------------------------------------------------------------------------


ANY = (1 << 256) - 1


def model(names, forms, data):
    """What the answer is, written down as the policy reads."""
    waited, until = [], []
    for name, cubes in zip(names, forms, strict=True):
        open_ = [cube for cube in cubes if all(allowed >> byte & 1 for allowed, byte in zip(cube, data, strict=False))]
        if any(len(cube) <= len(data) for cube in open_):
            return min(*waited, max(until)) if waited else name
        waited += [len(cube) for cube in open_]
        until += [next((at + 1 for at in range(len(data), len(cube)) if cube[at] != ANY), len(cube)) for cube in open_]
    return min(waited, default=None)


SETS = st.sampled_from([1 << 0, 1 << 1, 3, 6, (1 << 256) - 1, 1 << 255])
FORMS = st.lists(st.lists(st.lists(SETS, max_size=4).map(tuple), max_size=3), max_size=4)


@given(FORMS, st.lists(st.sampled_from([0, 1, 2, 255]), max_size=6).map(bytes))
def test_the_compiled_judge_agrees_with_the_model(forms, data):
    names = [str(index) for index in range(len(forms))]
    judge = Judge(names, forms)
    assert judge.detect(data) == model(names, forms, data)
    assert judge.longest == max((len(cube) for cubes in forms for cube in cubes), default=0)


ALL_FORMS = {each.protocol.name: each.cubes for each in EVERYONE}
ALL_FORMS = {**PROXIES, **ALL_FORMS, **{name: cubes for name, cubes in STRANGERS.items() if name not in ALL_FORMS}}
STARTS = [b"PROXY ", b"PROPFIND ", PREFACE, b"\x16\x03\x01\x02\x00", b"\r\n\r\n\0\r\nQUIT\n", b"\xda\xbb",
          b"\x02\x01\x01\x00\x00", b"\x00\x00\x00\x20\x80\x01\x00", b"\x00\x00\x00\x20\x0f\xff" + bytes(9), b"\x80\x01\x00",
          b"\x00\x00\x00\x20\x10\x03"]  # fmt: skip
INTERESTING = st.sampled_from([0, 1, 2, 3, 0x0F, 0x10, 0x16, 0x20, 0x41, 0x80, 0x82, 0xDA, 0xBB, 0xBC, 0xFF, *b"PROXGETI "])


@st.composite
def mutated(draw):
    data = bytearray(draw(st.sampled_from(STARTS)))
    for _ in range(draw(st.integers(0, 2))):
        data[draw(st.integers(0, len(data) - 1))] = draw(INTERESTING)
    return bytes(data[: draw(st.integers(0, len(data)))]) + draw(st.binary(max_size=3))


ANYTHING = st.one_of(mutated(), st.lists(INTERESTING, max_size=8).map(bytes), st.binary(max_size=28))


@given(ANYTHING)
def test_a_detector_of_everything_agrees_with_the_model(data):
    assert DETECTOR.names == tuple(ALL_FORMS)
    assert DETECTOR.detect(data) == model(ALL_FORMS, ALL_FORMS.values(), data)


@given(ANYTHING)
def test_the_answer_depends_on_the_bytes_alone(data):
    whole = DETECTOR.detect(data)
    for cut in range(len(data)):
        part = DETECTOR.detect(data[:cut])
        if not isinstance(part, int):
            assert part == whole
        else:
            assert part > cut


@given(ANYTHING, st.binary(min_size=64, max_size=64))
def test_no_wait_lasts_for_more_than_the_longest_signature(data, rest):
    assert not isinstance(DETECTOR.detect((data + rest)[: DETECTOR.longest]), int)


@given(ANYTHING, ANYTHING)
def test_what_is_needed_is_the_least_that_can_bring_a_name(data, rest):
    need = DETECTOR.detect(data)
    if isinstance(need, int):
        assert not isinstance(DETECTOR.detect((data + rest)[: need - 1]), str)
