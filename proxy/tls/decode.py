"""From one PEM block to what `cryptography` makes of it, and to its facts. With `inspect` all that knows `cryptography`.

Everything that is shown later is read here at once: a certificate that is whole but for one extension fails now, not when
somebody looks.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.tls.facts import Certificate, Crl

UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType, x509.DuplicateExtension)
"""What `cryptography` raises for what it cannot read. Its words are not for logs."""
_KINDS = ((x509.DNSName, "DNS"), (x509.UniformResourceIdentifier, "URI"), (x509.IPAddress, "IP"), (x509.RFC822Name, "email"))


def certificate(block: str) -> tuple[x509.Certificate, Certificate]:
    x = x509.load_pem_x509_certificate(block.encode())
    return x, Certificate(
        subject=x.subject.rfc4514_string(),
        names=_names(x),
        issuer=x.issuer.rfc4514_string(),
        serial=f"{x.serial_number:x}",
        not_before=x.not_valid_before_utc.timestamp(),
        not_after=x.not_valid_after_utc.timestamp(),
        key=_kind(public_key(x)),
        fingerprint=x.fingerprint(SHA256()).hex(),
    )


def public_key(x: x509.Certificate) -> PublicKeyTypes | None:
    """None for keys of kinds that are unknown here; roots may have any."""
    try:
        return x.public_key()
    except UNREADABLE:
        return None


def _kind(key: PublicKeyTypes | None) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return "unknown" if key is None else type(key).__name__.removesuffix("PublicKey").strip("_")


def _names(x: x509.Certificate) -> tuple[str, ...]:
    try:
        found = x.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(f"{kind}:{each.value}" for each in found for type_, kind in _KINDS if isinstance(each, type_))


def crl(block: str) -> tuple[x509.CertificateRevocationList, Crl]:
    x = x509.load_pem_x509_crl(block.encode())
    return x, Crl(x.issuer.rfc4514_string(), x.last_update_utc.timestamp(), _seconds(x.next_update_utc), len(x))


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
