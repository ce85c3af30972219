"""Peers as child processes.

Every peer follows one discipline: it prints `READY <port>` when it can be used, answers each JSON line on
standard input with one JSON line, and ends when its standard input ends. So nothing here ever sleeps: it
blocks on a line with a limit, and a peer cannot outlive the test session.
A peer that is missing or does not start is an error, never a skip.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START_TIMEOUT = 60.0
CALL_TIMEOUT = 60.0
STOP_TIMEOUT = 5.0

HERE = Path(__file__).resolve().parent.parent
PEERS = HERE / "peers"
JAVA = PEERS / "java"
DUBBOTHRIFT = PEERS / "dubbothrift"
NODE = PEERS / "node"
PYTHON = PEERS / "python"
TARS = PEERS / "tars"
ANTHUNDER_PYTHON = PYTHON / "build" / "venv" / "bin" / "python"


class PeerError(RuntimeError):
    """A peer did not start, went silent or died; the message carries the end of its log."""


class Child:
    """A child process whose standard output is read line by line and whose standard error is a log file."""

    def __init__(
        self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> None:
        self.name = name
        self.log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        with log.open("wb") as stderr:
            try:
                self.process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env={**os.environ, **(env or {})},
                    pass_fds=pass_fds,
                    text=True,
                    encoding="utf-8",
                )
            except OSError as error:
                raise PeerError(f"{name} cannot be started ({error}); run tests/interop/setup.sh") from error
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, timeout: float) -> str:
        """The next line of standard output; raises PeerError after `timeout` seconds or at its end."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise self.error(f"said nothing for {timeout:g} s") from None
        if line is None:
            raise self.error(f"ended, exit status {self.process.wait(STOP_TIMEOUT)}")
        return line

    def write(self, text: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise self.error(f"cannot be written to: {error}") from error

    def error(self, what: str) -> PeerError:
        return PeerError(f"{self.name} {what}\n--- end of its log ---\n{self.tail()}")

    def tail(self, limit: int = 6000) -> str:
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[-limit:].decode("utf-8", "replace")

    def stop(self) -> int:
        """Ends the child (end of input, then kill) and returns its exit status."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(STOP_TIMEOUT)
        self.process.stdout.close()
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class Peer(Child):
    """A child that follows the line discipline: `port` is what it announced."""

    def __init__(self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__(name, argv, log, env)
        try:
            self.port = self._ready()
        except PeerError:
            self.stop()
            raise
        self._turn = threading.Lock()
        self._owed = 0

    def _ready(self) -> int:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            line = self.line(max(0.0, deadline - time.monotonic()))
            if line.startswith("READY "):
                return int(line.split()[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def do(self, cmd: str, patience: float = CALL_TIMEOUT, **args: Any) -> dict[str, Any]:
        """Sends one command and returns its result, whatever it is; safe from several threads."""
        with self._turn:
            # Answers come in the order of the commands: one that came too late is read before the next is asked for.
            while self._owed:
                self.line(patience)
                self._owed -= 1
            self.write(json.dumps({"cmd": cmd, **args}, ensure_ascii=False))
            self._owed = 1
            result: dict[str, Any] = json.loads(self.line(patience))
            self._owed = 0
            return result

    def ok(self, cmd: str, patience: float = CALL_TIMEOUT, **args: Any) -> dict[str, Any]:
        """Like `do`, for a command that must succeed."""
        result = self.do(cmd, patience, **args)
        if result.get("ok") is not True:
            raise self.error(f"answered {cmd} {args} with {result}")
        return result


def java(main: str, log: Path, *args: str, properties: Mapping[str, str] | None = None, home: Path = JAVA) -> Peer:
    """Starts the main class `main` of the Java peers, or of those in another `home`."""
    classes = home / "target" / "classes"
    if not (classes / "com" / "test" / f"{main}.class").exists():
        raise PeerError(f"the Java peer {main} is not built; run tests/interop/setup.sh")
    settings = {
        "java.net.preferIPv4Stack": "true",
        "org.slf4j.simpleLogger.defaultLogLevel": "warn",
        # SOFABolt refuses to send while more than this waits in a connection; its default is 64 KB.
        "bolt.netty.buffer.low.watermark": str(32 << 20),
        "bolt.netty.buffer.high.watermark": str(64 << 20),
        # These two warn at every start of what is wanted here.
        "org.slf4j.simpleLogger.log.org.apache.dubbo.registry.client.metadata": "error",
        "org.slf4j.simpleLogger.log.com.alipay.sofa.common.log": "error",
        "logging.path": str(log.parent),
        # SOFARPC: no tracer and no other module, which would need their own jars; no files of logs.
        "module.load.list": "none",
        "default.tracer": "",
        **(properties or {}),
    }
    argv = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"]
    argv += ["--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.math=ALL-UNNAMED"]
    argv += [f"-D{key}={value}" for key, value in settings.items()]
    argv += ["-cp", f"{classes}{os.pathsep}{home / 'target' / 'lib'}/*", f"com.test.{main}", *args]
    return Peer(f"java {main}", argv, log)


def node(script: str, log: Path, *args: str) -> Peer:
    """Starts a script of the Node peers."""
    if not (NODE / "node_modules").is_dir():
        raise PeerError("the Node peers are not installed; run tests/interop/setup.sh")
    return Peer(f"node {script}", ["node", str(NODE / script), *args], log)


def anthunder(script: str, log: Path, *args: str, env: Mapping[str, str] | None = None) -> Peer:
    """Starts a script of the Python peers, in their own environment."""
    if not ANTHUNDER_PYTHON.exists():
        raise PeerError("the anthunder peers are not installed; run tests/interop/setup.sh")
    return Peer(f"anthunder {script}", [str(ANTHUNDER_PYTHON), str(PYTHON / script), *args], log, env)


def tars(script: str, log: Path, *args: str) -> Peer:
    """Starts a script of the Tars peers."""
    if not (TARS / "node_modules").is_dir():
        raise PeerError("the Tars peers are not installed; run tests/interop/setup.sh")
    return Peer(f"tars {script}", ["node", str(TARS / script), *args], log)
