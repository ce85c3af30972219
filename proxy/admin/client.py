"""Asking a running proxy's admin port, for `xproto reload`: the standard library is enough for that."""

from __future__ import annotations

import http.client
import json
import os
import socket
from typing import Any


class AskError(Exception):
    """What a person is told: why the proxy did not do what it was asked, a line for each reason."""


class _Connection(http.client.HTTPConnection):
    """To ``IP:PORT``, ``[IP]:PORT`` or ``unix:/path``."""

    def __init__(self, address: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._address = address

    def connect(self) -> None:
        if self._address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._address.removeprefix("unix:"))
            return
        host, _, port = self._address.rpartition(":")
        self.sock = socket.create_connection((host.strip("[]"), int(port)), self.timeout)


def reload(address: str, file: str, timeout: float) -> str:
    """Lets the proxy at `address`, which has to be one that runs `file`, read it again; gives what changed."""
    running = ask(address, "GET", "/server_info", timeout).get("file")
    if not isinstance(running, str) or os.path.realpath(running) != os.path.realpath(file):
        raise AskError(f"the proxy at {address} runs {running}, not {file}: nothing was reloaded")
    answer = ask(address, "POST", "/reload", timeout)
    if answer.get("result") != "ok":
        raise AskError("\n".join(map(str, answer.get("problems", ["refused"]))))
    return str(answer.get("summary"))


def ask(address: str, method: str, path: str, timeout: float) -> dict[str, Any]:
    """The JSON object that is answered; raises `AskError` if there is none."""
    if not address.startswith("unix:") and not address.rpartition(":")[2].isdecimal():
        raise AskError(f"{address} is no address; write IP:PORT or unix:/path")
    connection = _Connection(address, timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except TimeoutError:
        raise AskError(f"the proxy at {address} did not answer for {timeout:g} s") from None
    except OSError as error:
        raise AskError(f"no proxy answers at {address}: {error.strerror or error}") from None
    except (ValueError, http.client.HTTPException):
        raise AskError(f"what answers at {address} is not this proxy's admin port") from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise AskError(f"what answers at {address} is not this proxy's admin port")
    return answer
