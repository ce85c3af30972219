"""Self-signed certificates for a run: P-256, the key that is cheapest to sign with, and the same for every contender."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SERVER_NAME = "echo.test"
VALID = dt.timedelta(days=1)


class Pair(NamedTuple):
    """Files; each has one PEM text."""

    certificate: Path
    private_key: Path


class Pems(NamedTuple):
    certificate: bytes
    private_key: bytes


def make(server_name: str) -> Pems:
    """A new key, and its certificate for the name. Valid from a day ago: clocks differ."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, server_name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(server_name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pems(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def pair_of(folder: Path) -> Pair:
    return Pair(folder / "tls.crt", folder / "tls.key")


def stage(pems: Pems, folder: Path) -> None:
    """Beside the pair that is there, for `put`. The folder is the pair's own, as secrets are mounted, and is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, pem in zip(pair_of(folder), pems, strict=True):
        _new(path).write_bytes(pem)


def put(folder: Path) -> Pair:
    """In place of the pair that was there; each file is whole at any moment."""
    pair = pair_of(folder)
    for path in pair:
        _new(path).replace(path)
    return pair


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def of_name(folder: Path, server_name: str = "$ssl_server_name") -> Pair:
    """Where a run has the pair of a name; by default as nginx fills it in."""
    return pair_of(folder / "secrets" / server_name)


def of_run(folder: Path) -> Pair:
    """The one that all contenders of a run present: made when it is first asked for."""
    own = folder / "secret"
    if pair_of(own).private_key.exists():
        return pair_of(own)
    stage(make(SERVER_NAME), own)
    return put(own)
