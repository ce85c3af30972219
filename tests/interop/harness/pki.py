"""Certificates of the TLS tests, in files: one authority that everybody trusts, and everything that can be wrong with one."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.tls.authority import Authority, Issued

from .programs import run

PASSWORD = "changeit"
"""Of the Java key stores. It protects nothing; Java wants one."""
DAY = timedelta(days=1)
WEB = {"dns": ["a.test", "*.a.test"], "ips": ["127.0.0.1"]}
SPIFFE = "spiffe://td/ns/web/sa/client"


class Files(NamedTuple):
    """Where a leaf and its key are."""

    certificate: Path
    key: Path

    @property
    def secret(self) -> str:
        """As the proxy's configuration says it."""
        return f'{{certificate: "{self.certificate}", private_key: "{self.key}"}}'


def leaves(now: datetime) -> dict[str, dict[str, Any]]:
    """What the authority issues, by the names of the files."""
    return {
        "web": WEB,
        "web-rsa": {**WEB, "key": "rsa"},
        "api": {"dns": ["api.test", "*.api.test"]},
        "client": {"uris": [SPIFFE], "dns": ["client.mesh.test"], "server": False},
        "sidecar-a": {"uris": ["spiffe://td/ns/web/sa/a"], "dns": ["sidecar-a.mesh.test"]},
        "sidecar-b": {"uris": ["spiffe://td/ns/web/sa/b"], "dns": ["sidecar-b.mesh.test"]},
        "elsewhere": {"uris": ["spiffe://elsewhere/ns/web/sa/client"], "dns": ["client.elsewhere.test"]},
        "wrong-name": {"dns": ["b.test"]},
        "expired": {**WEB, "not_before": now - 9 * DAY, "not_after": now - DAY},
        "not-yet-valid": {**WEB, "not_before": now + DAY, "not_after": now + 9 * DAY},
        "client-only": {**WEB, "server": False},
        "server-only": {"uris": [SPIFFE], "client": False},
    }


class Pki:
    """`files` by name; `authority` is what all trust, `stranger` what nobody does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.stranger = Authority("mesh"), Authority("stranger")
        self.issued: dict[str, Issued] = {}
        self.files: dict[str, Files] = {}
        self.ca, self.strangers_ca = self.authority.write(folder, "ca"), self.stranger.write(folder, "stranger-ca")
        for name, said in leaves(datetime.now(UTC)).items():
            self.keep(name, self.authority.issue(name, **said))
        between = self.authority.intermediate("first below").intermediate("second below")
        self.keep("below", between.issue("below", uris=[SPIFFE], **WEB))
        self.keep("strange", self.stranger.issue("strange", **WEB))
        self.keep("strange-client", self.stranger.issue("strange-client", uris=[SPIFFE]))
        self.files["self-signed"] = self._self_signed("self-signed")

    def keep(self, name: str, issued: Issued) -> Files:
        """Writes a leaf under that name, over what was there."""
        self.issued[name] = issued
        self.files[name] = Files(*issued.write(self.folder, name))
        return self.files[name]

    def _self_signed(self, name: str) -> Files:
        files = Files(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", str(files.key)]
        names = ["-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test,IP:127.0.0.1"]
        run(["openssl", "req", "-x509", *key, *names, "-out", str(files.certificate)])
        return files

    def bundle(self, name: str) -> Path:
        """The chain and the key in one file, as HAProxy wants them."""
        file = self.folder / f"{name}.pem"
        file.write_text(self.files[name].certificate.read_text() + self.files[name].key.read_text())
        return file

    def keystore(self, name: str, alias: str = "own") -> Path:
        """A Java key store: a leaf with its key, and the authority as a root."""
        file, leaf = self.folder / f"{name}.p12", self.files[name]
        if not file.exists():
            said = ["-in", str(leaf.certificate), "-inkey", str(leaf.key), "-name", alias, "-passout", f"pass:{PASSWORD}"]
            run(["openssl", "pkcs12", "-export", *said, "-out", str(file)])
            self._trusted(file)
        return file

    def truststore(self) -> Path:
        """A Java key store with the authority alone."""
        file = self.folder / "trust.p12"
        if not file.exists():
            self._trusted(file)
        return file

    def _trusted(self, store: Path) -> None:
        said = ["-alias", "ca", "-file", str(self.ca), "-keystore", str(store), "-storetype", "PKCS12", "-storepass", PASSWORD]
        run(["keytool", "-importcert", "-noprompt", *said])

    def spki(self, name: str) -> str:
        """The digest of a leaf's public key, as Chromium wants it."""
        public = self.issued[name].x509.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(public).digest()).decode()

    def serial(self, name: str) -> str:
        """In capitals, as openssl prints it."""
        text = f"{self.issued[name].serial:X}"
        return text.zfill(len(text) + len(text) % 2)

    def certificate_of(self, name: str) -> list[str]:
        """curl's options for a client certificate."""
        return ["--cert", str(self.files[name].certificate), "--key", str(self.files[name].key)]
