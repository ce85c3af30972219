"""A server of HTTP/1.1 that answers every request, and a client that asks once: blocking sockets, for real proxies."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.control.proxy_process import PATIENCE, connect

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: test\r\n\r\nok"


class Answering:
    """Listens on a port of the kernel's choice. `heads`: the requests that came."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError), connection:
            while more := connection.recv(65536):
                data += more
                while b"\r\n\r\n" in data:
                    head, _, data = data.partition(b"\r\n\r\n")
                    self.heads.append(head)
                    connection.sendall(ANSWER)


def ask(address: str, *fields: str, path: str = "/", host: str = "h", body: bytes = b"") -> bytes:
    """The whole answer to a GET, or to a POST of a body; nothing where the connection ends without one."""
    line = f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}" if body else f"GET {path} HTTP/1.1"
    with contextlib.closing(connect(address)) as client:
        client.sendall("\r\n".join([line, f"Host: {host}", "Connection: close", *fields, "", ""]).encode() + body)
        client.settimeout(PATIENCE)
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while more := client.recv(65536):
                data += more
        return data
