"""openssl's client, straight to Node's server and through the proxy: versions, groups, sessions, renegotiation, ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from harness.proxy import Proxy
from harness.secure import Secure, front_config
from harness.tls import SClient, TlsWire, client_context, refusal, s_client
from harness.wire_http import Wire

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = b"GET /status?code=204 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
NAMED = ("-servername", "a.test", "-verify_hostname", "a.test")
OLD = ("-cipher", "DEFAULT:@SECLEVEL=0")
"""Without it openssl itself refuses what is older than TLS 1.2."""


def asked(secure: Secure, via: str, *args: str, ok: bool = True) -> str:
    """What openssl says of a connection with one request; it reads on until the server closes."""
    return s_client(secure.at(via), secure.pki, *NAMED, "-ign_eof", *args, stdin=REQUEST, ok=ok)


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(secure: Secure, via: str, option: str) -> None:
    """With the alert that says so."""
    said = asked(secure, via, option, *OLD, ok=False)
    assert "alert protocol version" in said
    assert "204 No Content" not in said
    assert "204 No Content" in asked(secure, via)


@pytest.mark.parametrize(("option", "version"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_versions_of_today(secure: Secure, via: str, option: str, version: str) -> None:
    said = asked(secure, via, option)
    assert f"New, {version}, Cipher is" in said
    assert "Verify return code: 0 (ok)" in said
    assert "204 No Content" in said


def test_a_listener_for_tls_1_3_alone(secure: Secure) -> None:
    strict = secure.proxy.listeners["strict"]
    refused = s_client(strict, secure.pki, *NAMED, "-tls1_2", ok=False)
    assert "alert protocol version" in refused
    assert "204 No Content" in s_client(strict, secure.pki, *NAMED, "-ign_eof", stdin=REQUEST)


GROUPS = [
    ("-tls1_2", "X25519:P-256", "X25519"),  # in TLS 1.2 the certificate's curve has to be one of them
    ("-tls1_2", "P-256", "ECDH, prime256v1"),
    ("-tls1_3", "X25519", "X25519"),
    ("-tls1_3", "P-256", "ECDH, prime256v1"),
    ("-tls1_3", "P-384", "ECDH, secp384r1"),
]


@pytest.mark.parametrize(("option", "groups", "named"), GROUPS)
def test_groups(secure: Secure, via: str, option: str, groups: str, named: str) -> None:
    said = asked(secure, via, option, "-groups", groups)
    assert f"Server Temp Key: {named}" in said
    assert "204 No Content" in said


def test_a_group_that_is_offered_without_a_share(secure: Secure, via: str) -> None:
    """The server has to ask once more (HelloRetryRequest): the first group, whose share is sent, is none of its own."""
    said = asked(secure, via, "-tls1_3", "-groups", "ffdhe2048:P-256:X25519")
    assert "204 No Content" in said


@pytest.mark.parametrize("weak", ["NULL-SHA256", "AES128-SHA:@SECLEVEL=0", "ADH-AES128-SHA256:@SECLEVEL=0", "PSK"])
def test_weak_ciphers_are_refused(secure: Secure, weak: str) -> None:
    said = asked(secure, "proxy", "-tls1_2", "-cipher", weak, ok=False)
    assert "204 No Content" not in said


@pytest.mark.parametrize("option", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed(secure: Secure, via: str, option: str, tmp_path: Path) -> None:
    """The proxy has one worker here."""
    kept = str(tmp_path / "session")
    first = asked(secure, via, option, "-sess_out", kept)
    again = asked(secure, via, option, "-sess_in", kept)
    assert [re.search(r"^(New|Reused), ", said, re.MULTILINE)[1] for said in (first, again)] == ["New", "Reused"]  # type: ignore[index]
    assert "204 No Content" in again


def test_reconnect(secure: Secure, via: str) -> None:
    """Five times with the session of the first connection."""
    said = s_client(secure.at(via), secure.pki, *NAMED, "-tls1_2", "-reconnect", stdin=b"")
    assert len(re.findall(r"^New, TLSv1.2", said, re.MULTILINE)) == 1
    assert len(re.findall(r"^Reused, TLSv1.2", said, re.MULTILINE)) == 5


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_session_of_one_listener_is_none_of_another(secure: Secure, version: str) -> None:
    """Whoever showed no certificate where none is wanted, shows one where one is."""
    context, listeners = client_context(secure.pki, version=version), secure.proxy.listeners
    for name in ("mesh", "optional", "either"):
        with TlsWire(listeners[name], context, "a.test") as wire:
            wire.ask("/echo")
            assert wire.answer().status == 200
            session = wire.tls.session
        assert refusal(listeners["demanding"], context, "a.test", session=session)


def test_early_data_is_not_taken(secure: Secure, tmp_path: Path) -> None:
    """A request in the first flight could be sent again by anybody who recorded it."""
    kept, early = str(tmp_path / "session"), tmp_path / "early"
    early.write_bytes(b"GET /echo?early HTTP/1.1\r\nHost: a.test\r\n\r\n")
    asked(secure, "proxy", "-tls1_3", "-sess_out", kept)
    said = asked(secure, "proxy", "-tls1_3", "-sess_in", kept, "-early_data", str(early))
    assert "Early data was accepted" not in said
    assert "/echo?early" not in said
    assert "204 No Content" in said


def test_a_session_of_nonsense_is_none(secure: Secure, tmp_path: Path) -> None:
    """A ticket that the proxy never made: the handshake is a whole one, and it goes on."""
    kept = str(tmp_path / "session")
    s_client(secure.at("direct"), secure.pki, *NAMED, "-ign_eof", "-tls1_2", "-sess_out", kept, stdin=REQUEST)
    said = asked(secure, "proxy", "-tls1_2", "-sess_in", kept)
    assert "New, TLSv1.2" in said
    assert "204 No Content" in said


def test_renegotiation_is_refused(secure: Secure, via: str) -> None:
    """The client's connection may go with it; nobody else's does. Node's server allows it, so nginx stands for all others."""
    front = secure.at("proxy") if via == "proxy" else secure.nginx.addresses["nginx"]
    with TlsWire(front, client_context(secure.pki), "a.test") as other:
        with SClient(front, secure.pki, *NAMED, "-tls1_2") as client:
            client.until(b"Verification")
            client.write(b"R\n")
            client.until(b"RENEGOTIATING")
            assert "no renegotiation" in client.rest()
        other.ask("/echo")
        assert other.answer().status == 200
    assert "204 No Content" in asked(secure, via, "-tls1_2")


def test_a_new_key_in_the_middle(secure: Secure, via: str) -> None:
    """What TLS 1.3 has in renegotiation's place: both sides change their keys, and the connection goes on."""
    with SClient(secure.at(via), secure.pki, *NAMED, "-tls1_3") as client:
        client.until(b"Verification")
        for number in range(1, 4):
            client.write(b"K\n")
            client.until(b"KEYUPDATE\n" * number)
        client.write(REQUEST)
        assert "204 No Content" in client.until(b"204 No Content")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_that_says_it_closes_is_told_so(secure: Secure, via: str, version: str) -> None:
    """After an answer that ends the connection its end is an orderly one: nobody cut the answer short."""
    with TlsWire(secure.at(via), client_context(secure.pki, version=version), "a.test") as wire:
        wire.ask("/echo", "Connection: close", host="a.test")
        assert wire.answer().status == 200
        assert wire.rest() == b""  # it would raise for an end without close_notify


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_proxy_that_ends_says_so(secure: Secure, tmp_path: Path, version: str) -> None:
    """Connections that rest end in order, by close_notify, when it drains."""
    context = client_context(secure.pki, version=version)
    with Proxy(front_config(secure.pki, secure.plain), tmp_path) as proxy, TlsWire(proxy.address, context, "a.test") as wire:
        wire.ask("/echo")
        assert wire.answer().status == 200
        proxy.process.terminate()
        assert wire.rest() == b""


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("moment", ["idle", "in a head", "in a body", "before the answer"])
def test_a_truncated_close(secure: Secure, via: str, version: str, moment: str) -> None:
    """TCP ends without close_notify. What was under way is not taken for whole, and others are served."""
    name = f"truncated-{via}-{version}-{moment}".replace(" ", "-")
    context = client_context(secure.pki, version=version)
    server = secure.server(via)
    for number in range(1, 6):
        with TlsWire(secure.at(via), context, "a.test") as wire:
            if moment == "in a head":
                wire.send(b"GET /echo HTTP/1.1\r\nHo")
            elif moment == "in a body":
                wire.begin(f"/sink?name={name}", "length", 1000)
                wire.go_on("length", b"half")
                server.ok("wait", name=f"begun {name}", count=number)
            elif moment == "before the answer":
                wire.ask(f"/hang?name={name}")
                server.ok("wait", name=f"begun {name}", count=number)
            else:
                wire.ask("/echo")
                assert wire.answer().status == 200
            wire.truncate()
    if moment in {"in a body", "before the answer"}:
        server.ok("wait", name=f"gone {name}", count=5)
    assert "204 No Content" in asked(secure, via)


def test_bytes_that_are_no_tls(secure: Secure) -> None:
    """Whatever comes, it is an alert or the end, and soon; who waits is not waited for, which tests/tls times."""
    front = secure.proxy.listeners["mesh"]
    hellos = (b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff", b"\x80\x2e\x01\x00\x02")
    for data in (*hellos, b"\x15\x03\x01\0\2\1\0", bytes(600)):
        with Wire(front) as wire:
            wire.send(data)
            wire.socket.shutdown(1)
            assert b"HTTP/1.1 200" not in wire.rest()
    assert "204 No Content" in asked(secure, "proxy")
