"""What a secret is at a moment: certificates and keys as PEM text.

Material travels from control to the workers beside the snapshot, never in it. What always holds: its `repr` shows no part
of it, so neither does a log line or a traceback.
"""

from __future__ import annotations

import hashlib

import msgspec


class Material(msgspec.Struct, frozen=True):
    """PEM texts; what a secret does not have is empty.

    `certificate` is a chain, the leaf first, and `private_key` the leaf's. `trust` has roots, `crl` the lists of what they
    have revoked.
    """

    certificate: str = ""
    private_key: str = ""
    trust: str = ""
    crl: str = ""

    def __repr__(self) -> str:
        return f"<Material {self.digest[:12]}>"

    @property
    def digest(self) -> str:
        """Equal for equal material only; says nothing of it."""
        parts = (self.certificate, self.private_key, self.trust, self.crl)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
