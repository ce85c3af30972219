"""The access log: one line for each call, whatever becomes of it; and what the log must never cost."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import resource
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from proxy.observe import logfile
from proxy.observe.logfile import LogFile, LogFileError
from proxy.snapshot import AccessLog, ProxyProtocol, Route
from tests.datapath import frames, web
from tests.datapath.frames import request, response
from tests.datapath.secure import CLIENT, client_context, secure_client
from tests.datapath.test_tls import MUTUAL, SECRETS, chain
from tests.datapath.world import Peer, World


class Log:
    """The file, as its reader sees it."""

    def __init__(self, world: World, path: Path) -> None:
        self.world, self.path = world, path

    @property
    def spec(self) -> AccessLog:
        return AccessLog(str(self.path))

    @property
    def listener(self) -> dict[str, Any]:
        return {"access_log": self.spec}

    async def lines(self, count: int = 1) -> list[dict[str, Any]]:
        """All lines, once there are so many and nothing waits."""
        await self.world.until(lambda: self.world.engine.describe()["unwritten"] or self.size() >= count)
        await self.world.advance(0.2)
        await self.world.until(lambda: not self.world.engine.describe()["unwritten"])
        found = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        assert len(found) == count, found
        return found

    async def line(self) -> dict[str, Any]:
        [found] = await self.lines()
        assert self.world.count("access_log_lines_total") == 1
        return found

    @property
    def file(self) -> LogFile:
        return self.world.engine.files.by_path[str(self.path)]

    def turn_to(self, descriptor: int) -> None:
        """What is written goes there, as to a disk that is no good."""
        os.dup2(descriptor, self.file.fd, inheritable=False)
        os.close(descriptor)

    def stick(self) -> int:
        """Writing waits from now on, for whoever reads this."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self.turn_to(writer)
        return reader

    def is_open(self) -> bool:
        return any(each.resolve() == self.path for each in Path("/proc/self/fd").iterdir())

    def size(self) -> int:
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0


@pytest.fixture
def log(world: World, tmp_path: Path) -> Log:
    return Log(world, tmp_path / "access.log")


# -- outcomes of calls: each plays one, and says what of its line it expects ------------------------------------------

Script = Callable[[World, Log], Awaitable[dict[str, Any]]]


async def answered(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    await world.advance(0.25)
    await upstream.send(response(1))
    await client.receive()
    return {"flags": "-", "fault": None, "host": backend.address, "duration_us": 250_000, "route": "echo", "cluster": "main",
            "table": "table", "service": frames.SERVICE, "oneway": False}  # fmt: skip


async def without_a_route(world: World, log: Log) -> dict[str, Any]:
    world.start("127.0.0.1:1", listener=log.listener)
    client = await world.client()
    await client.send(request(7, service="nobody\n\xff"))
    await client.receive()
    return {"flags": "NR", "fault": "no_route", "host": None, "route": None, "duration_us": 0, "service": "nobody\n\xff"}


async def without_a_host(world: World, log: Log) -> dict[str, Any]:
    world.start(listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    await client.receive()
    return {"flags": "UH", "fault": "no_host", "host": None, "route": "echo", "cluster": "main"}


async def refused(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    backend.close()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    await client.receive()
    return {"flags": "UF", "fault": "connect", "host": backend.address}


async def too_many(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    world.start(backend, listener=log.listener, pool="ping_pong", max_connections=1, max_pending=0)
    client, other = await world.client(), await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    await other.send(request(8))
    await other.receive()
    return {"flags": "UO", "fault": "overload", "host": None}


async def too_late(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    world.start(backend, listener=log.listener, timeout=0.5)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    await world.advance(0.6)
    await client.receive()
    await upstream.send(response(1))
    await world.until(lambda: world.count("upstream_dropped_answers_total", reason="late") == 1)
    return {"flags": "UT", "fault": "timeout", "host": backend.address}


async def broken_off(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    upstream.close()
    await client.receive()
    return {"flags": "UC", "fault": "closed", "host": backend.address}


async def unreadable(world: World, log: Log) -> dict[str, Any]:
    world.start("127.0.0.1:1", listener=log.listener)
    client = await world.client()
    await client.send(request(7, headers=b"\x00\x00\x00\x09abc"))
    await client.receive()
    return {"flags": "DPE", "fault": "malformed", "host": None, "service": None}


async def given_up(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    client.reset()
    await world.until(lambda: world.downstreams() == [])
    return {"flags": "DC", "fault": None, "host": backend.address}


async def a_oneway(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7, oneway=True))
    upstream = await backend.accept()
    await upstream.receive()
    return {"flags": "-", "fault": None, "host": backend.address, "oneway": True}


async def a_oneway_without_a_route(world: World, log: Log) -> dict[str, Any]:
    world.start("127.0.0.1:1", listener=log.listener)
    client = await world.client()
    await client.send(request(7, service="nobody", oneway=True))
    return {"flags": "NR", "fault": "no_route", "oneway": True, "service": "nobody"}


async def a_oneway_to_nobody(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    backend.close()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7, oneway=True))
    return {"flags": "UF", "fault": "connect", "oneway": True}


async def an_unreadable_oneway(world: World, log: Log) -> dict[str, Any]:
    world.start("127.0.0.1:1", listener=log.listener)
    client = await world.client()
    await client.send(request(7, headers=b"\x00\x00\x00\x09abc", oneway=True))
    return {"flags": "DPE", "fault": "malformed", "oneway": True}


async def at_the_end_of_the_worker(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    await (await backend.accept()).receive()
    world.engine.close()
    return {"flags": "DC", "host": backend.address}


async def a_big_answer_that_breaks_off(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    web.start(world, backend, listener=log.listener)
    client = await world.client()
    await client.send(web.request())
    upstream = await backend.accept()
    await web.take(upstream)
    await upstream.send(web.head("200 OK", "Content-Length: 10") + b"half")
    await client.receive()
    upstream.close()
    assert await client.was_reset()
    return {"flags": "UC", "fault": "closed", "host": backend.address}


async def a_request_whose_client_goes_in_its_midst(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    web.start(world, backend, listener=log.listener)
    client = await world.client()
    await client.send(web.request("/a", b"x", "X: y").replace(b"Content-Length: 1", b"Content-Length: 9"))
    upstream = await backend.accept()
    await upstream.receive()
    client.reset()
    await world.until(lambda: world.downstreams() == [])
    return {"flags": "DC", "fault": None, "host": backend.address}


async def over_http(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    web.start(world, backend, listener=log.listener)
    client = await world.client()
    await web.exchange(client, backend, "/a/%61b?token=secret")
    return {"flags": "-", "protocol": "http1", "method": "GET", "path": "/a/ab", "authority": "h", "service": None,
            "host": backend.address}  # fmt: skip


async def over_http_without_a_route(world: World, log: Log) -> dict[str, Any]:
    web.start(world, world.backend(), listener=log.listener)
    client = await world.client()
    await client.send(web.request("/nowhere"))
    await web.take(client)
    return {"flags": "NR", "path": "/nowhere", "route": None}


async def over_http_malformed(world: World, log: Log) -> dict[str, Any]:
    web.start(world, world.backend(), listener=log.listener)
    client = await world.client()
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    await web.take(client)
    return {"flags": "DPE", "fault": "malformed", "path": None}


async def over_http_switched(world: World, log: Log) -> dict[str, Any]:
    backend = world.backend()
    web.start(world, backend, listener=log.listener)
    client = await world.client()
    await client.send(web.request("/a", None, "Connection: upgrade", "Upgrade: websocket"))
    upstream = await backend.accept()
    await web.take(upstream)
    await upstream.send(web.head("101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket"))
    await web.take(client, 0)
    return {"flags": "-", "host": backend.address}


OUTCOMES: tuple[Script, ...] = (
    answered, without_a_route, without_a_host, refused, too_many, too_late, broken_off, unreadable, given_up, a_oneway,
    a_oneway_without_a_route, a_oneway_to_nobody, an_unreadable_oneway, at_the_end_of_the_worker,
    a_big_answer_that_breaks_off, a_request_whose_client_goes_in_its_midst, over_http, over_http_without_a_route,
    over_http_malformed, over_http_switched,
)  # fmt: skip


@pytest.mark.parametrize("play", OUTCOMES, ids=lambda script: script.__name__)
async def test_one_line_for_a_call_whatever_becomes_of_it(world: World, log: Log, play: Script) -> None:
    expected = await play(world, log)
    found = await log.line()
    assert {key: found.get(key) for key in expected} == expected
    assert found["listener"] == "in"
    assert re.fullmatch(r"127\.0\.0\.1:[0-9]+", found["client"])
    assert re.fullmatch(r"20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z", found["time"])
    assert "via" not in found
    assert "tls_version" not in found


# -- who it was -------------------------------------------------------------------------------------------------------


async def test_a_client_with_a_certificate(world: World, log: Log) -> None:
    backend = world.backend()
    listener = {"chains": (chain(MUTUAL),), "plaintext": False, **log.listener}
    world.start(backend, listener=listener, materials=SECRETS)
    client = await secure_client(world, context=client_context(CLIENT))
    await client.send(request(7, oneway=True))
    await (await backend.accept()).receive()
    found = await log.line()
    told = world.downstreams()[0]["tls"]
    assert found["san"] == "spiffe://mesh/ns/a/sa/b"
    assert [found[key] for key in ("tls_version", "tls_cipher", "sni", "sha256")] == [
        told["version"], told["cipher"], "web.test", told["sha256"],
    ]  # fmt: skip


async def test_a_host_that_a_connection_may_not_ask_for(world: World, log: Log) -> None:
    world.size_of = web.size_of
    only = {"protocols": ("http1",), "server_names": ("web.test",)}
    other = {"protocols": ("http1",), "server_names": ("b.web.test",)}
    chains = (chain(name="a", **only), chain(MUTUAL, name="b", **other))
    listener = {"chains": chains, "plaintext": False, "http": web.PLAIN, **log.listener}
    world.start(world.backend(), protocols=("http1",), routes=web.ROUTES, materials=SECRETS, listener=listener)
    client = await secure_client(world)
    await client.send(web.request().replace(b"Host: h", b"Host: b.web.test"))
    assert (await web.take(client)).status == 421
    found = await log.line()
    assert (found["flags"], found["fault"], found["authority"]) == ("IH", "misdirected", "b.web.test")


async def test_a_client_behind_a_balancer(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener={"proxy_protocol": ProxyProtocol(("127.0.0.1/32",)), **log.listener})
    client = await world.client()
    await client.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n" + request(7, oneway=True))
    await (await backend.accept()).receive()
    found = await log.line()
    assert (found["client"], found["via"].rpartition(":")[0]) == ("192.0.2.7:4711", "127.0.0.1")


async def test_what_the_log_asks_for_decides_nothing(world: World, log: Log) -> None:
    """Routes that ask for nothing take what nobody could look up, with a log as without."""
    backend = world.backend()
    world.start(backend, listener=log.listener, routes=(Route("all", (), "main"),))
    client = await world.client()
    await client.send(request(7, headers=b"\x00\x00\x00\x09abc"))
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(response(1))
    await client.receive()
    found = await log.line()
    assert (found["flags"], found["route"], found.get("service")) == ("-", "all", None)


async def test_many_calls_of_one_connection(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(b"".join(request(100 + n) for n in range(300)))
    upstream = await backend.accept()
    calls = [await upstream.receive() for _ in range(300)]
    await upstream.send(b"".join(response(frames.id_of(call)) for call in calls))
    for _ in calls:
        await client.receive()
    assert all(line["flags"] == "-" for line in await log.lines(300))


async def test_an_answer_that_its_client_does_not_get(world: World, log: Log) -> None:
    """It is cut because it reads nothing: none of the answers that were read for it count as answers."""
    backend = world.backend()
    world.start(backend, listener={"out_buffer_limit": 4096, **log.listener})
    client = await world.client()
    await client.send(b"".join(request(n) for n in range(1, 201)))
    upstream = await backend.accept()
    calls = [await upstream.receive() for _ in range(200)]
    await upstream.send(b"".join(response(frames.id_of(call), content=bytes(100_000)) for call in calls))
    await world.until(lambda: world.count("downstream_cut_total") == 1)
    flags = [line["flags"] for line in await log.lines(200)]
    assert set(flags) == {"-", "DC"}
    assert flags == sorted(flags)


# -- what it costs, and what goes wrong -------------------------------------------------------------------------------


async def call(client: Peer, upstream: Peer) -> None:
    await client.send(request(7))
    await upstream.send(response(frames.id_of(await upstream.receive())))
    await client.receive()


async def test_a_listener_without_a_log_has_no_lines(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(response(1))
    await client.receive()
    assert world.engine.describe()["unwritten"] == 0
    assert world.count("access_log_lines_total") == 0


async def test_a_disk_that_takes_nothing_costs_lines_and_no_calls(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    log.turn_to(os.open("/dev/full", os.O_WRONLY))
    client = await world.client()
    await client.send(request(1, oneway=True))
    upstream = await backend.accept()
    await upstream.receive()
    for _ in range(2):
        await call(client, upstream)
        await world.advance(0.2)
        await world.until(lambda: not world.engine.describe()["unwritten"])
    assert world.count("access_log_dropped_total") == 3
    assert world.count("access_log_lines_total") == 0
    assert [line for line in world.log if "access log" in line] == [
        f"access log {log.path}: cannot be written: No space left on device"
    ], "it is said once"


async def test_a_reader_that_is_stuck_holds_nobody_up_and_what_is_too_much_is_dropped(world: World, log: Log) -> None:
    world.start(listener=log.listener)
    reader = log.stick()
    client = await world.client()
    burst = b"".join(request(n, service="nobody", oneway=True) for n in range(1, 1001))
    for _ in range(67):
        await client.send(burst)
    await world.until(lambda: world.count("oneways_dropped_total") == 67_000)
    assert world.engine.describe()["unwritten"] == 65_536
    assert world.count("access_log_dropped_total") == 67_000 - 65_536
    await world.advance(0.2)
    await call_without_a_route(client)
    found = b""
    while world.engine.describe()["unwritten"]:
        found += read(reader)
        await asyncio.sleep(0)
    found += read(reader)
    os.close(reader)
    assert found.count(b"\n") == world.count("access_log_lines_total") == 65_536


async def call_without_a_route(client: Peer) -> None:
    await client.send(request(7, service="nobody"))
    assert frames.id_of(await client.receive()) == 7


def read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 20)
    except BlockingIOError:
        return b""


async def one_line_cut_off(world: World, log: Log) -> Peer:
    """The file takes 100 bytes of the line of a call."""
    world.start(listener=log.listener)
    client = await world.client()
    await call_without_a_route(client)
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        await world.advance(0.2)
        await world.until(lambda: not world.engine.describe()["unwritten"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
    return client


async def test_a_line_that_was_cut_off_is_not_added_to(world: World, log: Log) -> None:
    client = await one_line_cut_off(world, log)
    await call_without_a_route(client)
    await world.advance(0.2)
    await world.until(lambda: world.count("access_log_lines_total") == 1)
    torn, whole = log.path.read_bytes().splitlines()
    assert len(torn) == 100
    assert json.loads(whole)["flags"] == "NR"
    assert world.count("access_log_dropped_total") == 1
    assert world.log[-2:] == [
        f"access log {log.path}: {what}" for what in ("cannot be written: File too large", "can be written again")
    ]


async def test_a_new_file_begins_with_a_whole_line(world: World, log: Log) -> None:
    client = await one_line_cut_off(world, log)
    log.path.rename(f"{log.path}.1")
    log.file.reopen()
    await call_without_a_route(client)
    await log.line()
    assert log.path.read_bytes().startswith(b"{")


async def test_a_file_that_cannot_be_opened_yet(world: World, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start(listener=log.listener)
    os.close(log.file.fd)
    log.file.fd = -1
    log.path.unlink()
    log.path.mkdir()
    client = await world.client()
    for _ in range(2):
        await call_without_a_route(client)
        await world.advance(0.2)
        await world.until(lambda: not world.engine.describe()["unwritten"])
    assert world.count("access_log_dropped_total") == 2
    assert len([line for line in world.log if "access log" in line]) == 1
    log.path.rmdir()
    monkeypatch.setattr(logfile, "RETRY", 0.0)
    log.file._again = 0.0
    await call_without_a_route(client)
    await log.line()
    assert world.log[-1] == f"access log {log.path}: can be written again"


@pytest.mark.parametrize("breaks", ["writing", "handing over"])
async def test_what_goes_wrong_costs_its_lines_only(
    world: World, log: Log, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    made: list[Breaking] = []
    monkeypatch.setattr("proxy.datapath.journal.queue", SimpleNamespace(SimpleQueue=lambda: made.append(Breaking()) or made[0]))
    world.start(listener=log.listener)
    client = await world.client()
    with monkeypatch.context() as patch:
        if breaks == "writing":
            patch.setattr(LogFile, "descriptor", lambda _: 1 // 0)
        else:
            made[0].broken = True
        await call_without_a_route(client)
        await world.advance(0.2)
        await world.until(lambda: not world.engine.describe()["unwritten"])
        made[0].broken = False
    assert world.count("access_log_dropped_total") == 1
    assert "access log: internal error: ZeroDivisionError" in world.log.pop()
    await call_without_a_route(client)
    assert (await log.line())["flags"] == "NR"
    assert world.count("access_log_dropped_total") == 1


class Breaking(queue.SimpleQueue):
    """A queue that takes nothing while it is broken."""

    broken = False

    def put(self, item: Any, *rest: Any) -> None:
        super().put(item if not self.broken else 1 // 0, *rest)


async def test_a_way_that_cannot_be_told_costs_a_line_and_no_call(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    msgspec.structs.force_setattr(world.snapshot.routes["table"][0], "name", 5)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.send(response(frames.id_of(await upstream.receive())))
    assert frames.id_of(await client.receive()) == 7
    assert world.count("access_log_dropped_total") == 1


async def test_a_client_whose_address_could_not_be_asked_for(world: World, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start(listener=log.listener)
    client = await world.client()
    await world.until(world.downstreams)
    with monkeypatch.context() as patch:
        patch.setattr("proxy.datapath.transport.sockets", SimpleNamespace(socket=Nameless))
        await call_without_a_route(client)
    await call_without_a_route(client)
    before, after = await log.lines(2)
    assert before["client"] == "gone"
    assert after["client"].startswith("127.0.0.1:")


class Nameless(socket.socket):
    def getpeername(self) -> Any:
        raise OSError


async def test_an_end_of_the_worker_does_not_wait_for_a_reader_for_long(world: World, log: Log) -> None:
    world.start(listener=log.listener)
    reader = log.stick()
    client = await world.client()
    for _ in range(500):
        await call_without_a_route(client)
    world.engine.close()
    assert "access log: 500 lines could not be written in time" in world.log
    while world.engine.describe()["unwritten"]:
        read(reader)
    os.close(reader)


# -- changes ----------------------------------------------------------------------------------------------------------


async def test_a_log_is_added_changed_and_removed(world: World, log: Log, tmp_path: Path) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.send(response(frames.id_of(await upstream.receive())))
    await client.receive()

    def become(spec: AccessLog | None) -> None:
        world.change(listeners={"in": msgspec.structs.replace(world.snapshot.listeners["in"], access_log=spec)})

    become(log.spec)
    await call(client, upstream)
    become(AccessLog(str(tmp_path / "other"), "text"))
    await call(client, upstream)
    become(None)
    await call(client, upstream)
    await world.until(lambda: not world.engine.describe()["unwritten"])
    assert [json.loads(line)["flags"] for line in log.path.read_text().splitlines()] == ["-"]
    assert len((tmp_path / "other").read_text().splitlines()) == 1
    assert (tmp_path / "other").read_text().startswith("[20")
    assert world.count("access_log_lines_total") == 2


async def test_a_call_that_begins_under_one_log_is_written_to_the_one_of_its_end(
    world: World, log: Log, tmp_path: Path
) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    other = Log(world, tmp_path / "other")
    world.change(listeners={"in": msgspec.structs.replace(world.snapshot.listeners["in"], access_log=other.spec)},
                 routes={"table": (Route("all", (), "main"),)})  # fmt: skip
    await upstream.send(response(1))
    await client.receive()
    [line] = await other.lines()
    assert line["route"] == "echo", "the way that it went"
    assert log.size() == 0


async def test_a_log_that_is_removed_takes_what_is_under_way_along(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    world.change(listeners={"in": msgspec.structs.replace(world.snapshot.listeners["in"], access_log=None)})
    await upstream.send(response(1))
    await client.receive()
    await world.advance(0.2)
    assert log.size() == 0
    assert world.engine.describe()["unwritten"] == 0


async def test_a_listener_that_is_removed_still_writes_its_last_lines(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    world.change(listening={}, listeners={})
    await upstream.send(response(1))
    await client.receive()
    await world.advance(0.2)
    await world.until(lambda: log.size() == 1)


async def test_a_listener_that_is_removed_lets_its_file_go_with_its_last_client(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    listeners = world.snapshot.listeners
    world.change(listening={}, listeners={})
    assert log.is_open()
    await upstream.send(response(1))
    await client.receive()
    client.close()
    await world.until(lambda: log.size() == 1)
    await world.until(lambda: not log.is_open())
    world.change(listeners=listeners)
    assert log.is_open()
    world.change(listening={}, listeners={})
    await world.until(lambda: not log.is_open())


async def test_a_listener_of_the_same_name_keeps_its_log(world: World, log: Log) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    listeners = world.snapshot.listeners
    world.change(listening={}, listeners={})
    world.change(listeners=listeners)
    await upstream.send(response(1))
    await client.receive()
    client.close()
    await log.lines(1)
    await call_without_a_route(await world.client())
    await log.lines(2)


async def test_a_path_that_cannot_be_opened_changes_nothing(world: World, log: Log, tmp_path: Path) -> None:
    backend = world.backend()
    world.start(backend, listener=log.listener)
    bad = msgspec.structs.replace(world.snapshot.listeners["in"], access_log=AccessLog(str(tmp_path)))
    with pytest.raises(LogFileError, match="Is a directory"):
        world.change(listeners={"in": bad})
    client = await world.client()
    await client.send(request(7, oneway=True))
    await (await backend.accept()).receive()
    assert (await log.line())["flags"] == "-"
