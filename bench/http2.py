"""HTTP/2 and gRPC: backends and loads that are not our own.

- `http2`: h2load gets a file of `size` bytes from nghttpd.
- `grpc`: h2load posts a framed message of `size` bytes to a server of grpc-go's, which echoes it.
- `grpc-download`, `grpc-upload`: grpc-go's client streams 100 MiB at a time from or to that server; a "call" is a MiB.

h2load sees no bodies and no trailers, only statuses, and a gRPC error has the status 200 as well. But an error has no
body, so the bytes of all bodies tell: they are exactly what so many answers have, or calls went wrong.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from processes import PATH, Ports, StartError, which

PREFIX = "/bench.Echo/"
"""What everybody routes by; gRPC's service, and for nghttpd a folder."""
METHOD = "Unary"
STREAMS = {"grpc-download": "download", "grpc-upload": "upload"}
"""The protocols measured by the byte; what grpcbench calls them."""
PROTOCOLS = ("http2", "grpc", *STREAMS)
GRPCBENCH = Path(__file__).with_name("grpcbench") / "build" / "grpcbench"
GRPC_PREFIX = 5
"""Bytes in front of a gRPC message: compressed or not, its length."""
GRPC_HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")
PATIENCE = 5
"""Seconds without any answer on a connection, after which it is given up."""
TRIAL = 0.2
"""Of the time, to find out how many calls fill the rest of it."""


def backend(proto: str, ports: Ports, folder: Path, size: int) -> list[str]:
    if proto != "http2":
        return [str(GRPCBENCH), "serve", str(ports.backend)]
    file = folder / PREFIX.strip("/") / METHOD
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"x" * size)
    return [_installed("nghttpd"), "--no-tls", "-d", str(folder), str(ports.backend), "-n1"]


def send(proto: str, port: int, conns: int, depth: int, secs: float, size: int) -> dict[str, Any]:
    """Of `secs` a part is a trial. What the load saw, as rpcload would tell it."""
    if proto in STREAMS:
        return _stream(STREAMS[proto], port, secs)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        log = Path(scratch) / "log"
        command = [_installed("h2load"), f"--clients={conns}", f"--max-concurrent-streams={depth}", f"--log-file={log}"]
        command.append(f"--connection-inactivity-timeout={PATIENCE}")
        answer = size
        if proto == "grpc":
            answer += GRPC_PREFIX
            message = Path(scratch) / "message"
            message.write_bytes(b"\0" + size.to_bytes(4, "big") + b"x" * size)
            command += [*GRPC_HEADERS, f"--data={message}"]
        command.append(f"http://127.0.0.1:{port}{PREFIX}{METHOD}")
        trial = _h2load([*command, f"--duration={round(secs * TRIAL * 1000)}ms"])
        if not trial["done"] or trial["bad"]:
            return {**trial, "bad": max(trial["bad"], 1)}
        log.unlink()
        requests = max(round(trial["rps"] * secs * (1 - TRIAL)), conns * depth)
        result = _h2load([*command, f"--requests={requests}"])
        wrong = max(requests - result["done"], abs(result["bytes"] - requests * answer) // answer)
        latencies = sorted(int(line.rsplit("\t", 1)[1]) for line in log.read_text().splitlines()) or [0]
        return {
            "done": trial["done"] + result["done"],
            "bad": max(result["bad"], wrong),
            "rps": result["rps"],
            "p50_us": latencies[len(latencies) // 2],
            "p99_us": latencies[len(latencies) * 99 // 100],
            **({"error": result["error"]} if "error" in result else {}),
        }


def _h2load(command: list[str]) -> dict[str, Any]:
    out = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": PATH}).stdout
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", out)
    body = re.search(r"\((\d+)\) data", out)
    if not counts or not rate or not body:
        return {"done": 0, "bad": 1, "rps": 0, "bytes": 0, "error": out[-200:]}
    done, *bad = map(int, counts.groups())
    return {"done": done, "bad": sum(bad), "rps": float(rate[1]), "bytes": int(body[1])}


def _stream(direction: str, port: int, secs: float) -> dict[str, Any]:
    command = [str(GRPCBENCH), direction, str(port), str(secs)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if not ended.stdout:
        return {"done": 0, "bad": 1, "rps": 0, "error": ended.stderr.strip()}
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def _installed(name: str) -> str:
    program = which(name)
    if program is None:
        raise StartError(f"{name} is not installed")
    return program
