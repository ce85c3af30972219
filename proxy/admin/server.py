"""The admin port's paths. All but one only read, by GET; POST /reload reads the configuration again.

A web page can make its reader's browser post to a loopback address. Such a request always says where it comes from
(`Origin`), and no tool does: with that header /reload is refused.

Metrics come from the counters' memory without asking a worker; only /clusters and /listeners ask, since connections
are the workers' own. /ready fails as soon as draining begins, before anything else happens; /livez answers as long as
control does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from aiohttp import web

from proxy import __version__
from proxy.admin.redact import dump
from proxy.control.reload import Reloader
from proxy.control.sockets import Bound, bind
from proxy.control.state import State
from proxy.observe.prometheus import CONTENT_TYPE, Exposition, render_extra
from proxy.tls.store import Secrets

SHUTDOWN_TIMEOUT = 0.5
"""Seconds that a scrape may still take when the proxy ends."""

UNPROCESSABLE = 422


class Workers(Protocol):
    """What the admin port needs of `proxy.control.supervisor.Supervisor`."""

    state: State
    restarts: int

    @property
    def ready(self) -> bool: ...

    @property
    def alive(self) -> int: ...

    @property
    def arrays(self) -> Sequence[memoryview]: ...

    async def describe(self) -> list[dict[str, Any]]: ...


class Admin:
    """The port. `start` binds (raising `BindError`) and gives the address with its real port."""

    def __init__(self, workers: Workers, reloader: Reloader, secrets: Secrets) -> None:
        self._workers, self._reloader, self._secrets = workers, reloader, secrets
        self._exposition = Exposition(workers.state.layout)
        self._began = time.monotonic()
        self._bound: Bound | None = None
        app = web.Application()
        self._paths = {
            "/metrics": self._metrics,
            "/ready": self._ready,
            "/livez": self._livez,
            "/config_dump": self._config_dump,
            "/certs": self._certs,
            "/clusters": self._clusters,
            "/listeners": self._listeners,
            "/server_info": self._server_info,
        }
        app.router.add_get("/", self._index)
        for path, handler in self._paths.items():
            app.router.add_get(path, handler)
        app.router.add_post("/reload", self._reload)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_TIMEOUT)

    async def start(self, address: str) -> str:
        self._bound = bind("admin", address, 1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._bound.sockets[0]).start()
        return self._bound.address

    async def stop(self) -> None:
        await self._runner.cleanup()
        if self._bound is not None:
            self._bound.close()

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text="".join(f"{path}\n" for path in self._paths) + "/reload (POST)\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        workers, reloader = self._workers, self._reloader
        if self._exposition.layout is not workers.state.layout:
            self._exposition = Exposition(workers.state.layout)
        text = self._exposition.render(workers.arrays)
        text += render_extra("xproto_workers", "gauge", "Worker processes alive.", [((), workers.alive)])
        restarts = "Worker processes started again after they died."
        text += render_extra("xproto_worker_restarts_total", "counter", restarts, [((), workers.restarts)])
        results = [((("result", "ok"),), reloader.ok), ((("result", "refused"),), reloader.refused)]
        text += render_extra("xproto_reloads_total", "counter", "Configurations read again.", results)
        when = "When the configuration in force was last read from its file."
        text += render_extra("xproto_last_reload_timestamp_seconds", "gauge", when, [((), reloader.last)])
        return web.Response(body=(text + self._secret_metrics()).encode(), headers={"Content-Type": CONTENT_TYPE})

    def _secret_metrics(self) -> str:
        ends = "When the first certificate of a secret expires."
        expiries = [((("secret", name),), moment) for name, moment in self._secrets.expiries()]
        text = render_extra("xproto_certificate_expiry_timestamp_seconds", "gauge", ends, expiries)
        loaded = "Times that a secret's material was taken, or was no good and refused."
        loads = [((("secret", name), ("result", result)), count) for name, result, count in self._secrets.loads()]
        return text + render_extra("xproto_secret_loads_total", "counter", loaded, loads)

    async def _ready(self, _: web.Request) -> web.Response:
        if self._workers.ready:
            return web.Response(text="ready\n")
        return web.Response(text="not ready\n", status=503)

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _config_dump(self, _: web.Request) -> web.Response:
        return as_json(dump(self._workers.state.snapshot))

    async def _certs(self, _: web.Request) -> web.Response:
        return as_json({"secrets": self._secrets.describe()})

    async def _clusters(self, _: web.Request) -> web.Response:
        return as_json({"workers": [each.get("clusters") for each in await self._workers.describe()]})

    async def _listeners(self, _: web.Request) -> web.Response:
        return as_json({"workers": [each.get("listeners") for each in await self._workers.describe()]})

    async def _server_info(self, _: web.Request) -> web.Response:
        workers = self._workers
        state = "ready" if workers.ready else "not ready"
        info = {"version": __version__, "state": state, "uptime": round(time.monotonic() - self._began, 3)}
        workers_now = {"workers": workers.alive, "worker_restarts": workers.restarts}
        return as_json({**info, **workers_now, "file": self._reloader.file})

    async def _reload(self, request: web.Request) -> web.Response:
        if "Origin" in request.headers:
            raise web.HTTPForbidden(text="not for web pages\n")
        report = await asyncio.shield(self._reloader.ask())
        if report.changes is None:
            return as_json({"result": "refused", "problems": report.problems}, UNPROCESSABLE)
        return as_json({"result": "ok", "changes": report.changes.as_data(), "summary": str(report.changes)})


def as_json(value: Any, status: int = 200) -> web.Response:
    """Indented, since people read it."""
    body = msgspec.json.format(msgspec.json.encode(value), indent=2)
    return web.Response(body=body + b"\n", status=status, content_type="application/json")
