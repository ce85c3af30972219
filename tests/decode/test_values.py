"""Bodies by their IDL, and by Hessian2: recorded calls give the values that were sent, and lies give a reason."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import pairs, recorded
from tape import Talk, Tape

from xproto.decode.hessian_values import HessianValues, read_values
from xproto.decode.thrift_values import ThriftValues, struct
from xproto.decode.values import NotReadError, OptionError
from xproto.wire.hessian import encode_map, encode_value

METHODS = """
    Every {0}every(1: Every value)
    string {0}echo(1: string text)
    i32 {0}add(1: i32 a, 2: i32 b)
    string {0}fail() throws (1: Refused refused)
    oneway void {0}note(1: string text)
"""
TYPES = """
enum Colour {{ RED = 1, BLUE = 4 }}
exception Refused {{ 1: string why, 2: i32 code }}
struct Inner {{ 1: string name, 2: list<bool> flags }}
struct Every {{
    1: bool yes, 2: bool no, 3: byte tiny, 4: i16 small, 5: i32 number, 6: i64 large, 7: double real, 8: string text,
    9: binary data, 10: list<bool> flags, 11: set<i32> numbers, 12: list<string> texts, 13: map<i32, i64> empty,
    14: Inner inner, 15: map<string, list<Inner>> by_name, 16: list<Inner> inners, 1000: i32 far
}}
"""
FORMS = ["thrift", "thrift-compact", "thrift-old", "thrift-unframed", "thrift-unframed-old", "thrift-unframed-compact",
         "thrift-header", "thrift-header-compact"]  # fmt: skip


@pytest.fixture(scope="module")
def idl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The peers' service, under every prefix that they gave to its methods."""
    names = {each.expected.get("method") or "" for form in FORMS for each in recorded(form).values()}
    prefixes = sorted({name.rpartition("__")[0] + "__" if "__" in name else "" for name in names})
    path = tmp_path_factory.mktemp("idl") / "echo.thrift"
    path.write_text(TYPES.format() + "service Echo {" + "".join(map(METHODS.format, prefixes)) + "}\n")
    return path


def decoded(decode: Any, form: str, *readers: Any) -> list[Any]:
    tape = Tape()
    for number, (request, answer) in enumerate(pairs(form)):
        talk = Talk(tape, client=("10.0.0.1", 10_000 + number)).open()
        talk.send(0, request.data).send(1, answer.data).close()
    calls, problems = decode(tape.pcap(), form, values=readers)
    assert not problems
    return calls


@pytest.mark.parametrize("form", FORMS)
def test_arguments_and_results_of_every_form(decode: Any, idl: Path, form: str) -> None:
    seen = set()
    for call in decoded(decode, form, ThriftValues(str(idl))):
        method = call.request.method.rpartition("__")[2]
        asked, told = call.request.values, call.answers[0].values
        seen.add(method)
        if method == "missing":
            assert call.request.unread.startswith("the IDL has no method")
            assert "exception" in told
            continue
        assert (call.request.unread, call.answers[0].unread) == ("", "")
        if method == "echo":
            assert told == {"result": asked["text"]}
            assert asked["text"]
        elif method == "add":
            assert told == {"result": asked["a"] + asked["b"]}
        elif method == "fail":
            assert (asked, told) == ({}, {"exception": {"refused": {"why": "no", "code": 7}}})
        elif method == "every":
            assert told["result"] == asked["value"]
            assert asked["value"]["inner"]["flags"] == asked["value"]["inners"][0]["flags"]
            assert bytes.fromhex(asked["value"]["data"]["hex"])
    assert {"echo", "add", "fail", "missing", "every"} <= seen


def test_an_enum_and_a_method_of_several_services(tmp_path: Path, decode: Any) -> None:
    path = tmp_path / "two.thrift"
    services = "service One { void paint(1: Colour colour) }\nservice Two { void paint(1: i32 n) }\n"
    path.write_text("enum Colour { RED = 1 }\n" + services)
    frame = b"\x80\x01\x00\x01\x00\x00\x00\x05paint\x00\x00\x00\x07\x08\x00\x01\x00\x00\x00\x01\x00"
    named = frame.replace(b"\x00\x00\x00\x05paint", b"\x00\x00\x00\x09Two:paint")

    def request(data: bytes, service: str | None = None) -> Any:
        return decode(data, "thrift-unframed", values=[ThriftValues(str(path), service)])[0][0].request

    assert request(frame, "One").values == {"colour": "RED"}
    assert request(named).values == {"n": 1}
    assert request(frame).unread == "'paint' is a method of One, Two: say --service"


@pytest.mark.parametrize(
    ("text", "service", "why"),
    [
        ("struct S {", None, "cannot|Unexpected|EOF|ThriftParserError"),
        ("struct S { 1: i32 a }", None, "declares no service"),
        ("service A { void a() }", "B", "declares no service B; there are: A"),
    ],
)
def test_an_idl_that_cannot_be_used(tmp_path: Path, text: str, service: str | None, why: str) -> None:
    path = tmp_path / f"bad{abs(hash(text))}.thrift"
    path.write_text(text)
    with pytest.raises(OptionError, match=why):
        ThriftValues(str(path), service)
    with pytest.raises(OptionError):
        ThriftValues(str(tmp_path / "not_there.thrift"))


class Nothing:
    """A struct without fields."""

    thrift_spec: dict[int, Any] = {}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x0f\x00\x01\x01\x7f\xff\xff\xff\x00", "no such types"),  # two billion voids, which take no byte each
        (b"\x0f\x00\x01\x0c" + b"\x7f\xff\xff\xff" + b"\x00", "no struct"),
        (b"\x0c\x00\x01" * 70 + bytes(71), "too deep"),
        (b"\x00more", "4 bytes are left over"),
        (b"\x08\x00\x01", "no struct"),
    ],
)
def test_structs_that_lie(data: bytes, why: str) -> None:
    with pytest.raises(NotReadError, match=why):
        struct(Nothing(), data, compact=False)


def test_calls_of_dubbo(decode: Any) -> None:
    by_name = {call.request.cut.data: call for call in decoded(decode, "dubbo", HessianValues())}
    known = recorded("dubbo")

    def values(name: str) -> Any:
        call = by_name[known[f"java-{name}-request"].data]
        assert (call.request.unread, call.answers[0].unread) == ("", "")
        return call.request.values["arguments"], call.answers[0].values

    assert values("add")[1]["result"] == sum(values("add")[0])
    assert values("echo-emoji")[0] == [values("echo-emoji")[1]["result"]]
    assert values("any-person")[0][0]["class"] == "com.test.Person"
    assert values("any-person")[0][0]["born"] == "1998-05-08T09:51:31Z"
    assert values("any-cycle")[0] == [{"self": "(the object that this is in)"}]
    assert values("fail-declared")[1]["exception"]["class"] == "com.test.EchoException"
    assert values("nothing")[1]["result"] is None
    assert values("bytes-chunked")[0][0]["hex"]
    assert by_name[known["java-echo-request"].data].request.values["attachments"]["path"] == "com.test.EchoService"
    assert all(not call.request.unread and not call.answers[0].unread for call in by_name.values())


def test_contents_of_bolt(decode: Any) -> None:
    """A plain string is alike in both; an object is not, and SOFARPC's is the draft."""
    plain, answer = (recorded("bolt")[f"java-plain-string-{end}"] for end in ("request", "response"))
    calls, _ = decode(plain.data, "bolt", values=[HessianValues()])
    assert calls[0].request.values == {"content": "hello"}
    calls, _ = decode(recorded("bolt")["sofarpc-echo-request"].data, "bolt", values=[HessianValues()])
    assert calls[0].request.values is None
    assert calls[0].request.unread.endswith("SOFARPC's codec 1 is a draft of Hessian 2")
    assert answer.kind == "response"


@pytest.mark.parametrize("size", [31, 32, 1023, 1024, 40_000])
def test_texts_of_every_length_keep_all_their_characters(size: int) -> None:
    text = ("az{|}~é漢😀\x7f" * size)[:size]
    assert read_values(encode_value(text), 1) == [text]


def test_references_are_counted_as_java_counts_them() -> None:
    """An empty list is one of the values that may be referred to, and so is a map with an empty map as its key."""
    data = b"\x7b" + b"\x78" + encode_map([("a", 1)]) + b"\x51\x92"
    assert read_values(data, 1) == [[[], {"a": 1}, {"a": 1}]]
    assert read_values(b"H" + b"HZ" + b"\x91" + b"\x01a\x92" + b"Z", 1) == [{"{}": 1, "a": 2}]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x51\x95", "IndexError"),
        (b"\x60", "no Hessian2 value"),
        (b"\x79" * 5_000 + b"\x90", "nested too deeply"),
        (b"\x05hell", "runs past the end"),
        (b"\x90\x90", "1 bytes are left over"),
        (b"J" + b"\x7f" * 8, "at offset 0"),
        (b"\x59", "runs past"),
    ],
)
def test_hessian_that_lies(data: bytes, why: str) -> None:
    with pytest.raises(NotReadError, match=why):
        read_values(data, 1)


def test_few_bytes_that_stand_for_many_values() -> None:
    """Thirty lists, each of which holds the one before it twice."""
    twice = [b"\x7aQ" + bytes((0x90 + n,)) + b"Q" + bytes((0x90 + n,)) for n in range(1, 31)]
    data = b"X\xc8\x1f" + b"\x7a\x90\x90" + b"".join(twice)
    with pytest.raises(NotReadError, match="more than 100000 values"):
        read_values(data, 1)


@given(st.binary(max_size=60))
def test_any_bytes_are_values_or_a_reason(data: bytes) -> None:
    with contextlib.suppress(NotReadError):
        read_values(data, 1, rest=True)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_a_struct_or_a_reason(data: bytes, compact: bool) -> None:
    with contextlib.suppress(NotReadError):
        struct(Nothing(), data, compact=compact)
