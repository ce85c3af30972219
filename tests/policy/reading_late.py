"""The same, of a filter that has nothing to say before there is a route."""

from __future__ import annotations

from proxy.filters import Filter
from tests.policy.reading import Buffering


class BufferingLate(Buffering):
    on_request = Filter.on_request
