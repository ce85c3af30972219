"""Tars requests as the library tarsio writes them: command "write" answers with frames by name, in hexadecimal."""

from __future__ import annotations

import struct

from lines import serve
from tarsio import Struct, encode, field

IDS = (0, 1, 127, 128, -129, 32768, 2**31 - 1, -(2**31))
KINDS = {"request": (0, "echo"), "oneway": (1, "note"), "ping": (0, "tars_ping")}


class Request(Struct):
    """RequestPacket of RequestF.tars."""

    version: int = field(tag=1)
    packet_type: int = field(tag=2)
    message_type: int = field(tag=3)
    id: int = field(tag=4)
    servant: str = field(tag=5)
    function: str = field(tag=6)
    buffer: bytes = field(tag=7)
    timeout: int = field(tag=8)
    context: dict[str, str] = field(tag=9)
    status: dict[str, str] = field(tag=10)


def write(_args: dict) -> dict:
    frames = {}
    for number in IDS:
        for kind, (packet_type, function) in KINDS.items():
            body = encode(Request(1, packet_type, 0, number, "Test.Py.Obj", function, b"xx", 3000, {"k": "v"}, {}))
            frames[f"{kind}-id{number}"] = (struct.pack(">I", len(body) + 4) + body).hex()
    return {"ok": True, "frames": frames}


if __name__ == "__main__":
    serve(0, {"write": write})
