"""Calls of some clients are refused, whatever they speak."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

from pydantic import BaseModel, Field

from proxy.filters import Call, Filter, Reply
from xproto.spec import Fault


class DenylistSettings(BaseModel):
    networks: list[IPv4Network | IPv6Network] = Field(min_length=1)


class Denylist(Filter):
    Settings = DenylistSettings
    settings: DenylistSettings

    def on_request(self, call: Call) -> Reply | None:
        address = call.get("source.address")
        if address is None or address == "unix":
            return None
        client = ip_address(address)
        if any(client in network for network in self.settings.networks):
            return Reply(Fault.NO_ROUTE, http_status=403, grpc_status=7, text="not from there")
        return None
