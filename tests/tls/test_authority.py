"""What the tests' authority issues is what OpenSSL accepts, strictly, or refuses for the reason that was asked for."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.tls.authority import Authority, Issued

NOW = datetime.now(UTC)


def server_context(folder: Path, leaf: Issued) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*leaf.write(folder, "server"))
    return context


def client_context(trust: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=trust)
    return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict:
    """What the client knows of the server; raises what it refuses it for."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours.getpeercert()


@pytest.mark.parametrize("key", ["ecdsa", "rsa"])
def test_a_leaf_is_trusted_by_who_trusts_its_authority(tmp_path: Path, key: str) -> None:
    authority = Authority(key=key)
    leaf = authority.issue("a.test", dns=["a.test", "*.b.test"], uris=["spiffe://x/y"], ips=["127.0.0.1", "::1"], key=key)
    found = handshake(server_context(tmp_path, leaf), client_context(authority.certificate), "c.b.test")
    assert ("URI", "spiffe://x/y") in found["subjectAltName"]
    assert ("IP Address", "127.0.0.1") in found["subjectAltName"]


def test_leaves_of_an_intermediate_carry_their_chain(tmp_path: Path) -> None:
    root = Authority("root")
    leaf = root.intermediate("first").intermediate("second").issue("a.test")
    assert leaf.certificate.count("BEGIN CERTIFICATE") == 3
    assert handshake(server_context(tmp_path, leaf), client_context(root.certificate), "a.test")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"days": -1}, "certificate has expired"),
        ({"not_before": NOW + timedelta(days=1), "not_after": NOW + timedelta(days=2)}, "not yet valid"),
        ({"dns": ["b.test"]}, "Hostname mismatch"),
        ({"server": False}, "unsuitable certificate purpose"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, arguments: dict, reason: str) -> None:
    authority = Authority()
    leaf = authority.issue("a.test", **arguments)
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        handshake(server_context(tmp_path, leaf), client_context(authority.certificate), "a.test")
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(server_context(tmp_path, Authority("test").issue("a.test")), client_context(authority.certificate), "a.test")


def test_a_revoked_leaf_is_refused_by_who_has_the_list(tmp_path: Path) -> None:
    authority = Authority()
    good, bad = authority.issue("a.test"), authority.issue("a.test")
    crl = tmp_path / "crl.pem"
    crl.write_text(authority.crl(revoked=[bad]))
    client = client_context(authority.certificate)
    client.load_verify_locations(cafile=str(crl))
    client.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    assert handshake(server_context(tmp_path, good), client, "a.test")
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
        handshake(server_context(tmp_path, bad), client, "a.test")


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    _, key = Authority().issue("a.test").write(tmp_path / "new", "a")
    assert key.stat().st_mode & 0o777 == 0o600
