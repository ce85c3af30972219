"""What each of several HTTP/1.1 implementations takes a client's bytes for.

A proxy's reading is what it passes on: a raw server behind it records every message, and says so little that nothing of
the reading depends on it. A parser's reading is what it finds. Readings are compared as plain data.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h11
import httptools

from .processes import Child, PeerError
from .proxy import Proxy

PATIENCE = 10.0
"""Seconds; nothing takes so long unless it is broken."""
QUIET = 0.1
"""Seconds without a byte after which a reader is told that nothing more comes. Whoever has both requests ends sooner."""
FOLDERS = "/usr/sbin:/usr/bin:/sbin:/bin"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

NGINX = """\
daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; large_client_header_buffers 8 64k; client_max_body_size 0;
  server {{ listen 127.0.0.1:{front}; location / {{
    proxy_pass http://127.0.0.1:{back}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_request_buffering off; proxy_ignore_client_abort on; }} }} }}
"""
HAPROXY = """\
defaults
  mode http
  timeout connect 5s
  timeout client 2s
  timeout server 5s
  http-reuse never
listen l
  bind 127.0.0.1:{front}
  server s 127.0.0.1:{back}
"""
XPROTO = """\
listeners: [{{name: mesh, address: "127.0.0.1:0", protocols: [http1], routes: all, http: {{connect: true, upgrades: []}}}}]
routes: {{all: [{{cluster: back}}]}}
clusters: {{back: {{hosts: ["127.0.0.1:{back}"], timeout: 5s}}}}
"""


class Message(NamedTuple):
    """One request. `host` and `target` as far as readers agree to write them: no port, no authority, small letters."""

    method: bytes
    target: bytes
    host: bytes
    body: bytes


class Reading(NamedTuple):
    """messages: what was taken for whole requests, in order. refused: what followed was refused, and how (0: closed)."""

    messages: tuple[Message, ...]
    refused: int | None = None


def plain(method: bytes, target: bytes, host: bytes, body: bytes) -> Message:
    """A message without what readers write in their own ways."""
    found = re.match(rb"https?://([^/?]*)(.*)", target, re.IGNORECASE)
    if found:
        host, target = found[1], found[2] or b"/"
        target = target if target.startswith(b"/") else b"/" + target
    return Message(method, target, re.sub(rb":[0-9]*$", b"", host).lower(), body)


def parsed(data: bytes, *, ended: bool = True) -> Reading:
    """h11's reading, which is also how what a proxy sends is read. `ended`: nothing follows."""
    found, at = [], h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    at.receive_data(data)
    if ended:
        at.receive_data(b"")
    try:
        while True:
            head, body = at.next_event(), b""
            if not isinstance(head, h11.Request):
                return Reading(tuple(found), None if isinstance(head, h11.ConnectionClosed) else 0)
            while isinstance(event := at.next_event(), h11.Data):
                body += bytes(event.data)
            if not isinstance(event, h11.EndOfMessage):
                return Reading(tuple(found), 0)
            host = next((value for name, value in head.headers if name == b"host"), b"")
            found.append(plain(head.method, head.target, host, body))
            at.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            at.send(h11.EndOfMessage())
            if at.our_state is h11.MUST_CLOSE:
                return Reading(tuple(found))
            at.start_next_cycle()
    except h11.RemoteProtocolError:
        return Reading(tuple(found), 400)
    except h11.LocalProtocolError:
        return Reading(tuple(found), 0)


class _Calls:
    """httptools' callbacks, collected."""

    def __init__(self) -> None:
        self.found: list[Message] = []
        self.parser: Any = None

    def on_message_begin(self) -> None:
        self.target, self.host, self.body = b"", b"", b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"host":
            self.host = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.found.append(plain(self.parser.get_method(), self.target, self.host, self.body))


def tokenised(data: bytes) -> Reading:
    """llhttp's reading, by httptools."""
    calls = _Calls()
    calls.parser = httptools.HttpRequestParser(calls)
    try:
        calls.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        return Reading(tuple(calls.found))
    except (httptools.HttpParserError, httptools.HttpParserInvalidMethodError):
        return Reading(tuple(calls.found), 400)
    return Reading(tuple(calls.found))


class Recorder:
    """A server that takes everything, and answers whatever looks like the end of a request."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.seen: list[bytearray] = []
        self.threads: list[threading.Thread] = []
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listening.accept()
                data = bytearray()
                self.seen.append(data)
                thread = threading.Thread(target=self._serve, args=(sock, data), daemon=True)
                self.threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket, data: bytearray) -> None:
        answered = 0
        with sock, contextlib.suppress(OSError):
            while more := sock.recv(65536):
                data += more
                reading = parsed(bytes(data), ended=False)
                while answered < len(reading.messages):
                    answered += 1
                    sock.sendall(ANSWER)
                if reading.refused == 400:
                    return  # no server would go on

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.accepting.join(PATIENCE)


class Front:
    """A proxy with a recorder behind it, asked one question at a time."""

    def __init__(self, port: int, recorder: Recorder) -> None:
        self.port, self.recorder = port, recorder

    def __call__(self, data: bytes) -> Reading:
        """What the proxy makes of a connection on which these bytes come, and then the end."""
        self.recorder.seen, self.recorder.threads = [], []
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as sock, contextlib.suppress(ConnectionError):
            sock.sendall(data)
            sock.settimeout(QUIET)
            try:
                while more := sock.recv(65536):
                    answer += more
            except TimeoutError:  # it waits for more
                sock.settimeout(PATIENCE)
                sock.shutdown(socket.SHUT_WR)
                while more := sock.recv(65536):
                    answer += more
        statuses = [int(each) for each in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", answer)]
        messages = [message for data in list(self.recorder.seen) for message in parsed(bytes(data)).messages]
        refused = next((status for status in statuses if status >= 400), None if len(statuses) >= len(messages) else 0)
        return Reading(tuple(messages), refused if messages or statuses else 0)


def program(name: str) -> str:
    for folder in FOLDERS.split(":"):
        if os.access(found := f"{folder}/{name}", os.X_OK):
            return found
    raise PeerError(f"{name} is not installed: run tests/interop/setup.sh")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def fronts(folder: Path) -> Iterator[dict[str, Callable[[bytes], Reading]]]:
    """nginx, HAProxy and this proxy, by name."""
    with contextlib.ExitStack() as stack:
        found: dict[str, Callable[[bytes], Reading]] = {}
        for name, text in (("nginx", NGINX), ("haproxy", HAPROXY), ("xproto", XPROTO)):
            recorder = Recorder()
            stack.callback(recorder.close)
            port = free_port()
            config = text.format(dir=folder, front=port, back=recorder.port)
            if name == "xproto":
                proxy = Proxy(config, folder)
                stack.callback(proxy.stop)
                port = int(proxy.address.rpartition(":")[2])
            else:
                file = folder / f"{name}.conf"
                file.write_text(config)
                options = ["-c", str(file)] if name == "nginx" else ["-db", "-f", str(file)]
                child = Child(name, [program(name), *options], folder / f"{name}.log")
                stack.callback(child.stop)
                _await(port, child)
            found[name] = Front(port, recorder)
        yield found


def _await(port: int, child: Child) -> None:
    """Until it listens, or is gone."""
    for _ in range(2000):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE):
            return
        if child.process.poll() is not None:
            break
        threading.Event().wait(0.005)
    raise PeerError(f"{child.name} does not listen: {child.log.read_text(errors='replace')}")
