"""Control's secrets: taken whole or not at all, renewed when they change, kept when what they change to is no good."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.observe.log import Log
from proxy.snapshot import Snapshot
from proxy.tls import registry, store
from proxy.tls.material import Material
from proxy.tls.providers import MaterialError, Provider
from proxy.tls.settings import ClientTls, Secret
from proxy.tls.store import Secrets, SecretsError
from tests.control.test_changes import snapshot
from tests.tls.authority import Authority, Issued

AUTHORITY = Authority("root")
FIRST, SECOND, THIRD = (AUTHORITY.issue(name, days=100) for name in ("first", "second", "third"))
DAY = 86_400.0


class World:
    """Secrets, their log, and the time."""

    def __init__(self) -> None:
        self.now = time.time()
        self.lines: list[str] = []
        log = Log("control", lambda line: self.lines.append(line.decode().split(" ", 3)[3].rstrip()))
        self.secrets = Secrets(log, lambda: self.now)

    async def load(self, *secrets: Secret, **other: Any) -> dict[str, Material]:
        return self.secrets.commit(await self.secrets.prepare(having(*secrets, **other)))

    def said(self) -> list[str]:
        found, self.lines[:] = list(self.lines), []
        return found


def having(*secrets: Secret, **other: Any) -> Snapshot:
    return snapshot(secrets={secret.name: secret for secret in secrets}, **other)


def scenario(test: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        await test(world)
        await world.secrets.stop()

    asyncio.run(run())


def files(folder: Path, name: str = "web", leaf: Issued = FIRST) -> Secret:
    certificate, key = leaf.write(folder, name)
    return Secret(name, "file", {"certificate": str(certificate), "private_key": str(key)})


def material(leaf: Issued) -> Material:
    return Material(leaf.certificate, leaf.key)


def test_what_changes_replaces_what_is_in_force(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert await world.load(files(tmp_path)) == {"web": material(FIRST)}
        assert await world.secrets.look() == {}
        SECOND.write(tmp_path, "web")
        assert await world.secrets.look() == {"web": material(SECOND)}
        assert await world.secrets.look() == {}
        assert dict(world.secrets.expiries()) == {"web": SECOND.not_after.timestamp()}
        assert list(world.secrets.loads()) == [("web", "ok", 2), ("web", "refused", 0)]
        [said] = world.said()
        assert said.startswith("secret web: renewed; it holds until 20")

    scenario(test)


def test_a_pair_that_is_half_written_is_kept_out_and_taken_when_it_is_whole(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.load(files(tmp_path))
        (tmp_path / "web.crt").write_text(SECOND.certificate)
        for _ in range(3):
            assert await world.secrets.look() == {}
        refused, stays = world.said()
        assert refused.startswith(f"secret web: private_key: {tmp_path}/web.key: is not the certificate's; ")
        assert stays == "secret web: not taken; what is in force stays"
        assert list(world.secrets.loads()) == [("web", "ok", 1), ("web", "refused", 1)]
        assert world.secrets.describe()["web"]["refused"][0].startswith("private_key: ")
        assert world.secrets.describe()["web"]["certificate"][0]["subject"] == "CN=first"
        (tmp_path / "web.crt").write_text(SECOND.certificate[:100])
        assert await world.secrets.look() == {}
        assert "a block begins and does not end" in world.said()[0]
        SECOND.write(tmp_path, "web")
        assert await world.secrets.look() == {"web": material(SECOND)}
        assert world.secrets.describe()["web"]["refused"] is None
        (tmp_path / "web.key").unlink()
        assert await world.secrets.look() == {}
        assert "cannot be read (No such file or directory)" in world.said()[1]
        SECOND.write(tmp_path, "web")
        assert await world.secrets.look() == {}
        assert world.said() == ["secret web: is again what is in force"]

    scenario(test)


def test_a_snapshot_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        web, other = files(tmp_path), files(tmp_path, "other")
        await world.load(web)
        gone = Secret("gone", "file", {"ca": "/nowhere/ca.pem"})
        unknown = Secret("unknown", "vault")
        with pytest.raises(SecretsError) as caught:
            await world.secrets.prepare(having(web, other, gone, unknown))
        gone_is, unknown_is = str(caught.value).splitlines()
        assert gone_is.startswith("secret gone: ca: /nowhere/ca.pem: cannot be read (No such file or directory); ")
        assert unknown_is == "secret unknown: provider: there is no provider vault; write one of: file"
        assert list(world.secrets.describe()) == ["web"]
        SECOND.write(tmp_path, "web")
        SECOND.write(tmp_path, "other")
        assert list(await world.secrets.look()) == ["web"]

    scenario(test)


def test_added_changed_and_removed(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        web, old = files(tmp_path), files(tmp_path, "old")
        await world.load(web, old)
        moved = files(tmp_path / "new", "web", SECOND)
        added = files(tmp_path, "added", THIRD)
        assert await world.load(moved, added) == {"web": material(SECOND), "added": material(THIRD)}
        for folder, name in ((tmp_path, "web"), (tmp_path, "old")):  # nobody looks there any more
            THIRD.write(folder, name)
        assert await world.secrets.look() == {}
        FIRST.write(tmp_path / "new", "web")
        assert await world.secrets.look() == {"web": material(FIRST)}

    scenario(test)


def test_a_rotation_while_the_next_snapshot_is_prepared_is_not_lost(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        web, added = files(tmp_path), files(tmp_path, "added")
        await world.load(web)
        pending = await world.secrets.prepare(having(web, added))
        assert pending.materials == {"web": material(FIRST), "added": material(FIRST)}
        SECOND.write(tmp_path, "web")
        THIRD.write(tmp_path, "added")
        assert await world.secrets.look() == {"web": material(SECOND)}
        assert world.secrets.commit(pending) == {"web": material(SECOND), "added": material(FIRST)}
        assert await world.secrets.look() == {"added": material(THIRD)}

    scenario(test)


def test_what_is_in_use_must_not_go_missing(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        ca = Secret("ca", "file", {"ca": str(AUTHORITY.write(tmp_path))})
        web = files(tmp_path)
        clusters = snapshot().clusters
        used = {"echo": msgspec.structs.replace(clusters["echo"], tls=ClientTls(trust="web", certificate="ca"))}
        await world.load(web, ca)
        wrong = msgspec.structs.replace(having(web, ca), clusters=used)
        with pytest.raises(SecretsError) as caught:
            await world.secrets.prepare(wrong)
        assert str(caught.value).splitlines() == [
            "secret web: has no ca, and cluster echo needs one; add it",
            "secret ca: has no certificate, and cluster echo needs one; add it",
        ]

    scenario(test)


def test_dates_are_told_at_load_and_while_it_runs(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.load(files(tmp_path))
        assert world.said() == []
        world.now += 71 * DAY
        await world.secrets.look()
        [said] = world.said()
        assert said.startswith(f"secret web: certificate: {tmp_path}/web.crt: CN=first expires within 30 days, ")
        await world.secrets.look()
        assert world.said() == []
        again = World()
        again.now = world.now + 24 * DAY
        await again.load(files(tmp_path))
        [said] = again.said()
        assert "expires within 7 days" in said
        again.now += 6 * DAY
        await again.secrets.look()
        assert "has expired" in again.said()[0]
        assert again.secrets.describe()["web"]["certificate"][0]["days_left"] < 0
        await again.secrets.stop()

    scenario(test)


def test_what_is_shown_is_nothing_secret(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        secret = files(tmp_path)
        ca = AUTHORITY.write(tmp_path)
        (tmp_path / "crl").write_text(AUTHORITY.crl(revoked=[THIRD]))
        both = Secret("web", "file", {**secret.settings, "ca": str(ca), "crl": str(tmp_path / "crl")})
        await world.load(both)
        shown = world.secrets.describe()
        assert shown["web"]["paths"] == both.settings
        assert shown["web"]["certificate"][0]["names"] == ("DNS:first",)
        assert shown["web"]["certificate"][0]["serial"] == f"{FIRST.serial:x}"
        assert shown["web"]["certificate"][0]["days_left"] == 99
        assert shown["web"]["ca"][0]["subject"] == "CN=root"
        assert shown["web"]["crl"][0]["revoked"] == 1
        text = json.dumps(shown) + repr(world.secrets._entries) + repr(vars(world.secrets._entries["web"]))
        assert "PRIVATE" not in text
        assert not any(line in text for line in FIRST.key.splitlines()[1:-1])

    scenario(test)


class Pushed(Provider):
    """Is told what to give, and tells; may be made to wait, or to fail."""

    made: list[Pushed] = []

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.gives: Material | Exception = material(FIRST)
        self.gate = threading.Event()
        self.gate.set()
        self.asked, self.versions = 0, 0
        self.changed: Callable[[], None] | None = None
        self.watched, self.fails = asyncio.Event(), settings.get("fails", 0)
        self.cancelled = False
        Pushed.made.append(self)

    def load(self) -> Material:
        self.asked += 1
        self.gate.wait(20)
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives

    def version(self) -> object:
        self.gate.wait(20)
        return self.versions

    async def watch(self, changed: Callable[[], None]) -> None:
        if self.fails:
            self.fails -= 1
            raise ConnectionError(FIRST.key)
        self.changed = changed
        self.watched.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[Pushed]:
    found = [EntryPoint("pushed", f"{__name__}:Pushed", registry.ENTRY_POINTS)]
    monkeypatch.setattr(registry, "entry_points", lambda group: found)
    Pushed.made.clear()
    return Pushed.made


def test_a_provider_that_tells(pushed: list[Pushed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "POLL", 1000.0)
    monkeypatch.setattr(store, "TOGETHER", 0.0)
    monkeypatch.setattr(store, "WATCH_AGAIN", 0.0)

    async def test(world: World) -> None:
        await world.load(Secret("web", "pushed", {"fails": 1}))
        found: asyncio.Queue[dict[str, Material]] = asyncio.Queue()
        world.secrets.start(found.put_nowait)
        [provider] = pushed
        await asyncio.wait_for(provider.watched.wait(), 20)
        assert [line.split(" in ")[0] for line in world.said()] == ["secret web: is not watched now: ConnectionError"]
        assert provider.changed is not None
        provider.gives = material(SECOND)
        threading.Thread(target=provider.changed).start()
        assert await asyncio.wait_for(found.get(), 20) == {"web": material(SECOND)}
        provider.gives = MaterialError(("", "is sealed; unseal it"))
        provider.changed()
        await world.load()
        await asyncio.sleep(0)
        assert provider.cancelled

    scenario(test)


def test_a_secret_that_says_the_same_keeps_its_provider(pushed: list[Pushed]) -> None:
    async def test(world: World) -> None:
        await world.load(Secret("web", "pushed"))
        await world.load(Secret("web", "pushed"), workers=2)
        assert len(pushed) == 1
        await world.load(Secret("web", "pushed", {"other": 1}))
        assert len(pushed) == 2
        assert pushed[1].asked == 1

    scenario(test)


def test_who_hangs_holds_up_nobody_else(tmp_path: Path, pushed: list[Pushed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOAD_TIMEOUT", 0.05)

    async def test(world: World) -> None:
        await world.load(Secret("slow", "pushed"), files(tmp_path))
        [slow] = pushed
        monkeypatch.setattr(slow, "version", lambda: slow.versions)
        slow.versions, slow.gives = 1, material(SECOND)
        slow.gate.clear()
        SECOND.write(tmp_path, "web")
        assert await world.secrets.look() == {"web": material(SECOND)}
        assert "secret slow: was not there after 0.05 s" in world.said()[0]
        assert await world.secrets.look() == {}
        assert slow.asked == 2
        slow.gate.set()
        await world.secrets._entries["slow"].busy
        assert await world.secrets.look() == {"slow": material(SECOND)}
        assert slow.asked == 3

    scenario(test)


def test_a_version_that_is_not_told_stops_no_pushes(pushed: list[Pushed], monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(world: World) -> None:
        await world.load(Secret("stuck", "pushed"), Secret("web", "pushed"))
        stuck, web = pushed
        monkeypatch.setattr(world.secrets._poll, "_within", 0.05)
        monkeypatch.setattr(web, "version", lambda: 0)
        stuck.gate.clear()
        assert await world.secrets.look() == {}
        assert world.said()[-1] == "secret stuck: its provider does not say whether it changed; until it does, none is polled"
        web.gives = material(SECOND)
        await asyncio.wait_for(web.watched.wait(), 20)
        assert web.changed is not None
        web.changed()
        await asyncio.sleep(0)
        assert await world.secrets.look() == {"web": material(SECOND)}
        assert len([line for line in world.said() if "does not say" in line]) == 0
        stuck.gate.set()

    scenario(test)


def test_a_thousand_do_not_hold_the_loop(tmp_path: Path) -> None:
    """Other things get their turn all the time; 1 s would be a bug on any machine, the truth is some milliseconds."""
    shared = files(tmp_path).settings

    async def test(world: World) -> None:
        longest, done = 0.0, asyncio.Event()

        async def watch() -> None:
            nonlocal longest
            while not done.is_set():
                began = time.monotonic()
                await asyncio.sleep(0.005)
                longest = max(longest, time.monotonic() - began)

        watching = asyncio.create_task(watch())
        await world.load(*(Secret(f"s{number}", "file", shared) for number in range(1000)))
        SECOND.write(tmp_path, "web")
        assert len(await world.secrets.look()) == 1000
        done.set()
        await watching
        assert longest < 1.0

    scenario(test)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_left_open(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.load(files(tmp_path))
        before = descriptors()
        for leaf in (SECOND, THIRD):
            leaf.write(tmp_path, "web")
            await world.secrets.look()
        (tmp_path / "web.key").unlink()
        (tmp_path / "web.key").mkdir()
        await world.secrets.look()
        assert descriptors() == before

    scenario(test)
