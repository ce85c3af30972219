"""Chromium without a window, driven over its DevTools pipe: what a page logs, what it asks the network for, what it shows."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import time
from typing import TYPE_CHECKING, Any, Self

from .processes import PeerError
from .programs import Program

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 60.0
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
)  # fmt: skip


def _pipe() -> tuple[int, int]:
    """A pipe whose numbers are none of the few that a shell would have to move out of the way."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


class Page:
    """One page. Events that came while a command was answered are kept in `events`."""

    def __init__(self, folder: Path) -> None:
        theirs_in, self._out = _pipe()
        self._in, theirs_out = _pipe()
        # The browser reads from 3 and writes to 4.
        argv = ["bash", "-c", f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"', "bash", "chromium", *SWITCHES]
        argv += [f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self._browser = Program("chromium", argv, folder / "chromium.log", {"HOME": str(folder)}, (theirs_in, theirs_out))
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._left, self._session = 0, b"", ""
        self.events: list[dict[str, Any]] = []
        try:
            self._attach()
        except PeerError:
            self._browser.stop()
            raise

    def _attach(self) -> None:
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers to a command; raises PeerError where it refuses it."""
        self._number += 1
        said = {"id": self._number, "method": method, "params": params}
        if self._session:
            said["sessionId"] = self._session
        os.write(self._out, json.dumps(said).encode() + b"\0")
        while (heard := self._next()).get("id") != self._number:
            self.events.append(heard)
        if "error" in heard:
            raise PeerError(f"{method}: {heard['error']}")
        return heard["result"]

    def open(self, url: str) -> None:
        """Shows the page and waits until all of it is loaded."""
        before = len(self.of("Page.loadEventFired"))
        self.ask("Page.navigate", url=url)
        while len(self.of("Page.loadEventFired")) == before:
            self.events.append(self._next())

    def value(self, script: str) -> Any:
        """What a JavaScript expression gives, as JSON says it."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise PeerError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def size(self, width: int, height: int) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """light or dark"""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self) -> bytes:
        """A PNG of what is shown."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def key(self, name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode={"Tab": 9}.get(name, 32),
                     text=" " if name == " " and kind == "keyDown" else "")  # fmt: skip

    def of(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") == method]

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT
        while b"\0" not in self._left:
            if not select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise self._browser.error(f"said nothing for {TIMEOUT:g} s")
            data = os.read(self._in, 1 << 16)
            if not data:
                raise self._browser.error("ended")
            self._left += data
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._out)
        os.close(self._in)
        self._browser.stop()
