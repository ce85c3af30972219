from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.reference import render_duration, render_size
from proxy.config.values import (
    WrongValueError,
    describe,
    is_loopback,
    parse_address,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1s", 1.0), ("250ms", 0.25), ("1.5", 1.5), (1.5, 1.5), (2, 2.0), ("1500us", 0.0015), ("2m", 120.0), ("1h", 3600.0)],
)
def test_durations(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "s", "1 s", "-1s", "1d", "1s\n", "٣s", True, None, -1, float("nan"), "9999h"])
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(WrongValueError, match=r"; write"):
        parse_duration(written)


def test_only_some_durations_may_be_zero() -> None:
    assert parse_duration(0, least=0.0) == 0
    with pytest.raises(WrongValueError, match=r"0\.001s"):
        parse_duration("0s")


@pytest.mark.parametrize(
    ("written", "size"),
    [("64KiB", 65536), ("1MB", 1000000), (4096, 4096), ("4096", 4096), ("1.5KiB", 1536), ("1GiB", 1 << 30), ("7B", 7)],
)
def test_sizes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "KiB", "1 KiB", "-1", "1kb", 1.5, True, None, 0, "0", "3GiB"])
def test_what_is_no_size(written: object) -> None:
    with pytest.raises(WrongValueError, match=r"; write"):
        parse_size(written)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("127.0.0.1:080", "127.0.0.1:80"),
        ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
        ("[2001:DB8::1]:443", "[2001:db8::1]:443"),
        ("unix:/run/a b.sock", "unix:/run/a b.sock"),
    ],
)
def test_addresses_become_canonical(written: str, canonical: str) -> None:
    assert parse_address(written) == canonical == parse_address(canonical)


def test_only_listeners_may_leave_the_port_to_the_kernel() -> None:
    assert parse_address("127.0.0.1:0", port_zero=True) == "127.0.0.1:0"
    with pytest.raises(WrongValueError, match="write 1 to 65535"):
        parse_address("127.0.0.1:0")


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.from_regex(r"[\[\]:.0-9a-f%]+")))
def test_nothing_else_is_ever_raised(value: object) -> None:
    for parse in (parse_duration, parse_size, parse_address):
        try:
            parse(value)
        except WrongValueError as error:
            told = str(error)
        else:
            told = ";"
        assert ";" in told


@given(st.ip_addresses(), st.integers(1, 65535))
def test_every_ip_and_port_is_an_address(ip: object, port: int) -> None:
    text = f"[{ip}]:{port}" if ":" in str(ip) else f"{ip}:{port}"
    assert parse_address(text) == text


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:1", True), ("127.9.9.9:1", True), ("[::1]:1", True), ("unix:/x", True), ("10.0.0.1:1", False),
     ("0.0.0.0:1", False), ("[::]:1", False)],
)  # fmt: skip
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_values_in_messages_stay_short() -> None:
    assert describe("x" * 100) == "'" + "x" * 55 + "...'"
    assert [describe(v) for v in ({}, [], None, False, 3)] == [
        "a mapping", "a list", "nothing", "false (true or false)", "the number 3"]  # fmt: skip


def test_defaults_are_shown_as_a_person_would_write_them() -> None:
    assert [render_duration(s) for s in (0.0, 0.1, 1.0, 90.0)] == ["0s", "100ms", "1s", "90s"]
    assert [render_size(s) for s in (4 << 20, 65536, 1 << 30, 1000)] == ["4MiB", "64KiB", "1GiB", "1000"]
    assert all(parse_size(render_size(s)) == s for s in (4 << 20, 65536, 1 << 30, 1000))
