"""How peers are judged beyond OpenSSL's verdict."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from proxy.tls import verifiers
from proxy.tls.failures import RejectedError
from proxy.tls.peer import Identity
from proxy.tls.settings import Extension, SanMatch
from proxy.tls.verifiers import SanVerifier, make_verifiers

PEER = Identity(
    "TLSv1.3", "X", fingerprint="ab" * 32,
    sans=(("DNS", "a.mesh.test"), ("DNS", "*.wild.test"), ("URI", "spiffe://td/ns/a"), ("IP Address", "10.0.0.1"),
          ("IP Address", "2001:DB8:0:0:0:0:0:1"), ("email", "Me@a.test")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "holds"),
    [
        ("exact", "a.mesh.test", True), ("exact", "A.MESH.TEST", True), ("exact", "mesh.test", False),
        ("exact", "10.0.0.1", True), ("exact", "2001:db8::1", True), ("exact", "10.0.0.10", False),
        ("exact", "Me@a.test", True), ("exact", "me@a.test", False), ("exact", "spiffe://td/ns/a", False),
        ("exact", "x.wild.test", False), ("exact", "*.wild.test", True),
        ("suffix", ".mesh.test", True), ("suffix", ".MESH.test", True), ("suffix", ".esh.test", False),
        ("suffix", ".a.mesh.test", False), ("suffix", ".wild.test", False), ("suffix", ".test", True),
        ("uri", "spiffe://td/ns/a", True), ("uri", "spiffe://td/*", True), ("uri", "spiffe://td/ns/*", True),
        ("uri", "spiffe://td/ns", False), ("uri", "SPIFFE://td/ns/a", False), ("uri", "a.mesh.test", False),
    ],
)  # fmt: skip
def test_names(kind: Any, value: str, holds: bool) -> None:
    judge = SanVerifier((SanMatch("exact", "nobody"), SanMatch(kind, value)))
    if holds:
        return judge(PEER, None)
    with pytest.raises(RejectedError, match="none of its names") as caught:
        judge(PEER, None)
    assert caught.value.reason == "name"
    return None


def test_fingerprints() -> None:
    (known,) = make_verifiers([Extension("fingerprints", {"sha256": [":".join(["AB"] * 32)]})])
    known(PEER, None)
    (unknown,) = make_verifiers([Extension("fingerprints", {"sha256": []})])
    with pytest.raises(RejectedError, match="not in the list") as caught:
        unknown(PEER, None)
    assert caught.value.reason == "verifier"


def test_one_of_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("strict", "tests.tls.test_verifiers:Strict", verifiers.GROUP)
    monkeypatch.setattr(verifiers, "entry_points", lambda **by: [entry] if by.get("name", "strict") == "strict" else [])
    (made,) = make_verifiers([Extension("strict", {"only": "spiffe://td/ns/b"})])
    with pytest.raises(RejectedError, match="not that one"):
        made(PEER, b"der")


class Strict:
    def __init__(self, only: str) -> None:
        self.only = only

    def __call__(self, identity: Identity, certificate: bytes | None, /) -> None:
        assert certificate == b"der"
        if identity.principal != self.only:
            raise RejectedError("verifier", "not that one")


def test_wrong_extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="there is no verifier 'fingerprint'; did you mean 'fingerprints'"):
        make_verifiers([Extension("fingerprint")])
    with pytest.raises(ValueError, match=r"verifier 'fingerprints': .*unexpected keyword argument 'sha1'"):
        make_verifiers([Extension("fingerprints", {"sha1": []})])
    twin = EntryPoint("fingerprints", "tests.tls.test_verifiers:Strict", verifiers.GROUP)
    monkeypatch.setattr(verifiers, "entry_points", lambda **_: [twin])
    with pytest.raises(ValueError, match="there are 2 of that name"):
        make_verifiers([Extension("fingerprints")])


def test_a_verifier_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> Strict:
        raise RuntimeError("no such file")

    monkeypatch.setattr(verifiers, "VERIFIERS", {"broken": broken, "fingerprints": verifiers.Fingerprints})
    with pytest.raises(ValueError, match="verifier 'broken': RuntimeError: no such file"):
        make_verifiers([Extension("broken")])
    with pytest.raises(ValueError, match="sha256 has to be a list"):
        make_verifiers([Extension("fingerprints", {"sha256": "ab"})])
