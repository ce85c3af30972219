"""Who a peer is: names as the certificate has them, the forms in which they are told, and names that are refused."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.tls.failures import RejectedError
from proxy.tls.peer import Identity, identify, refuse_controls
from tests.tls.authority import Authority, Issued
from tests.tls.handshake import shaken

CA = Authority("mesh")


def identity(*sans: tuple[str, str], subject: str = "") -> Identity:
    return Identity("TLSv1.3", "X", subject=subject, sans=sans, fingerprint="ab" * 32)


def test_identify() -> None:
    leaf = CA.issue("client", dns=["a.test", "b.test"], uris=["spiffe://td/a"], ips=["10.0.0.1"])
    server, _ = shaken(CA, client=leaf, alpn=["x"])
    found = identify(server, "web.test")
    assert found.sans == (("DNS", "a.test"), ("DNS", "b.test"), ("URI", "spiffe://td/a"), ("IP Address", "10.0.0.1"))
    assert found.subject == "CN=client"
    assert found.principal == "spiffe://td/a"
    assert (found.version, found.alpn, found.server_name, found.resumed) == ("TLSv1.3", "x", "web.test", False)
    assert found.fingerprint == leaf.x509.fingerprint(hashes.SHA256()).hex()


def test_without_a_certificate_there_are_no_names() -> None:
    found = identify(shaken(CA)[0], None)
    assert (found.fingerprint, found.sans, found.subject, found.principal, found.forwarded) == ("", (), "", None, "")


@pytest.mark.parametrize(
    ("sans", "principal"),
    [
        ((("DNS", "a"), ("URI", "spiffe://td/a")), "spiffe://td/a"),
        ((("email", "e@a"), ("DNS", "a")), "a"),
        ((("IP Address", "10.0.0.1"),), "10.0.0.1"),
        ((), None),
    ],
)
def test_the_one_name_that_rules_see(sans: tuple[tuple[str, str], ...], principal: str | None) -> None:
    assert identity(*sans).principal == principal


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (identity(), f"Hash={'ab' * 32}"),
        (identity(subject="CN=a,O=b"), f'Hash={"ab" * 32};Subject="CN=a,O=b"'),
        (identity(("URI", "spiffe://td/a"), ("DNS", "a"), ("email", "x@y")), f"Hash={'ab' * 32};URI=spiffe://td/a;DNS=a"),
        (identity(("URI", "x;DNS=admin")), f'Hash={"ab" * 32};URI="x;DNS=admin"'),
        (identity(("URI", 'x";DNS=admin')), f'Hash={"ab" * 32};URI="x\\";DNS=admin"'),
        (identity(subject='CN=a"b\\\\'), f'Hash={"ab" * 32};Subject="CN=a\\"b\\\\\\\\"'),
        (identity(subject="CN=ü"), f'Hash={"ab" * 32};Subject="CN=\\\\xfc"'),
    ],
)
def test_forwarded(given: Identity, told: str) -> None:
    assert given.forwarded == told
    assert given.forwarded.isascii()
    assert "\n" not in given.forwarded


@pytest.mark.parametrize("name", ["a.test\0.evil.test", "a\nb", "a\x7f", "a\r\nX-Admin: 1"])
def test_names_with_controls(name: str) -> None:
    with pytest.raises(RejectedError, match="control character") as caught:
        refuse_controls(["fine", name])
    assert caught.value.reason == "name"


@pytest.mark.parametrize("name", ["bank.test\0.evil.test", "spiffe://td/a\0b"])
def test_a_nul_in_a_name_of_a_certificate(name: str) -> None:
    """CVE-2026-47778, as CVE-2009-2408: whoever stops at the NUL takes it for another name."""
    key = ec.generate_private_key(ec.SECP256R1())
    uri = name.startswith("spiffe")
    general = x509.UniformResourceIdentifier(name) if uri else x509.DNSName(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = CA.issue("x", dns=["x.test"])
    built = CA.sign(
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.not_before)
        .not_valid_after(now.not_after)
        .add_extension(x509.SubjectAlternativeName([general]), critical=False)
    )
    server, _ = shaken(CA, client=Issued(built, key))
    with pytest.raises(RejectedError, match="control character") as caught:
        identify(server, None)
    assert caught.value.reason == "name"


def test_a_resumed_session_of_a_certificate_that_has_expired_since(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.tls import peer

    leaf = CA.issue("client", dns=["a.test"])
    server, client = shaken(CA, client=leaf)
    again, _ = shaken(CA, client=leaf, resuming=(server, client))
    assert isinstance(again, ssl.SSLObject)
    assert identify(again, None).resumed
    monkeypatch.setattr(peer.time, "time", lambda: leaf.not_after.timestamp() + 1)
    with pytest.raises(RejectedError, match="has expired since") as caught:
        identify(again, None)
    assert caught.value.reason == "expired"
