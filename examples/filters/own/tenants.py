"""Who calls, by a key that is looked up elsewhere; then the call's route is decided again by what was found.

It is asked in `on_route`, so a route may be without it (`filters: {tenants: false}`), and only calls of the others wait.
"""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from proxy.filters import Call, Filter, Next, Reply
from xproto.spec import Fault

TENANT = "tenant"


class TenantsSettings(BaseModel):
    header: str = "x-key"
    known: dict[str, str]


class Tenants(Filter):
    Settings = TenantsSettings
    settings: TenantsSettings

    async def on_route(self, call: Call) -> Next | Reply:
        if TENANT in call.metadata:
            return Next.CONTINUE
        tenant = await self.look_up(call.get(self.settings.header, ""))
        if tenant is None:
            return Reply(Fault.NO_ROUTE, http_status=403, grpc_status=7, text="nobody's key")
        call.metadata[TENANT] = tenant
        return Next.MATCH_AGAIN

    async def look_up(self, key: str) -> str | None:
        """In a database, perhaps: other calls go on meanwhile."""
        await asyncio.sleep(0.001)
        return self.settings.known.get(key)
