"""Secrets out of a dump: whatever stands under a key that sounds like one, however deep.

The section `secrets` is no secret: it has names, providers and paths. Only what a provider other than `file` is told may be
one, whatever its key.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from proxy.snapshot import Snapshot
from proxy.tls.settings import Secret

REDACTED = "[redacted]"
_SECRET = re.compile(r"password|passwd|secret|token|credential|private_?key|api_?key", re.IGNORECASE)


def dump(snapshot: Snapshot) -> dict[str, Any]:
    """What may be shown of a snapshot, as plain data."""
    shown: dict[str, Any] = redact(msgspec.to_builtins(snapshot))
    return shown | {"secrets": {name: _secret(secret) for name, secret in snapshot.secrets.items()}}


def _secret(secret: Secret) -> dict[str, Any]:
    settings = secret.settings if secret.provider == "file" else dict.fromkeys(secret.settings, REDACTED)
    return {"name": secret.name, "provider": secret.provider, "settings": settings}


def redact(value: Any) -> Any:
    """A copy with the values of secret keys replaced; keys and shape stay."""
    if isinstance(value, dict):
        return {key: REDACTED if _SECRET.search(str(key)) else redact(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [redact(child) for child in value]
    return value
