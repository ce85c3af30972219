"""Certificate authorities for tests: roots, intermediates, leaves of any names and dates, lists of what is revoked.

    authority = Authority("test")
    web = authority.issue("web.test", dns=["web.test", "*.web.test"], days=30)
    client = authority.issue("client", uris=["spiffe://test/ns/a/sa/b"], server=False)
    certificate, key = web.write(folder, "web")         # folder/web.crt, folder/web.key
    trust = authority.write(folder, "ca")               # folder/ca.crt
    below = authority.intermediate("below")             # its leaves carry its certificate behind their own
    crl = authority.crl(revoked=[client])               # PEM

Everything is PEM text, as in `proxy.tls.material.Material`. Keys are made anew each time: ECDSA P-256 takes next to
nothing, RSA (2,048 bits) a tenth of a second. Everything else is as real authorities do it (basic constraints, key
usage, identifiers of keys), since OpenSSL's strict mode, Go, Java and browsers all look at it.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KeyKind = Literal["ecdsa", "rsa"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

BACKDATED = timedelta(hours=1)
"""How long ago a certificate begins to hold, if nothing else is said: clocks differ."""
CA_DAYS = 365
NAME_MAX = 64
"""Characters of a common name, by X.520."""

_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
    "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


class Issued:
    """A certificate and its private key. `above` are the authorities between it and the root, the next one first."""

    def __init__(self, x: x509.Certificate, private_key: PrivateKey, above: Sequence[x509.Certificate] = ()) -> None:
        self.x509 = x
        self._private_key = private_key
        self.certificate = "".join(pem(each) for each in (x, *above))
        """The chain: this certificate, then those above it but for the root."""
        self.key = key_pem(private_key)
        """PKCS#8, not encrypted."""

    def __repr__(self) -> str:
        return f"<Issued {self.x509.subject.rfc4514_string()} serial={self.serial:x}>"

    @property
    def serial(self) -> int:
        return self.x509.serial_number

    @property
    def not_before(self) -> datetime:
        return self.x509.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        return self.x509.not_valid_after_utc

    def encrypted_key(self, password: str) -> str:
        """The key as nobody here can read it."""
        return key_pem(self._private_key, password)

    def write(self, folder: Path | str, name: str) -> tuple[Path, Path]:
        """Writes ``NAME.crt`` (the chain) and ``NAME.key``, and gives both paths."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        certificate, key = Path(folder, f"{name}.crt"), Path(folder, f"{name}.key")
        certificate.write_text(self.certificate)
        key.touch(mode=0o600)
        key.write_text(self.key)
        return certificate, key


class Authority:
    """A root; or, made by `intermediate`, what stands below one."""

    def __init__(
        self,
        name: str = "test",
        *,
        key: KeyKind = "ecdsa",
        days: float = CA_DAYS,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        parent: Authority | None = None,
    ) -> None:
        self.name = name
        self._private_key = new_key(key)
        self._above: tuple[x509.Certificate, ...] = ()
        self._crl_numbers = itertools.count(1)
        subject = common_name(name)
        builder = builder_of(subject, self._private_key, dates(days, not_before, not_after))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage("digital_signature", "key_cert_sign", "crl_sign"), critical=True)
        if parent is None:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._private_key.public_key())
            builder = builder.issuer_name(subject).add_extension(identifier, critical=False)
            self.x509 = builder.sign(self._private_key, hashes.SHA256())
        else:
            self.x509 = parent.sign(builder)
            self._above = (self.x509, *parent._above)
        self.certificate = pem(self.x509)
        """Its own, without those above."""
        self.key = key_pem(self._private_key)

    def __repr__(self) -> str:
        return f"<Authority {self.name}>"

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Whatever was built, issued by this authority."""
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._private_key.public_key())
        builder = builder.issuer_name(self.x509.subject).add_extension(identifier, critical=False)
        return builder.sign(self._private_key, hashes.SHA256())

    def intermediate(self, name: str, *, key: KeyKind = "ecdsa", days: float = CA_DAYS) -> Authority:
        """An authority below this one; who trusts this one trusts its leaves, since they carry its certificate."""
        return Authority(name, key=key, days=days, parent=self)

    def issue(
        self,
        name: str,
        *,
        dns: Iterable[str] = (),
        uris: Iterable[str] = (),
        ips: Iterable[str] = (),
        emails: Iterable[str] = (),
        days: float = 30,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        key: KeyKind = "ecdsa",
        server: bool = True,
        client: bool = True,
        san: bool = True,
    ) -> Issued:
        """A leaf of that common name.

        Where no alternative name is given, `name` is its only DNS name; `san` false: it has none at all. `days` is from
        now, and may be negative; `not_after` wins over it. `server` and `client` say what it may be used as.
        """
        private_key = new_key(key)
        names: list[x509.GeneralName] = [
            *(x509.DNSName(each) for each in dns),
            *(x509.UniformResourceIdentifier(each) for each in uris),
            *(x509.IPAddress(ipaddress.ip_address(each)) for each in ips),
            *(x509.RFC822Name(each) for each in emails),
        ]
        builder = builder_of(common_name(name), private_key, dates(days, not_before, not_after))
        if san:
            builder = builder.add_extension(x509.SubjectAlternativeName(names or [x509.DNSName(name)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        used = ("digital_signature", "key_encipherment") if key == "rsa" else ("digital_signature",)
        builder = builder.add_extension(usage(*used), critical=True)
        purposes = [
            purpose
            for purpose, wanted in ((ExtendedKeyUsageOID.SERVER_AUTH, server), (ExtendedKeyUsageOID.CLIENT_AUTH, client))
            if wanted
        ]
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        return Issued(self.sign(builder), private_key, self._above)

    def crl(
        self,
        revoked: Iterable[Issued | Authority] = (),
        *,
        last_update: datetime | None = None,
        next_update: datetime | None = None,
    ) -> str:
        """A list of what is revoked, as PEM; each list of an authority has a greater number than the one before."""
        now = datetime.now(UTC)
        begins = now - BACKDATED if last_update is None else last_update
        ends = now + timedelta(days=CA_DAYS) if next_update is None else next_update
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._private_key.public_key())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.x509.subject)
            .last_update(begins)
            .next_update(ends)
            .add_extension(identifier, critical=False)
            .add_extension(x509.CRLNumber(next(self._crl_numbers)), critical=False)
        )
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.x509.serial_number).revocation_date(begins)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._private_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def write(self, folder: Path | str, name: str = "ca") -> Path:
        """Writes ``NAME.crt``, its own certificate, and gives the path. Its key stays here."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = Path(folder, f"{name}.crt")
        path.write_text(self.certificate)
        return path


def new_key(kind: KeyKind) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: PrivateKey, password: str = "") -> str:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:NAME_MAX])])


def dates(days: float, not_before: datetime | None, not_after: datetime | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    ends = now + timedelta(days=days) if not_after is None else not_after
    begins = min(now, ends) - BACKDATED if not_before is None else not_before
    return begins, ends


def usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in names for name in _USAGES})


def builder_of(subject: x509.Name, key: PrivateKey, valid: tuple[datetime, datetime]) -> x509.CertificateBuilder:
    """All but the issuer, and what the certificate is for."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
