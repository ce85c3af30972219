"""gRPC's health checking protocol: one call of `grpc.health.v1.Health/Check`, as text, and what its answer says.

Source of the format: grpc/doc/health-checking.md and health/v1/health.proto of gRPC. Both messages have one field:
`HealthCheckRequest{string service = 1}`, `HealthCheckResponse{ServingStatus status = 1}`. In front of a message stand a byte
that says whether it is compressed, and its length in 4 bytes.

What always holds: only SERVING passes; what cannot be read is never taken for an answer.
"""

from __future__ import annotations

from proxy.health.verdict import Verdict
from proxy.observe.counters import GRPC_STATUSES

PATH = "/grpc.health.v1.Health/Check"
AGENT = "xproto/health"
"""So that servers can tell checks from calls in their logs."""
MAX_ANSWER = 256
"""Bytes of an answer's body: it has 7, and fields that are not known yet may come."""
MAX_MILLISECONDS = 99_999_999
"""`grpc-timeout` has 8 digits."""

_PREFIX = 5
_SERVING = 1
_MEANING = {
    "UNIMPLEMENTED": "it has no service grpc.health.v1.Health",
    "NOT_FOUND": "it does not know the service that is asked for",
}
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")


def request(service: str, authority: str, timeout: float) -> bytes:
    """The whole call, head and message. `timeout`: seconds, which the server is told."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    body = b"\0" + len(message).to_bytes(4, "big") + message
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/grpc\r\nuser-agent: {AGENT}\r\n"
        f"grpc-timeout: {min(max(1, round(timeout * 1000)), MAX_MILLISECONDS)}m\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def judge_head(status: int, media: bytes) -> Verdict | None:
    """Of the answer's head: the status of HTTP and the content type. None: gRPC goes on to say what it is."""
    kind = media.split(b";")[0].strip().lower()
    if kind == b"application/grpc" or kind.startswith(b"application/grpc+"):
        return None
    return Verdict("unhealthy", f"HTTP status {status}, and no answer of gRPC")


def judge(grpc_status: int, body: bytes) -> Verdict:
    """Of the whole answer: its `grpc-status` (-1: none, or none that is known) and all of its body."""
    if grpc_status < 0:
        return Verdict("malformed", "an answer without a status")
    if grpc_status:
        name = GRPC_STATUSES[grpc_status].upper()
        return Verdict("unhealthy", f"{name}: {_MEANING[name]}" if name in _MEANING else name)
    if len(body) < _PREFIX or body[0] or int.from_bytes(body[1:_PREFIX], "big") != len(body) - _PREFIX:
        return Verdict("malformed", "not one message, or a compressed one")
    try:
        status = _status_in(body[_PREFIX:])
    except ValueError:
        return Verdict("malformed", "not a HealthCheckResponse")
    if status == _SERVING:
        return Verdict("passed")
    return Verdict("unhealthy", _STATUSES[status] if 0 <= status < len(_STATUSES) else f"status {status}")


def _status_in(message: bytes) -> int:
    """The value of field 1; fields that are not known are passed over. Raises `ValueError`."""
    status = at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0 and number:
            value, at = _read_varint(message, at)
            if number == 1:
                status = value
            continue
        if number <= 1 or kind not in (1, 2, 5):
            raise ValueError(f"field {number} of kind {kind}")
        size, at = _read_varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        at += size
        if at > len(message):
            raise ValueError("a field is cut off")
    return status


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number, and where it ends. Raises `ValueError`."""
    number = 0
    for place in range(10):
        if at + place >= len(data):
            break
        number |= (data[at + place] & 0x7F) << 7 * place
        if data[at + place] < 0x80:
            return number, at + place + 1
    raise ValueError("a number is cut off")
