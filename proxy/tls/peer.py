"""Who is at the other end of a TLS connection, as plain data: for rules, logs and the hop behind this one.

What always holds: a name is what the certificate says byte for byte; one with a NUL or another control character in it is
refused before it gets here (`refuse_controls`), since what reads it next may take its beginning for the whole
(CVE-2009-2408, CVE-2013-4238, CVE-2026-47778).
"""

from __future__ import annotations

import hashlib
import ssl
import time
from dataclasses import dataclass
from typing import Any

from proxy.tls.failures import RejectedError

_NAMES = {
    "commonName": "CN",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "domainComponent": "DC",
    "userId": "UID",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """`sans` are pairs as `ssl` gives them: ("DNS", "a.test"), ("URI", "spiffe://…"), ("IP Address", "10.0.0.1"),
    ("email", …). Without a certificate of the peer's `fingerprint` is empty, and so are its names.
    """

    version: str
    cipher: str
    alpn: str | None = None
    server_name: str | None = None
    resumed: bool = False
    subject: str = ""
    sans: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""
    """SHA-256 of the certificate, in hexadecimal."""

    @property
    def principal(self) -> str | None:
        """The one name that rules see as ``tls.san``: the first URI, or else the first DNS name, or the first of all."""
        for kind in ("URI", "DNS"):
            for found, value in self.sans:
                if found == kind:
                    return value
        return self.sans[0][1] if self.sans else None

    @property
    def forwarded(self) -> str:
        """The element of X-Forwarded-Client-Cert for it, as Envoy writes them; empty without a certificate."""
        if not self.fingerprint:
            return ""
        parts = [f"Hash={self.fingerprint}"]
        if self.subject:
            parts.append(f"Subject={_quoted(self.subject)}")
        parts += [f"URI={_quoted_if_needed(value)}" for kind, value in self.sans if kind == "URI"]
        parts += [f"DNS={_quoted_if_needed(value)}" for kind, value in self.sans if kind == "DNS"]
        return ";".join(parts)

    def describe(self) -> dict[str, Any]:
        """For people, as plain data."""
        told: dict[str, Any] = {"version": self.version, "cipher": self.cipher, "alpn": self.alpn, "sni": self.server_name}
        if self.resumed:
            told["resumed"] = True
        if self.fingerprint:
            told |= {"subject": self.subject, "san": [value for _, value in self.sans], "sha256": self.fingerprint}
        return told


def identify(tls: ssl.SSLObject, server_name: str | None) -> Identity:
    """Of a handshake that is over. Raises `RejectedError`."""
    cipher = tls.cipher()
    found: dict[str, Any] = dict(tls.getpeercert() or {})
    der = tls.getpeercert(binary_form=True)
    sans = tuple((str(kind), str(value)) for kind, value in found.get("subjectAltName", ()))
    pairs: list[Any] = [pair for rdn in found.get("subject", ()) for pair in rdn]
    if tls.session_reused and found and ssl.cert_time_to_seconds(str(found["notAfter"])) < time.time():
        raise RejectedError("expired", "its certificate has expired since the session began that it resumes")
    refuse_controls([*(value for _, value in sans), *(str(value) for _, value in pairs)])
    return Identity(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=tls.selected_alpn_protocol(),
        server_name=server_name,
        resumed=bool(tls.session_reused),
        subject=",".join(f"{_NAMES.get(key, key)}={_escaped(value)}" for key, value in reversed(pairs)),
        sans=sans,
        fingerprint=hashlib.sha256(der).hexdigest() if der else "",
    )


def refuse_controls(names: list[str]) -> None:
    """Raises `RejectedError` for a certificate with a name that two readers may take for two names."""
    for name in names:
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in name):
            raise RejectedError("name", f"its certificate has a control character in the name {name!r}")


def _escaped(value: str) -> str:
    """RFC 4514, section 2.4."""
    text = "".join(f"\\{char}" if char in ',+"\\<>;' else char for char in value)
    if text[:1] in {" ", "#"}:
        text = f"\\{text}"
    return f"{text[:-1]}\\ " if text.endswith(" ") and not text.endswith("\\ ") else text


def _quoted(value: str) -> str:
    """For a field of HTTP: what is not ASCII is escaped, whatever the certificate said."""
    plain = value.encode("ascii", "backslashreplace").decode()
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted_if_needed(value: str) -> str:
    return _quoted(value) if any(char in ',;="' for char in value) or not value.isascii() else value
