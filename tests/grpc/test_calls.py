"""grpcio's client and server with the proxy between them."""

from __future__ import annotations

import time
from typing import Any

import grpc
import pytest

from tests.grpc.conftest import Proxy
from tests.grpc.server import PATIENCE, Server

SOON = 0.1
"""Seconds within which a server hears that a call was cancelled."""


def status_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    return code


@pytest.mark.parametrize("size", [0, 1, 70_000, 16 << 20])
def test_unary(proxy: Proxy, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert proxy.unary("/test.Echo/Say")(data, timeout=PATIENCE) == data


def test_streams(proxy: Proxy) -> None:
    words = [b"a" * 10, b"", b"b" * 100_000]
    assert list(proxy.channel.unary_stream("/test.Echo/Split")(b"abc", timeout=PATIENCE)) == [b"a", b"b", b"c"]
    assert proxy.channel.stream_unary("/test.Echo/Join")(iter(words), timeout=PATIENCE) == b"".join(words)
    assert list(proxy.channel.stream_stream("/test.Echo/Chat")(iter(words), timeout=PATIENCE)) == words


def test_metadata(proxy: Proxy, echo: Server) -> None:
    sent = (("x-text", "a, b"), ("x-bytes-bin", b"\0\xff\x80"), ("t-end-bin", b"\1\2"), ("t-end", "last"))
    _, call = proxy.unary("/test.Echo/Say").with_call(b"", metadata=sent, timeout=PATIENCE)
    assert {key: echo.metadata.get(key) for key, _ in sent} == dict(sent)
    assert dict(call.trailing_metadata()).items() >= {("t-end-bin", b"\1\2"), ("t-end", "last")}


@pytest.mark.parametrize(
    ("path", "metadata", "server"),
    [
        ("/test.Echo/Say", (), "echo"),
        ("/test.Other/Say", (), "other"),
        ("/test.Echo/Say", (("service", "test.Other"),), "echo"),
        ("/test.Echo/Say", (("tri-service-version", "2.0"), ("tri-service-group", "blue")), "other"),
        ("/test.Echo/Say", (("tri-service-version", "2.0"),), "echo"),
    ],
)
def test_routes(proxy: Proxy, path: str, metadata: Any, server: str) -> None:
    _, call = proxy.unary(path).with_call(b"", metadata=metadata, timeout=PATIENCE)
    assert dict(call.initial_metadata())["x-server"] == server


def test_a_route_by_method(proxy: Proxy) -> None:
    before = proxy.count("grpc_status_total", cluster="other", status="ok")
    assert list(proxy.channel.unary_stream("/test.Echo/Split")(b"ab", timeout=PATIENCE)) == [b"a", b"b"]
    assert proxy.count("grpc_status_total", cluster="other", status="ok") == before + 1


@pytest.mark.parametrize("code", ["NOT_FOUND", "INTERNAL", "UNAUTHENTICATED"])
def test_what_a_server_says_is_counted_and_logged(proxy: Proxy, code: str) -> None:
    before = proxy.count("grpc_status_total", cluster="echo", status=code.lower())
    with pytest.raises(grpc.RpcError) as caught:
        proxy.unary("/test.Echo/Fail")(code.encode(), timeout=PATIENCE)
    wanted = grpc.StatusCode[code]
    assert (caught.value.code(), caught.value.details()) == (wanted, "100 %, \u00e9\nand more")
    assert proxy.count("grpc_status_total", cluster="echo", status=code.lower()) == before + 1
    (line,) = proxy.lines(method="Fail", grpc_status=wanted.value[0])
    assert (line["protocol"], line["service"], line["path"], line["flags"]) == ("grpc", "test.Echo", "/test.Echo/Fail", "-")


def test_calls_have_their_own_label(proxy: Proxy) -> None:
    before = [proxy.count("calls_total", protocol=name) for name in ("grpc", "http2")]
    proxy.unary("/test.Echo/Say")(b"", timeout=PATIENCE)
    assert [proxy.count("calls_total", protocol=name) for name in ("grpc", "http2")] == [before[0] + 1, before[1]]
    assert proxy.lines(method="Say", protocol="grpc", grpc_status=0)


# -- deadlines -----------------------------------------------------------------------------------------------------------


def test_a_deadline_goes_on(proxy: Proxy, echo: Server) -> None:
    proxy.unary("/test.Echo/Say")(b"", timeout=7.0)
    assert echo.left is not None
    assert 5.0 < echo.left < 7.1
    proxy.unary("/test.Echo/Say")(b"", timeout=200_000.0)
    assert 199_900 < echo.left < 201_000, "grpcio rounds up"
    proxy.unary("/test.Echo/Say")(b"")
    assert echo.left is None or echo.left > 10**8, "none is made up on the way"


@pytest.mark.parametrize("method", ["Wait", "Begin"])
def test_a_deadline_that_passes(proxy: Proxy, echo: Server, method: str) -> None:
    """The client is told, and the server that nobody waits."""
    echo.forget()
    kind = proxy.channel.unary_unary if method == "Wait" else proxy.channel.unary_stream
    assert status_of(lambda: list(kind(f"/test.Echo/{method}")(b"x", timeout=0.4))) == grpc.StatusCode.DEADLINE_EXCEEDED
    assert echo.gone.wait(PATIENCE)


@pytest.mark.parametrize(("method", "logged"), [("Wait", "timeout"), ("Begin", "timeout")])
def test_a_route_s_timeout_that_passes(proxy: Proxy, echo: Server, method: str, logged: str) -> None:
    """The client does not know of it: what it is told is the proxy's, in the midst of an answer too."""
    echo.forget()
    kind = proxy.channel.unary_unary if method == "Wait" else proxy.channel.unary_stream
    call = kind(f"/test.Hasty/{method}")
    with pytest.raises(grpc.RpcError) as caught:
        list(call(b"x", timeout=PATIENCE))
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.DEADLINE_EXCEEDED, "xproto: the server did not answer in time")  # fmt: skip
    assert echo.gone.wait(PATIENCE)
    assert proxy.lines(service="test.Hasty", method=method)[0]["fault"] == logged


def test_a_deadline_counts_in_total(proxy: Proxy) -> None:
    """Whatever moves meanwhile. A route's counts from the last message."""

    def often(seconds: float) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield b"x"
            time.sleep(0.05)

    assert len(list(proxy.channel.stream_stream("/test.Hasty/Chat")(often(0.8), timeout=PATIENCE))) > 5
    chat = proxy.channel.stream_stream("/test.Echo/Chat")
    assert status_of(lambda: list(chat(often(2.0), timeout=0.5))) == grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("method", ["Wait", "Begin"])
def test_a_cancelled_call_is_cancelled_upstream(proxy: Proxy, echo: Server, method: str) -> None:
    echo.forget()
    if method == "Wait":
        call = proxy.unary("/test.Echo/Wait").future(b"", timeout=PATIENCE)
    else:
        call = proxy.channel.unary_stream("/test.Echo/Begin")(b"x", timeout=PATIENCE)
        assert next(call) == b"x"
    assert echo.began.wait(PATIENCE)
    at = time.monotonic()
    call.cancel()
    assert echo.gone.wait(PATIENCE)
    assert echo.gone_at - at < SOON


# -- what the proxy says itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "code", "fault"),
    [
        ("test.Unknown", grpc.StatusCode.UNIMPLEMENTED, "no_route"),
        ("test.Empty", grpc.StatusCode.UNAVAILABLE, "no_host"),
        ("test.Nowhere", grpc.StatusCode.UNAVAILABLE, "connect"),
    ],
)
def test_local_replies(proxy: Proxy, service: str, code: grpc.StatusCode, fault: str) -> None:
    before = proxy.count("local_replies_total", protocol="grpc", fault=fault)
    assert status_of(lambda: proxy.unary(f"/{service}/Say")(b"", timeout=PATIENCE)) == code
    assert proxy.count("local_replies_total", protocol="grpc", fault=fault) == before + 1
    assert proxy.lines(service=service, fault=fault)


def test_too_many_calls(proxy: Proxy, echo: Server) -> None:
    """One is under way, one waits, and the third is refused."""
    echo.forget()
    first = proxy.unary("/test.Busy/Wait").future(b"", timeout=PATIENCE)
    assert echo.began.wait(PATIENCE)
    second = proxy.unary("/test.Busy/Say").future(b"second", timeout=PATIENCE)
    while proxy.count("upstream_pending", cluster="busy") != 1:
        time.sleep(0.02)
    code = status_of(lambda: proxy.unary("/test.Busy/Say")(b"", timeout=PATIENCE))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    first.cancel()
    assert second.result(PATIENCE) == b"second"


def test_a_server_that_ends_before_it_answers(proxy: Proxy) -> None:
    before = proxy.count("local_replies_total", protocol="grpc", fault="closed")
    assert status_of(lambda: proxy.unary("/test.Quitter/Say")(b"", timeout=PATIENCE)) == grpc.StatusCode.UNAVAILABLE
    assert proxy.count("local_replies_total", protocol="grpc", fault="closed") == before + 1


def test_a_server_that_ends_within_its_answer(proxy: Proxy) -> None:
    """What is whole arrives; that the rest is missing the client is told as well."""
    call = proxy.channel.unary_stream("/test.Quitter/Late")(b"", timeout=PATIENCE)
    assert next(call) == b"a whole 1"
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert proxy.lines(service="test.Quitter", method="Late", fault="closed")
