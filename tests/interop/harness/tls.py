"""Clients of TLS that do what the test says: one in Python, openssl's, and a relay that cuts what a client sends in pieces."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path
from typing import Any, Literal

from .pki import Pki
from .processes import PEERS, Peer, PeerError
from .programs import run
from .relay import READ_SIZE, TO_SERVER, Relay
from .wire_http import PATIENCE, Answer, TruncatedError, Wire

RECORD = 5
"""Bytes before a record's content: its type, a version, the length."""
HANDSHAKE = 22
Cut = Literal["segments", "records"]


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


class Pieces(Relay):
    """Passes on what a client sends in pieces of `size` bytes.

    "segments": each as a packet of its own, for the first `limit` bytes. "records": the first record, which is the
    ClientHello's, becomes as many records; all of them go at once.
    """

    def __init__(self, target: str, cut: Cut, size: int, limit: int = 6000) -> None:
        self._cut, self._size, self._limit = cut, size, limit
        super().__init__(target)

    def _pump(self, index: int, direction: str, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if direction == TO_SERVER:
                sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._begin(source, sink)
            while data := source.recv(READ_SIZE):
                sink.sendall(data)
        for sock in (sink, source):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _begin(self, source: socket.socket, sink: socket.socket) -> None:
        if self._cut == "records":
            kind, version, size = struct.unpack(">BHH", _exactly(source, RECORD))
            assert kind == HANDSHAKE
            content = _exactly(source, size)
            parts = [content[at : at + self._size] for at in range(0, size, self._size)]
            sink.sendall(b"".join(struct.pack(">BHH", kind, version, len(part)) + part for part in parts))
            return
        left = self._limit
        while left > 0 and (data := source.recv(READ_SIZE)):
            for at in range(0, len(data), self._size):
                sink.sendall(data[at : at + self._size])
            left -= len(data)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise TruncatedError(f"{len(data)} of {size} bytes")
        data += more
    return data


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

    def __enter__(self) -> SClient:
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


class Listening:
    """A server that reads one ClientHello and closes. `name`: the SNI, "" without one."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def name(self) -> str:
        accepted, _ = self._socket.accept()
        with accepted:
            accepted.settimeout(PATIENCE)
            kind, _, size = struct.unpack(">BHH", _exactly(accepted, RECORD))
            assert kind == HANDSHAKE
            return server_name(_exactly(accepted, size))

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Listening:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def server_name(hello: bytes) -> str:
    """The SNI of a ClientHello that is in one record (RFC 8446 section 4.1.2, RFC 6066 section 3); "" without one."""
    at = 4 + 2 + 32                                     # type and length, version, random
    at += 1 + hello[at]                                 # session id
    at += 2 + int.from_bytes(hello[at : at + 2])        # cipher suites
    at += 1 + hello[at]                                 # compression methods
    end = at + 2 + int.from_bytes(hello[at : at + 2])
    at += 2
    while at < end:
        kind, size = struct.unpack_from(">HH", hello, at)
        if kind == 0:
            return hello[at + 9 : at + 4 + size].decode("ascii")
        at += 4 + size
    return ""


_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"
EARLY = {"at once": _ANSWER, "after the hello": _ANSWER, "before a handshake": _ANSWER, "a part": _ANSWER[:9]}
"""What an `Early` server sends in the clear, by when; "before a handshake" is followed by a real one."""


class Early:
    """A server that sends bytes in the clear before a handshake, or ("never") none; `read` is what it could decrypt."""

    def __init__(self, moment: str, certificate: Path, key: Path) -> None:
        self._moment = moment
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0
        self.read = b""
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._socket.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            accepted.settimeout(PATIENCE)
            if self._moment == "after the hello":
                accepted.recv(READ_SIZE)
            accepted.sendall(EARLY.get(self._moment, b""))
            if self._moment in {"before a handshake", "never"}:
                with self._context.wrap_socket(accepted, server_side=True) as tls:
                    self.read += tls.recv(READ_SIZE)
                    tls.sendall(_ANSWER.replace(b"injected", b"afterwrd"))
                return
            while accepted.recv(READ_SIZE):
                pass

    def __enter__(self) -> Early:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(PATIENCE)


class Interposed(Relay):
    """Passes everything on, and sends the client bytes of its own first."""

    def __init__(self, target: str, first: bytes) -> None:
        self._first = first
        super().__init__(target)

    def _pump(self, index: int, direction: str, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if direction != TO_SERVER:
                sink.sendall(self._first)
            while data := source.recv(READ_SIZE):
                sink.sendall(data)
        for sock in (sink, source):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
