"""What certificates and lists say of themselves, as people are shown it. Plain data; nothing secret is in it."""

from __future__ import annotations

from typing import NamedTuple


class Certificate(NamedTuple):
    """Times are seconds since 1970."""

    subject: str
    names: tuple[str, ...]
    """The alternative names: ``DNS:web.test``, ``URI:spiffe://test/web``, ``IP:10.0.0.1``."""
    issuer: str
    serial: str
    """In hex."""
    not_before: float
    not_after: float
    key: str
    fingerprint: str
    """SHA-256, in hex."""


class Crl(NamedTuple):
    """Times are seconds since 1970; `next_update` None: it does not say."""

    issuer: str
    last_update: float
    next_update: float | None
    revoked: int


class Facts(NamedTuple):
    chain: tuple[Certificate, ...]
    """The leaf first."""
    trust: tuple[Certificate, ...]
    crls: tuple[Crl, ...]

    @property
    def expiry(self) -> float:
        """When the first of all certificates ends."""
        return min(each.not_after for each in (*self.chain, *self.trust))
