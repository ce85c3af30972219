"""The demo's own certificates: an authority that lives as long as the demo, the proxy's certificate, the clients'.

Keys of clients stay in the demo's folder, as they would on the clients' machines; the folder is the user's own.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SERVER_NAME = "mesh.demo"
CLIENT = "spiffe://demo/client"
LIFE = timedelta(days=40)
"""Longer than that from which on the proxy would warn."""


class Certificates:
    """Files in a folder: ``ca.crt``, and for ``mesh`` and ``client`` each a ``.crt`` and a ``.key``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("xproto demo")
        own = x509.BasicConstraints(ca=True, path_length=0)
        authority = _builder(name, name, key).add_extension(own, critical=True).sign(key, hashes.SHA256())
        (folder / "ca.crt").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        self._issue("mesh", x509.DNSName(SERVER_NAME), name, key)
        self._issue("client", x509.UniformResourceIdentifier(CLIENT), name, key)

    def _issue(self, name: str, san: x509.GeneralName, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([san])
        leaf = _builder(_name(name), issuer, key).add_extension(names, critical=False).sign(issuer_key, hashes.SHA256())
        (self.folder / f"{name}.crt").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        path = self.folder / f"{name}.key"
        path.touch(mode=0o600)
        pem, form, bare = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path.write_bytes(key.private_bytes(pem, form, bare))

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def context(self, *alpn: str) -> ssl.SSLContext:
        """A client's, who trusts this authority, has its certificate and would speak these protocols."""
        made = ssl.create_default_context(cafile=self.path("ca.crt"))
        if alpn:
            made.set_alpn_protocols(alpn)
        made.load_cert_chain(self.path("client.crt"), self.path("client.key"))
        return made


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )
