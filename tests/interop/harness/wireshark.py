"""tshark with dissectors made from declarations, and what it says of a capture."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xproto.exports.wireshark import dissector, filter_name
from xproto.registry import Registered

TIMEOUT = 120


@dataclass(frozen=True)
class Message:
    """One message as tshark shows it: every field, by its path behind the protocol's name, with the values it has."""

    protocol: str
    stream: int
    packet: int
    fields: Mapping[str, list[str]]

    def one(self, path: str) -> str | None:
        values = self.fields.get(path, [])
        assert len(values) < 2, (path, values)
        return values[0] if values else None


class Tshark:
    """Runs tshark with a home of its own, and the dissectors of these protocols."""

    def __init__(self, folder: Path, *protocols: Registered) -> None:
        self.home, self.names, self.scripts = folder, [], []
        for registered in protocols:
            path = folder / f"{registered.protocol.name}.lua"
            path.write_text(dissector(registered), encoding="utf-8")
            self.names.append(filter_name(registered.protocol.name))
            self.scripts.append(path)

    def run(self, capture: Path, *arguments: str) -> str:
        """Its output; fails where it does, where Lua does, or where it takes too long."""
        scripts = [f"-Xlua_script:{path}" for path in self.scripts]
        done = subprocess.run(
            ["tshark", *scripts, "-n", "-r", str(capture), *arguments],
            capture_output=True, text=True, timeout=TIMEOUT, check=False, env={**os.environ, "HOME": str(self.home)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Lua" not in done.stderr, done.stderr
        assert "Lua Error" not in done.stdout, done.stdout[:2000]
        assert "Dissector bug" not in done.stdout + done.stderr
        return done.stdout

    def messages(self, capture: Path, *arguments: str) -> list[Message]:
        """Every message of the protocols, in the order of the capture."""
        shown = " ".join(["tcp", "frame", *self.names])
        text = self.run(capture, "-Tjson", "--no-duplicate-keys", f"-J{shown}", *arguments)
        found: list[Message] = []
        for packet in json.loads(text):
            layers = packet["_source"]["layers"]
            if "tcp" not in layers:
                continue
            number, stream = int(layers["frame"]["frame.number"]), int(_last(layers["tcp"])["tcp.stream"])
            for name in self.names:
                own = [layer for layer in _list(layers.get(name, [])) if isinstance(layer, dict)]
                found += [Message(name, stream, number, dict(_fields(layer, name))) for layer in own]
        return found

    def infos(self, capture: Path, *arguments: str) -> dict[int, str]:
        """The info column of each packet."""
        lines = self.run(capture, "-Tfields", "-eframe.number", "-e_ws.col.Info", *arguments).splitlines()
        return {int(number): info for number, _, info in (line.partition("\t") for line in lines)}


def decode_as(protocol: str, port: int) -> str:
    """The argument that says which protocol a port speaks."""
    return f"-dtcp.port=={port},{filter_name(protocol)}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _last(value: Any) -> Any:
    return _list(value)[-1]


def _fields(layer: Mapping[str, Any], name: str) -> Iterable[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}

    def collect(key: str, value: Any) -> None:
        for each in _list(value):
            if isinstance(each, dict):
                for inner, what in each.items():
                    collect(inner, what)
            elif not key.endswith("_tree") and not key.startswith("_ws."):
                found.setdefault(key.removeprefix(f"{name}."), []).append(each)

    for key, value in layer.items():
        collect(key, value)
    return found.items()


def record(path: Path, port: int, talk: Callable[[], None]) -> Path:
    """What is said on a port of loopback while `talk` runs, as tshark captures it; before and behind it are datagrams."""
    command = ["tshark", "-i", "lo", "-f", f"port {port}", "-w", str(path), "-F", "pcap", "-P", "-l", "-n"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        try:
            _until_seen(child.stdout.fileno(), port, 7)
            talk()
            _until_seen(child.stdout.fileno(), port, 11)
        finally:
            child.terminate()
    return path


def _until_seen(output: int, port: int, size: int) -> None:
    """Sends datagrams of this size until tshark says that it has captured one."""
    seen = b""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(4 * TIMEOUT):
            sender.sendto(bytes(size), ("127.0.0.1", port))
            while select.select([output], [], [], 0.25)[0]:
                seen += os.read(output, 65_536)
                if f"Len={size}".encode() in seen:
                    return
    raise TimeoutError("tshark captures nothing on loopback")
