"""A filter that wants the bodies of requests: those that are not signed with the secret are refused, as of webhooks.

In the configuration: `{name: signature, file: ./signature.py, secret: hush, limit: 65536}`.
"""

from __future__ import annotations

import hashlib
import hmac

from pydantic import BaseModel, Field

from proxy.filters import Body, Call, Filter, Reply
from xproto.spec import Fault


class SignatureSettings(BaseModel):
    secret: str = Field(min_length=1)
    header: str = "x-signature"
    limit: int = Field(default=65536, ge=0)


class Signature(Filter):
    Settings = SignatureSettings
    settings: SignatureSettings
    body = Body.BUFFERED

    def __init__(self, settings: SignatureSettings) -> None:
        super().__init__(settings)
        self.body_limit = settings.limit

    def on_route(self, call: Call) -> Reply | None:
        wanted = hmac.new(self.settings.secret.encode(), call.body or b"", hashlib.sha256).hexdigest()
        if not hmac.compare_digest((call.get(self.settings.header) or "").encode(), wanted.encode()):
            return Reply(Fault.NO_ROUTE, http_status=401, grpc_status=16, text="the signature is not that of the body")
        return None
