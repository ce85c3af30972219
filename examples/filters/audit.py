"""A filter of one's own: calls without a token are refused, and every call is counted by how it ended.

In the configuration: `{name: audit, file: ./audit.py, header: authorization, tokens: [secret]}`.
"""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, Field

from proxy.filters import Call, Filter, Reply
from xproto.spec import Fault


class AuditSettings(BaseModel):
    header: str = "authorization"
    tokens: list[str] = Field(min_length=1)


class Audit(Filter):
    Settings = AuditSettings
    settings: AuditSettings
    keys = ("service", "path")

    def __init__(self, settings: AuditSettings) -> None:
        super().__init__(settings)
        self.ended: Counter[tuple[str | None, str | None]] = Counter()

    def on_request(self, call: Call) -> Reply | None:
        if call.get(self.settings.header) not in self.settings.tokens:
            return Reply(Fault.NO_ROUTE, http_status=401, grpc_status=16, text="no token that is known")
        return None

    def on_log(self, call: Call) -> None:
        self.ended[call.get("service") or call.get("path"), call.outcome_name] += 1
