"""gRPC frame by frame: which streams are its own, and what our own answers are on the wire."""

from __future__ import annotations

import pytest

from tests.grpc.conftest import Proxy
from tests.grpc.server import Server
from tests.grpc.wire import Wire


def test_a_local_reply_is_one_frame(wire: Wire) -> None:
    answer = wire.ask("/test.Unknown/Say")
    assert answer.frames == [("HeadersFrame", {"END_HEADERS", "END_STREAM"})]
    assert answer.fields == [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "12"),
        ("grpc-message", "xproto: no route matches this call"),
    ]


def test_a_server_s_own_trailers_only_is_one_frame(wire: Wire) -> None:
    """grpcio's server says of a method that there is not in one frame."""
    answer = wire.ask("/test.Echo/Nothing")
    assert answer.frames == [("HeadersFrame", {"END_HEADERS", "END_STREAM"})]
    fields = dict(answer.fields)
    assert (fields["grpc-status"], "content-length" in fields) == ("12", False)


@pytest.mark.parametrize(
    ("media", "protocol"),
    [
        ("application/grpc", "grpc"),
        ("application/grpc+proto", "grpc"),
        ("Application/GRPC; charset=x", "grpc"),
        ("application/grpc-web", "http2"),
        ("application/grpcx", "http2"),
        ("text/plain", "http2"),
    ],
)
def test_which_streams_are_its_own(proxy: Proxy, wire: Wire, media: str, protocol: str) -> None:
    """On one connection."""
    assert dict(wire.ask("/test.Unknown/Say").fields)["grpc-status"] == "12"
    before = proxy.count("local_replies_total", protocol=protocol, fault="no_route")
    status = dict(wire.ask("/nothing", media=media).fields)[":status"]
    assert status == ("200" if protocol == "grpc" or media.startswith("application/grpc-web") else "404")
    assert proxy.count("local_replies_total", protocol=protocol, fault="no_route") == before + 1


@pytest.mark.parametrize("value", ["1", "S", "123456789S", "-1S", "1s", "1 S", "1S1S", "", "+1S"])
def test_a_timeout_that_is_none(wire: Wire, value: str) -> None:
    fields = dict(wire.ask("/test.Echo/Say", ("grpc-timeout", value)).fields)
    assert (fields["grpc-status"], fields["grpc-message"]) == ("13", "xproto: the request cannot be read")


@pytest.mark.parametrize(
    ("value", "seconds"), [("99999999H", None), ("1H", 3600), ("2M", 120), ("00000009S", 9), ("9000m", 9), ("9000000u", 9)]
)
def test_units(wire: Wire, echo: Server, value: str, seconds: int | None) -> None:
    assert dict(wire.ask("/test.Echo/Say", ("grpc-timeout", value)).fields)["grpc-status"] == "0"
    if seconds is not None:
        assert echo.left is not None
        assert seconds - 5 < echo.left < seconds + 0.1


@pytest.mark.parametrize("value", ["0S", "1n", "10m", "0H"])
def test_a_time_that_is_over(wire: Wire, echo: Server, value: str) -> None:
    echo.forget()
    assert dict(wire.ask("/test.Echo/Wait", ("grpc-timeout", value)).fields)["grpc-status"] == "4"
