"""grpcio's client of test.Echo (see grpc_server.py), one channel for each target.

Every command names its `target`, and for TLS the file of an authority, `ca`. A call that fails says its `code`, its
`message`, the hex of its `details`, and how many ms it `took`.

- `say`: {"size" | "text", "metadata": {}, "binary": {key: hex}, "gzip", "timeout": ms}
- `split` and `chat`: {"count", "size"}; `join` the same; `fail` and `fail_late`: {"code", "message", "details"}; `missing` there is not
- `hold`: {"name", "method": "Wait" | "Hang", "timeout"} begins a call and goes on; `end`: {"name"} how it failed;
  `cancel`: {"name"} cancels it, and says at which monotonic time in ns.
- `burst`: {"count"} calls at once, each with a message of its own.
"""

from __future__ import annotations

import hashlib
import json
import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from lines import serve

PATIENCE_S = 30.0
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0))
CHANNELS: dict[str, grpc.Channel] = {}
HELD: dict[str, Any] = {}


def channel(args: dict[str, Any]) -> grpc.Channel:
    target, authority = args["target"], args.get("ca")
    if target not in CHANNELS:
        if authority:
            trust = grpc.ssl_channel_credentials(Path(authority).read_bytes())
            CHANNELS[target] = grpc.secure_channel(target, trust, OPTIONS)
        else:
            CHANNELS[target] = grpc.insecure_channel(target, OPTIONS)
    return CHANNELS[target]


def failure(error: grpc.RpcError) -> dict[str, Any]:
    details = [value.hex() for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"]
    return {"ok": False, "code": error.code().name, "message": error.details(), "details": "".join(details)}


def told(metadata: Any) -> dict[str, str]:
    """As text, binary values as hex."""
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in metadata}


def payload(args: dict[str, Any]) -> bytes:
    """Of that size, and of no pattern that gzip could find unless it is to be used."""
    if "text" in args:
        return args["text"].encode()
    return b"z" * args["size"] if args.get("gzip") else hashlib.shake_128(b"payload").digest(args["size"])


def timeout(args: dict[str, Any]) -> float:
    return args["timeout"] / 1000 if "timeout" in args else PATIENCE_S


def say(args: dict[str, Any]) -> dict[str, Any]:
    message = payload(args)
    metadata = [*args.get("metadata", {}).items()]
    metadata += [(key, bytes.fromhex(value)) for key, value in args.get("binary", {}).items()]
    how = grpc.Compression.Gzip if args.get("gzip") else None
    method = channel(args).unary_unary("/test.Echo/Say")
    answer, call = method.with_call(message, timeout(args), metadata, compression=how)
    ends = {"initial": told(call.initial_metadata()), "trailing": told(call.trailing_metadata())}
    return {"ok": True, "same": answer == message, "length": len(answer), **ends}


def split(args: dict[str, Any]) -> dict[str, Any]:
    asked = json.dumps({"count": args["count"], "size": args["size"]}).encode()
    answers = [*channel(args).unary_stream("/test.Echo/Split")(asked, PATIENCE_S)]
    return {"ok": True, "same": answers == [bytes([index % 256]) * args["size"] for index in range(args["count"])]}


def join(args: dict[str, Any]) -> dict[str, Any]:
    messages = (bytes(args["size"]) for _ in range(args["count"]))
    return {"ok": True, **json.loads(channel(args).stream_unary("/test.Echo/Join")(messages, PATIENCE_S))}


def chat(args: dict[str, Any]) -> dict[str, Any]:
    """The next message is sent when the one before has come back."""
    outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    answers = channel(args).stream_stream("/test.Echo/Chat")(iter(outgoing.get, None), PATIENCE_S)
    same = True
    for index in range(args["count"]):
        message = bytes([index % 256]) * args["size"]
        outgoing.put(message)
        same = same and next(answers) == message
    outgoing.put(None)
    return {"ok": True, "same": same, "more": len([*answers])}


def fail(args: dict[str, Any]) -> dict[str, Any]:
    channel(args).unary_unary("/test.Echo/Fail")(json.dumps(args).encode(), PATIENCE_S)
    return {"ok": True}


def missing(args: dict[str, Any]) -> dict[str, Any]:
    channel(args).unary_unary("/test.Echo/Missing")(b"", PATIENCE_S)
    return {"ok": True}


def fail_late(args: dict[str, Any]) -> dict[str, Any]:
    answers = channel(args).unary_stream("/test.Echo/FailLate")(json.dumps(args).encode(), PATIENCE_S)
    if next(answers) != b"first":
        return {"ok": True, "first": "another"}
    return {"ok": True, "second": next(answers).decode()}


def hold(args: dict[str, Any]) -> dict[str, Any]:
    name, path = args["name"], f"/test.Echo/{args['method']}"
    if args["method"] == "Wait":
        HELD[name] = channel(args).unary_unary(path).future(name.encode(), timeout(args))
    else:
        HELD[name] = channel(args).unary_stream(path)(name.encode(), timeout(args))
        next(HELD[name])
    return {"ok": True}


def end(args: dict[str, Any]) -> dict[str, Any]:
    """Raises what the call failed with."""
    call = HELD.pop(args["name"])
    result = call.result() if hasattr(call, "result") else next(call)
    return {"ok": True, "result": result.decode()}


def cancel(args: dict[str, Any]) -> dict[str, Any]:
    call, at = HELD[args["name"]], time.monotonic_ns()
    call.cancel()
    return {"ok": True, "at": at}


def burst(args: dict[str, Any]) -> dict[str, Any]:
    method = channel(args).unary_unary("/test.Echo/Say")
    messages = [f"message {index} ".encode() * (index % 50) for index in range(args["count"])]
    calls = [method.future(message, PATIENCE_S) for message in messages]
    right = sum(call.result() == message for call, message in zip(calls, messages, strict=True))
    return {"ok": right == args["count"], "right": right}


def judged(command: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Says how long it took, and how a call failed that did."""

    def timed(args: dict[str, Any]) -> dict[str, Any]:
        since = time.monotonic()
        try:
            said = command(args)
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            said = failure(error) if isinstance(error, grpc.RpcError) else {"ok": False, "code": "CANCELLED"}
        return {**said, "took": round((time.monotonic() - since) * 1000)}

    return timed


COMMANDS = {"say": say, "split": split, "join": join, "chat": chat, "fail": fail, "fail_late": fail_late,
            "missing": missing, "hold": hold, "end": end, "cancel": cancel, "burst": burst}  # fmt: skip

if __name__ == "__main__":
    serve(0, {name: judged(command) for name, command in COMMANDS.items()})
