"""Secrets on their way from files to workers: in a real proxy, across reloads, and what nobody is ever shown."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.control.channel import Channel
from proxy.control.reload import Reloader
from proxy.control.spawn import command, environment
from proxy.control.state import Step, close_all, first, step
from proxy.control.supervisor import Supervisor
from proxy.control.wire import Message, Prepare, Rotate, Start
from proxy.snapshot import Snapshot, encode
from proxy.tls.material import Material
from proxy.tls.settings import Secret
from proxy.tls.store import Secrets
from proxy.worker.assemble import make_parts
from proxy.worker.change import Configuration
from proxy.worker.run import Worker
from tests.control.proxy_process import ProxyProcess, beats, connect, ended
from tests.control.test_admin import get, samples
from tests.control.test_changes import listener, quiet, snapshot
from tests.tls.authority import Authority, Issued

AUTHORITY = Authority()
FIRST, SECOND, THIRD = (AUTHORITY.issue(name) for name in ("first", "second", "third"))


def secret(folder: Path, name: str = "web", leaf: Issued = FIRST) -> Secret:
    certificate, key = leaf.write(folder, name)
    return Secret(name, "file", {"certificate": str(certificate), "private_key": str(key)})


def having(*secrets: Secret, **other: Any) -> Snapshot:
    return snapshot(listener("mesh"), secrets={each.name: each for each in secrets}, **other)


def material(leaf: Issued) -> Material:
    return Material(leaf.certificate, leaf.key)


class ControlProcess(ProxyProcess):
    """As `xproto run` leaves it, of a snapshot that no file has to say."""

    def __init__(self, found: Snapshot) -> None:
        descriptor = os.memfd_create("snapshot", 0)
        os.write(descriptor, encode(found))
        arguments = command("proxy.control", str(descriptor), "/nowhere/proxy.yaml")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(arguments, pass_fds=(descriptor,), env=environment(), **pipes)
        os.close(descriptor)
        self._look()


@contextmanager
def running(found: Snapshot) -> Iterator[ControlProcess]:
    proxy = ControlProcess(found)
    try:
        yield proxy
    finally:
        if proxy.process.poll() is None:
            proxy.process.kill()
            proxy.process.wait()
        proxy.process.stdout.close()
        proxy.process.stderr.close()


def test_a_running_proxy_renews_and_keeps_and_shows_no_key(tmp_path: Path) -> None:
    web = secret(tmp_path)
    ca = Secret("ca", "file", {"ca": str(AUTHORITY.write(tmp_path))})
    with running(having(web, ca, admin="127.0.0.1:0", workers=2)) as proxy:
        addresses = proxy.wait_ready()
        admin = addresses["admin"]
        found = samples(admin)
        assert found["xproto_certificate_expiry_timestamp_seconds", ("web",)] == FIRST.not_after.timestamp()
        assert found["xproto_secret_loads_total", ("web", "ok")] == 1
        for path in SECOND.write(tmp_path, "new"):
            path.rename(path.with_stem("web"))
        proxy.log.until("secret web: renewed")
        shown = json.loads(get(admin, "/certs")[1])["secrets"]
        assert shown["web"]["certificate"][0]["subject"] == "CN=second"
        assert shown["web"]["paths"] == web.settings
        assert shown["ca"]["ca"][0]["names"] == []
        (tmp_path / "web.key").write_text(THIRD.key)
        proxy.log.until("secret web: private_key: ")
        proxy.log.until("not taken; what is in force stays")
        found = samples(admin)
        assert found["xproto_certificate_expiry_timestamp_seconds", ("web",)] == SECOND.not_after.timestamp()
        assert found["xproto_secret_loads_total", ("web", "ok")] == 2
        assert found["xproto_secret_loads_total", ("web", "refused")] >= 1
        worker = proxy.workers()[0]
        os.kill(worker, signal.SIGKILL)
        ended(worker)
        proxy.log.until("died (signal 9)")
        with connect(addresses["mesh"]) as client:
            assert beats(client)
        assert found["xproto_worker_restarts_total", ()] == 0  # none died of a rotation
        paths = ("/certs", "/metrics", "/config_dump", "/listeners", "/clusters", "/server_info")
        seen = "".join(get(admin, path)[1] for path in paths)
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0
        seen += "\n".join(proxy.rest_of_log())
    for leaf in (FIRST, SECOND, THIRD):
        assert not any(line in seen for line in leaf.key.splitlines()[1:-1])


def test_a_proxy_does_not_start_without_its_secrets(tmp_path: Path) -> None:
    web = secret(tmp_path)
    (tmp_path / "web.key").write_text(SECOND.key)
    with running(having(web, Secret("x", "valt"))) as proxy:
        assert proxy.wait() == 1
        first_line, second = proxy.rest_of_log()
    assert f"secret web: private_key: {tmp_path}/web.key: is not the certificate's" in first_line
    assert "secret x: provider: there is no provider valt; " in second


class Fake:
    """A worker that takes what it is given, as `Worker` does; `between` is called when it has prepared."""

    index, pid = 0, 0

    def __init__(self, state: Any, between: Any = None) -> None:
        self.materials, self._ready = state.materials, {}
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._between = between

    async def prepare(self, made: Step) -> None:
        self._ready = made.state.materials
        if self._between is not None:
            await self._between()

    async def commit(self) -> bool:
        self.materials = self._ready
        return True

    def rotate_nowait(self, materials: dict[str, Material]) -> None:
        self.materials = self.materials | materials

    def abort_nowait(self) -> None:
        self._ready = {}


def test_a_rotation_during_a_reload_is_not_lost(tmp_path: Path) -> None:
    """Web is renewed, and moved is renewed where nobody looks any more, after all was prepared and before it is in force."""

    async def scenario() -> None:
        web, moved = secret(tmp_path), secret(tmp_path, "moved")
        secrets = Secrets(quiet())
        found = await secrets.prepare(having(web, moved))
        supervisor = Supervisor(first(having(web, moved), found.materials), quiet())
        secrets.commit(found)

        async def between() -> None:
            SECOND.write(tmp_path, "web")
            SECOND.write(tmp_path, "moved")
            SECOND.write(tmp_path, "added")
            renewed = await secrets.look()
            assert set(renewed) == {"web", "moved"}
            supervisor.rotate_nowait(renewed)

        worker = Fake(supervisor.state, between)
        supervisor._children[:] = [worker]
        after = having(web, secret(tmp_path / "there", "moved", THIRD), secret(tmp_path, "added"))

        async def validating(_: str) -> Snapshot:
            return after

        reloader = Reloader("file", supervisor, secrets, quiet(), validating)
        report = await reloader.ask()
        assert str(report.changes) == "secrets +1 ~1 -0"
        expected = {"web": material(SECOND), "moved": material(THIRD), "added": material(FIRST)}
        assert supervisor.state.materials == worker.materials == expected
        supervisor.rotate_nowait(await secrets.look())
        assert supervisor.state.materials == worker.materials == expected | {"added": material(SECOND)}
        close_all(supervisor.state.bound)
        await secrets.stop()
        supervisor.close()

    asyncio.run(scenario())


def test_a_reload_with_bad_secrets_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        web = secret(tmp_path)
        secrets = Secrets(quiet())
        found = await secrets.prepare(having(web))
        supervisor = Supervisor(first(having(web), found.materials), quiet())
        secrets.commit(found)
        before = supervisor.state
        supervisor._children[:] = [Fake(before)]

        async def validating(_: str) -> Snapshot:
            return having(web, Secret("ca", "file", {"ca": f"{tmp_path}/gone"}), drain_timeout=1.0)

        report = await Reloader("file", supervisor, secrets, quiet(), validating).ask()
        [problem] = report.problems
        assert problem.startswith(f"secret ca: ca: {tmp_path}/gone: cannot be read")
        assert supervisor.state is before
        assert list(secrets.describe()) == ["web"]
        close_all(before.bound)
        await secrets.stop()
        supervisor.close()

    asyncio.run(scenario())


def test_a_state_is_replaced_and_a_repr_shows_nothing() -> None:
    state = first(snapshot(), {"web": material(FIRST)})
    rotated = state.rotated({"web": material(SECOND)})
    assert (state.materials, rotated.materials) == ({"web": material(FIRST)}, {"web": material(SECOND)})
    assert step(state, snapshot(), {}, {"x": material(THIRD)}).state.materials == {"x": material(THIRD)}
    messages: list[Message] = [
        Start(0, b"", b"", (), 0, state.materials),
        Prepare(1, b"", b"", {}, (), state.materials),
        Rotate(state.materials),
    ]
    shown = repr(messages) + repr(state)
    assert "<Material " in shown
    assert "-----" not in shown


def test_a_thousand_certificates_do_not_block_who_sends_them() -> None:
    """Whoever sends goes on at once, although nobody reads yet; all arrives, and what is said after it, after it."""
    leaf = material(AUTHORITY.intermediate("below").issue("web.test", key="rsa"))
    rotation = Rotate({f"web-{number}": leaf for number in range(1000)})

    async def scenario() -> list[Message]:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        messages: list[Message] = []
        whole = asyncio.Event()

        def received(message: Message) -> None:
            messages.append(message)
            if len(messages) == 2:
                whole.set()

        sender = Channel(loop, ours, lambda _: None, lambda: None)
        sender.send_nowait(rotation)
        sender.send_nowait(Rotate({}))
        receiver = Channel(loop, theirs, received, lambda: None)
        await asyncio.wait_for(whole.wait(), 20)
        sender.close()
        receiver.close()
        return messages

    assert asyncio.run(scenario()) == [rotation, Rotate({})]


class Renewing(Configuration):
    """As the worker's, and says what is in use."""

    def __init__(self, *arguments: Any, hold: asyncio.Event) -> None:
        super().__init__(*arguments)
        self.used: list[dict[str, Material]] = []
        self._hold, self.fail = hold, False

    async def renew(self) -> None:
        self.used.append(self._parts.materials)
        await self._hold.wait()
        if self.fail:
            raise ValueError("no")


def test_a_worker_keeps_the_newest_and_puts_it_in_use_one_after_another() -> None:
    async def scenario() -> None:
        state = first(snapshot(), {"web": material(FIRST)})
        parts = make_parts(state.encoded, state.slots, state.materials)
        assert parts.materials == {"web": material(FIRST)}
        ours, theirs = socket.socketpair()
        hold = asyncio.Event()
        configuration = Renewing(None, parts, {}, hold=hold)
        loop = asyncio.get_running_loop()
        worker = Worker(loop, ours, None, configuration, quiet())
        for leaf in (SECOND, THIRD):
            worker._on_message(Rotate({"web": material(leaf)}))
        await asyncio.sleep(0)
        assert configuration.used == [{"web": material(THIRD)}]
        configuration.fail = True
        worker._on_message(Rotate({"web": material(FIRST)}))
        worker._on_message(Rotate({"web": material(SECOND)}))
        hold.set()
        for _ in range(3):
            await asyncio.sleep(0)
        assert configuration.used == [{"web": material(THIRD)}, {"web": material(SECOND)}]
        assert configuration._parts.snapshot is parts.snapshot
        worker.channel.close()
        theirs.close()

    asyncio.run(scenario())


def test_a_worker_that_has_all_is_told_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        web = secret(tmp_path)
        supervisor = Supervisor(first(having(web), {"web": material(FIRST)}), quiet())
        worker = Fake(supervisor.state)
        monkeypatch.setattr(worker, "rotate_nowait", lambda _: pytest.fail("told"))
        supervisor._children[:] = [worker]
        made = step(supervisor.state, having(web), {}, {"web": material(FIRST)})
        await supervisor.commit(made, await supervisor.prepare(made), {"web": material(FIRST)})
        close_all(supervisor.state.bound)
        supervisor.close()

    asyncio.run(scenario())
