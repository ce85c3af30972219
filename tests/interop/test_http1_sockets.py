"""WebSockets, of the libraries websockets and ws, and tunnels of CONNECT: a connection that becomes another protocol's."""

from __future__ import annotations

import json

import pytest
from harness.programs import curl
from harness.web import Web
from harness.wire_http import Wire, ask

MEGABYTE = 1 << 20
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
OFFER = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY)


def test_messages(web: Web, via: str) -> None:
    script = ["text", "é😀", 256, MEGABYTE, "ping", "x" * MEGABYTE, "", 65_536, "last"]
    said = web.peer("python").ok("sockets", url=f"ws://{web.at(via)}/socket", script=script)
    assert said["answers"] == [4, 2, 256, MEGABYTE, "pong", MEGABYTE, 0, 65_536, 4]
    assert said["code"] == 1000


def test_codes_of_closing_arrive(web: Web, via: str) -> None:
    client, url = web.peer("python"), f"ws://{web.at(via)}/socket"
    assert client.ok("sockets", url=f"{url}?name={via}", script=["a"], code=3000)["code"] == 3000
    assert web.node.ok("wait", name=f"closed {via}")["values"] == [3000]
    assert client.ok("sockets", url=url, script=["a", "close 4123"])["code"] == 4123
    assert client.ok("sockets", url=url, script=["a", "vanish"])["code"] == 1006


def test_a_subprotocol_is_chosen(web: Web, via: str) -> None:
    said = web.peer("python").ok("sockets", url=f"ws://{web.at(via)}/socket", script=["a"], subprotocols=["first", "second"])
    assert said["subprotocol"] == "second"


def test_a_client_that_vanishes(web: Web, via: str) -> None:
    with Wire(web.at(via)) as wire:
        wire.ask(f"/socket?name=vanished-{via}", *OFFER)
        answer = wire.head()
        assert (answer.status, answer.get("upgrade")) == (101, "websocket")
        assert answer.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert web.node.ok("wait", name=f"closed vanished-{via}")["values"] == [1006]


def test_an_upgrade_that_is_refused_is_an_answer(web: Web, via: str) -> None:
    answer = ask(web.at(via), "/no-socket", *OFFER)
    assert (answer.status, answer.body) == (403, b"no")


def test_an_upgrade_that_is_not_allowed_is_not_offered(web: Web) -> None:
    """The listener has `upgrades: []`."""
    answer = ask(web.proxy.listeners["tunnels"], "/echo", *OFFER)
    assert answer.status == 200
    assert "upgrade" not in dict(answer.json["headers"])


def test_frames_right_behind_the_request(web: Web, via: str) -> None:
    """Before the server agreed: an empty ping, masked."""
    with Wire(web.at(via)) as wire:
        lines = ("GET /socket HTTP/1.1", "Host: 127.0.0.1", *OFFER, "", "")
        wire.send("\r\n".join(lines).encode() + b"\x89\x80\0\0\0\0")
        assert wire.head().status == 101
        assert wire.exactly(2) == b"\x8a\0"


def tunnels(web: Web, via: str) -> str:
    """Who opens tunnels: Node's server, which the proxy passes a CONNECT on to."""
    return web.proxy.listeners["tunnels"] if via == "proxy" else web.node.address


def connect(web: Web) -> bytes:
    """What asks for a tunnel to Node's server, which is at its end too."""
    return f"CONNECT {web.node.address} HTTP/1.1\r\nHost: {web.node.address}\r\n\r\n".encode()


def test_a_tunnel(web: Web, via: str) -> None:
    """What is in it is nobody's business: no field is added."""
    through = ("--noproxy", "none", "--proxytunnel", "-x", f"http://{tunnels(web, via)}")
    said = json.loads(curl(*through, "-d", "tunnelled", f"http://{web.node.address}/echo").stdout)
    assert (said["body"], "via" in dict(said["headers"])) == ("tunnelled", False)
    assert curl(*through, f"http://{web.node.address}/zeros?size=3000000").stdout == bytes(3_000_000)


def test_a_tunnel_is_opened_where_it_is_allowed_only(web: Web) -> None:
    """It is refused as any other request is: the connection goes on, without one."""
    with Wire(web.proxy.address) as wire:
        wire.send(connect(web))
        assert 400 <= wire.answer().status < 600
        wire.ask("/echo")
        assert "via" in dict(wire.answer().json["headers"])


def test_a_tunnel_that_cannot_be_opened(web: Web, via: str) -> None:
    """Node's server closes where it cannot connect."""
    with Wire(tunnels(web, via)) as wire:
        wire.send(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n")
        if via == "proxy":
            assert wire.answer().status == 502
        else:
            assert wire.is_closed()


@pytest.mark.parametrize("ending", ["client", "server"])
def test_a_tunnel_ends_with_either_side(web: Web, via: str, ending: str) -> None:
    name = f"tunnelled-{via}"
    with Wire(tunnels(web, via)) as wire:
        wire.send(connect(web))
        assert wire.head().status == 200
        if ending == "server":
            wire.ask("/close")
            assert wire.answer().body == b"closed"
            assert wire.is_closed()
        else:
            wire.ask(f"/hang?name={name}")
            web.node.ok("wait", name=f"begun {name}")
    if ending == "client":
        web.node.ok("wait", name=f"gone {name}")
