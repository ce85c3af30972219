"""Routing is pure: key values in, the index of a route out. No sockets, no clock, no logging, no asyncio."""

from proxy.routing.explain import Verdict
from proxy.routing.table import RouteTable

__all__ = ["RouteTable", "Verdict"]
