"""The two messages of gRPC's health checking protocol, held against the package that gRPC's own servers use."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2
from hypothesis import given
from hypothesis import strategies as st

from proxy.health.grpc import judge, judge_head, request
from proxy.health.verdict import Verdict

SERVING = health_pb2.HealthCheckResponse(status=1).SerializeToString()
MALFORMED = Verdict("malformed", "not a HealthCheckResponse")


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def message_of(text: bytes) -> bytes:
    """The message in a request's one chunk."""
    size, _, rest = text.partition(b"\r\n\r\n")[2].partition(b"\r\n")
    body, end = rest[: int(size, 16)], rest[int(size, 16) :]
    assert end == b"\r\n0\r\n\r\n"
    assert body[:5] == b"\0" + (len(body) - 5).to_bytes(4, "big")
    return body[5:]


@given(st.text(max_size=200))
def test_the_request_is_what_protobuf_writes(service: str) -> None:
    wanted = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    assert message_of(request(service, "h", 1.0)) == wanted


@pytest.mark.parametrize(("timeout", "said"), [(1.0, "1000"), (0.0004, "1"), (0.25, "250"), (604_800.0, "99999999")])
def test_the_server_is_told_how_long(timeout: float, said: str) -> None:
    assert f"\r\ngrpc-timeout: {said}m\r\n".encode() in request("", "h:80", timeout)


def test_the_head() -> None:
    assert request("", "h:80", 1.0).startswith(b"POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: h:80\r\n")


@pytest.mark.parametrize(("number", "name"), [pair[::-1] for pair in health_pb2.HealthCheckResponse.ServingStatus.items()])
def test_the_statuses_are_those_of_the_protocol(number: int, name: str) -> None:
    body = framed(health_pb2.HealthCheckResponse(status=number).SerializeToString())
    assert judge(0, body) == (Verdict("passed") if name == "SERVING" else Verdict("unhealthy", name))


def test_a_status_that_is_not_known() -> None:
    assert judge(0, framed(b"\x08\x2a")) == Verdict("unhealthy", "status 42")


@pytest.mark.parametrize(
    "message",
    [
        b"\x08\x03\x08\x01",
        b"\x12\x02hi\x08\x01",
        b"\x08\x01\x10\x80\x01",
        b"\x11" + bytes(8) + b"\x08\x01\x15" + bytes(4),
        b"\x08\x81\x00",
    ],
    ids=["the last one counts", "text", "a number", "fixed ones", "a long number"],
)
def test_fields_that_are_not_known_are_passed_over(message: bytes) -> None:
    assert judge(0, framed(message)) == Verdict("passed")


@pytest.mark.parametrize(
    "message",
    [b"\x08", b"\x08\x80", b"\x0a\x01\x01", b"\x12\x05hi", b"\x0b", b"\x11\0", b"\x08" + b"\x80" * 11, b"\x00\x01", b"\x07"],
)
def test_a_message_that_is_none(message: bytes) -> None:
    assert judge(0, framed(message)) == MALFORMED


@pytest.mark.parametrize(
    "body", [b"", framed(SERVING)[:-1], framed(SERVING) + b"\0", b"\1" + framed(SERVING)[1:], framed(SERVING) * 2]
)
def test_a_body_that_is_not_one_message(body: bytes) -> None:
    assert judge(0, body) == Verdict("malformed", "not one message, or a compressed one")


@given(st.binary(max_size=40))
def test_nothing_else_passes(message: bytes) -> None:
    try:
        status = health_pb2.HealthCheckResponse.FromString(message).status
    except Exception:  # noqa: BLE001
        status = 0
    if judge(0, framed(message)).passed:
        assert status == 1


@pytest.mark.parametrize("status", range(1, 17))
def test_a_status_of_grpc_that_is_not_ok(status: int) -> None:
    verdict = judge(status, framed(SERVING))
    assert verdict.outcome == "unhealthy"
    assert verdict.reason.split(":")[0] == list(grpc.StatusCode)[status].name


@pytest.mark.parametrize(
    ("media", "is_grpc"),
    [
        (b"application/grpc", True),
        (b"application/grpc+proto", True),
        (b"Application/gRPC; charset=x", True),
        (b"application/grpc-web", False),
        (b"text/html", False),
        (b"", False),
    ],
)
def test_content_types(media: bytes, is_grpc: bool) -> None:
    assert (judge_head(200, media) is None) is is_grpc
