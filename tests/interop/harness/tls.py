"""Clients of TLS that do what the test says: one in Python, openssl's, and Go's."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

from .pki import Pki
from .processes import PEERS, Peer, PeerError
from .programs import run
from .relay import READ_SIZE
from .wire_http import PATIENCE, Answer, Wire


def client_context(
    pki: Pki, certificate: str = "", *, version: str = "", verify: bool = True, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """Trusts the authority and checks names where there is one; `version`: "1.2" or "1.3", that one alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    context.load_verify_locations(pki.ca)
    if certificate:
        context.load_cert_chain(*pki.files[certificate])
    if version:
        exactly = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        context.minimum_version = context.maximum_version = exactly
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class TlsWire(Wire):
    """A client of HTTP/1.1 over TLS that sends what it is given. `name`: the SNI; none is sent if it is empty."""

    def __init__(
        self, address: str, context: ssl.SSLContext, name: str = "", session: ssl.SSLSession | None = None,
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        super().__init__(address, patience)
        try:
            self.tls = context.wrap_socket(
                self.socket, server_hostname=name or None, session=session, suppress_ragged_eofs=False
            )
        except OSError:
            self.socket.close()
            raise
        self.socket = self.tls

    def truncate(self) -> None:
        """Ends the TCP connection as an attacker does who cannot forge a close_notify."""
        with socket.socket(fileno=self.tls.detach()) as bare:
            bare.shutdown(socket.SHUT_RDWR)


def refusal(address: str, context: ssl.SSLContext, name: str = "", **more: Any) -> str:
    """Why no request is served on such a connection; an assertion fails if one is.

    What a client of TLS 1.3 lacks it is told when its own handshake is over: with what it reads next.
    """
    host, session = more.pop("host", name or "a.test"), more.pop("session", None)
    try:
        with TlsWire(address, context, name, session) as wire:
            wire.ask("/echo", host=host, **more)
            answer = wire.answer()
    except (ssl.SSLError, ConnectionError) as error:
        return str(error)
    raise AssertionError(f"served: {answer}")


def ask(address: str, context: ssl.SSLContext, name: str, target: str, *fields: str, host: str = "") -> Answer:
    """One request on a connection of its own."""
    with TlsWire(address, context, name) as wire:
        wire.ask(target, *fields, host=host or name or "a.test")
        return wire.answer()


def s_client(address: str, pki: Pki, *args: str, stdin: bytes = b"", ok: bool = True) -> str:
    """What openssl says of a connection on which it sends `stdin`, and then ends."""
    trust = ["-CAfile", str(pki.ca), "-verify_return_error"]
    done = run(["openssl", "s_client", "-connect", address, *trust, *args], stdin, ok=ok)
    return (done.stdout + done.stderr).decode(errors="replace")


class SClient:
    """openssl's client with its standard input open, for commands ("R": renegotiate) in the middle of a connection."""

    def __init__(self, address: str, pki: Pki, *args: str) -> None:
        trust = ["-CAfile", str(pki.ca), "-verify_return_error", "-brief"]
        argv = ["openssl", "s_client", "-connect", address, *trust, *args]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(argv, **pipes)
        self._said = bytearray()
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := self.process.stdout.read1(READ_SIZE):
            with self._news:
                self._said += data
                self._news.notify_all()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def until(self, text: bytes) -> str:
        """What it said, when that is in it."""
        with self._news:
            if not self._news.wait_for(lambda: text in self._said, PATIENCE):
                raise PeerError(f"s_client did not say {text!r}: {bytes(self._said)!r}")
            return self._said.decode(errors="replace")

    def rest(self) -> str:
        """All that it said, when it has ended by itself."""
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return self._said.decode(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()


def go_client(log: Path) -> Peer:
    """Go's crypto/tls; see peers/gotls."""
    binary = PEERS / "gotls" / "build" / "peer"
    if not binary.exists():
        raise PeerError("the Go TLS peer is not built; run tests/interop/setup.sh")
    return Peer("go tls", [str(binary)], log)
