"""A server for any declared protocol, of blocking sockets: it answers every call with one frame, under the call's id."""

from __future__ import annotations

import contextlib
import socket
import threading

from xproto.errors import NeedMore
from xproto.registry import Registered
from xproto.spec import Kind


class Server:
    """Listens on a port of the kernel's choice. `requests`: the calls that came, as they came."""

    def __init__(self, registered: Registered, answer: bytes) -> None:
        self.codec, self.answer = registered.codec, answer
        self.requests: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
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
                while data and not isinstance(found := self.codec.scan_bytes(data), NeedMore):
                    frame, data = data[: found.size], data[found.size :]
                    if found.kind is Kind.HEARTBEAT:
                        connection.sendall(self.codec.heartbeat_ack(found.variant, found.echo, found.id))
                    else:
                        self.requests.append(frame)
                    if found.kind is Kind.REQUEST:
                        connection.sendall(self.codec.with_id(self.answer, found.id, 1) if found.id_end else self.answer)
