"""What is good material, what is not and why; and that nothing of a key is ever said."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.tls.inspect import judge
from proxy.tls.material import Material
from proxy.tls.providers import MaterialError
from tests.tls.authority import Authority, builder_of, common_name, dates, pem

AUTHORITY = Authority("root")
LEAF = AUTHORITY.issue("web.test", dns=["web.test"], uris=["spiffe://test/web"], ips=["10.0.0.1"], emails=["a@web.test"])
OTHER = AUTHORITY.issue("other.test", key="rsa")


def problems(**fields: str) -> list[tuple[str, str]]:
    with pytest.raises(MaterialError) as caught:
        judge(Material(**fields))
    said = repr(caught.value) + str(caught.value)
    for key in (LEAF.key, OTHER.key):
        assert not any(line in said for line in key.splitlines()[1:-1])
    assert "-----BEGIN" not in said
    return list(caught.value.problems)


def test_what_it_says_of_itself() -> None:
    below = AUTHORITY.intermediate("below")
    leaf = below.issue("web.test", dns=["web.test", "*.web.test"], uris=["spiffe://test/web"], ips=["10.0.0.1"], days=7)
    crl = AUTHORITY.crl(revoked=[OTHER])
    material, facts = judge(Material(leaf.certificate, leaf.key, AUTHORITY.certificate, crl))
    assert material == Material(leaf.certificate, leaf.key, AUTHORITY.certificate, crl)
    assert [each.subject for each in facts.chain] == ["CN=web.test", "CN=below"]
    assert facts.chain[0].names == ("DNS:web.test", "DNS:*.web.test", "URI:spiffe://test/web", "IP:10.0.0.1")
    assert facts.chain[0].issuer == "CN=below"
    assert facts.chain[0].serial == f"{leaf.serial:x}"
    assert facts.chain[0].key == "ECDSA secp256r1"
    assert [each.subject for each in facts.trust] == ["CN=root"]
    assert facts.expiry == leaf.not_after.timestamp()
    assert (facts.crls[0].issuer, facts.crls[0].revoked) == ("CN=root", 1)


@pytest.mark.parametrize("leaf", [LEAF, OTHER], ids=["ecdsa", "rsa"])
def test_keys_as_tools_write_them(leaf) -> None:
    assert judge(Material(leaf.certificate, leaf.key))[1].chain
    old = leaf._private_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert judge(Material(leaf.certificate, old))[1].chain
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert judge(Material(leaf.certificate, parameters + old))[0].private_key == old
    windows = Material(leaf.certificate.replace("\n", "\r\n"), leaf.key.replace("\n", "\r\n"))
    assert judge(windows)[1].chain


def test_ed25519() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    certificate = AUTHORITY.sign(builder_of(common_name("ed"), key, dates(1, None, None)))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert judge(Material(pem(certificate), text))[1].chain[0].key == "Ed25519"


def test_one_file_for_both_leaves_no_key_among_the_certificates() -> None:
    both = f"# of {LEAF}\n{LEAF.key}\n{LEAF.certificate}"
    material, _ = judge(Material(both, both))
    assert material == Material(LEAF.certificate, LEAF.key)


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({}, "", "is empty"),
        ({"certificate": LEAF.certificate}, "certificate", "has no private_key beside it"),
        ({"private_key": LEAF.key}, "private_key", "has no certificate beside it"),
        ({"certificate": LEAF.certificate, "private_key": OTHER.key}, "private_key", "is not the certificate's"),
        (
            {"certificate": OTHER.certificate + LEAF.certificate, "private_key": LEAF.key},
            "private_key",
            "is that of certificate 2 of 2; write the certificate of this key first",
        ),
        ({"certificate": LEAF.certificate, "private_key": LEAF.encrypted_key("x")}, "private_key", "is encrypted"),
        ({"certificate": LEAF.certificate, "private_key": LEAF.key + OTHER.key}, "private_key", "has 2 private keys"),
        ({"certificate": LEAF.key, "private_key": LEAF.key}, "certificate", "has no certificate in PEM"),
        ({"certificate": LEAF.certificate, "private_key": LEAF.certificate}, "private_key", "has no private key in PEM"),
        ({"trust": "nothing"}, "ca", "has no certificate in PEM"),
        ({"trust": AUTHORITY.certificate[:-40]}, "ca", "a block begins and does not end"),
        ({"trust": AUTHORITY.certificate + AUTHORITY.certificate[:200]}, "ca", "a block begins and does not end"),
        ({"trust": AUTHORITY.certificate.replace("MII", "MIJ")}, "ca", "block 1 of 1 cannot be read"),
        ({"trust": AUTHORITY.certificate, "crl": "nothing"}, "crl", "has no revocation list in PEM"),
        ({"trust": AUTHORITY.certificate, "crl": Authority("root").crl()}, "crl", "list 1 of 1 is not signed by its issuer"),
        ({"certificate": LEAF.certificate, "private_key": LEAF.key, "crl": AUTHORITY.crl()}, "crl", "has no ca beside it"),
    ],
)
def test_what_is_no_good(fields: dict[str, str], field: str, said: str) -> None:
    [(where, message)] = problems(**fields)
    assert where == field
    assert said in message
    assert "; " in message  # what to write instead


def test_all_that_is_wrong_at_once() -> None:
    cut = LEAF.key[: len(LEAF.key) // 2]
    found = problems(certificate="nothing", private_key=cut, trust="nothing", crl=AUTHORITY.crl())
    assert [field for field, _ in found] == ["certificate", "private_key", "ca"]


def test_old_encrypted_keys_are_seen_too() -> None:
    done = subprocess.run(
        ["openssl", "rsa", "-aes128", "-traditional", "-passout", "pass:secret"],
        input=OTHER.key, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Proc-Type: 4,ENCRYPTED" in done.stdout
    assert problems(certificate=OTHER.certificate, private_key=done.stdout)[0][1].startswith("is encrypted")


def test_what_openssl_does_not_take_is_refused_here() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    certificate = AUTHORITY.sign(builder_of(common_name("short"), key, dates(1, None, None)))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    [(field, message)] = problems(certificate=pem(certificate), private_key=text)
    assert field == "certificate"
    assert "EE_KEY_TOO_SMALL" in message


def test_the_list_of_an_authority_that_is_not_among_the_roots_is_taken() -> None:
    below = AUTHORITY.intermediate("below")
    assert len(judge(Material(trust=AUTHORITY.certificate, crl=AUTHORITY.crl() + below.crl()))[1].crls) == 2


def test_roots_with_one_name_and_either_of_them_may_sign() -> None:
    old, new = Authority("same"), Authority("same")
    assert judge(Material(trust=old.certificate + new.certificate, crl=new.crl()))[1].crls


def test_a_root_with_a_key_of_a_kind_that_is_not_known_here() -> None:
    """Only its dates matter: OpenSSL judges by it, or does not."""
    key = ec.generate_private_key(ec.SECP521R1())
    now = datetime.now(UTC)
    x = (
        x509.CertificateBuilder()
        .subject_name(common_name("odd")).issuer_name(common_name("odd")).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=2)).not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA512())
    )  # fmt: skip
    assert judge(Material(trust=pem(x)))[1].trust[0].key == "ECDSA secp521r1"


def test_a_repr_shows_nothing() -> None:
    assert repr(Material(LEAF.certificate, LEAF.key)).startswith("<Material ")
    assert len(repr(Material(LEAF.certificate, LEAF.key))) < 30
    assert "not shown" in str(MaterialError(("x", f"why {LEAF.key}")))
