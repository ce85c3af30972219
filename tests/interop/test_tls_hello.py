"""ClientHellos that are larger than a packet, and that come in pieces: of segments, of records, byte by byte.

Go's client offers a post-quantum key share without being asked, as Chromium does: more than 1,200 bytes of a hello that fitted
into one packet for twenty years. Middleboxes that wait for it in one read, or in one record, break such clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from harness.programs import curl
from harness.proxy import Proxy
from harness.secure import Secure, front_config, to
from harness.tls import s_client
from harness.tls_between import Cut, Pieces

if TYPE_CHECKING:
    from pathlib import Path

PACKET = 1460
HYBRID = ("X25519MLKEM768", "X25519")
CUTS: list[tuple[Cut, int]] = [("segments", 1), ("segments", 7), ("segments", 600), ("records", 80), ("records", 1200)]
MANY_RECORDS = 32
"""The proxy takes no hello that is in more: nobody's is, and one of a byte each costs more to read than it says."""
GET = {"server_name": "a.test", "host": "a.test", "path": "/echo"}


def get(secure: Secure, target: str, **args: Any) -> list[dict[str, Any]]:
    """What Go's client says of its connections."""
    said = secure.peer("go").ok("get", target=target, ca=str(secure.pki.ca), **{**GET, **args})
    visits: list[dict[str, Any]] = said["visits"]
    return visits


def test_a_hello_with_a_post_quantum_share(secure: Secure, via: str) -> None:
    """Whether the server has the group or not: without it, it takes the other share that was sent."""
    (visit,) = get(secure, secure.at(via))
    assert (visit["status"], visit["version"]) == (200, "TLS 1.3")
    assert visit["hello"] > 1300
    assert visit["group"] in HYBRID


def test_a_hello_with_a_post_quantum_share_alone(secure: Secure, via: str) -> None:
    """A server that has no such group asks for another share (HelloRetryRequest), and gets it in a second hello."""
    (visit,) = get(secure, secure.at(via), groups=["SecP384r1MLKEM1024", "P-256"])
    assert (visit["status"], visit["version"], visit["hello"] > PACKET) == (200, "TLS 1.3", True)


@pytest.mark.parametrize(("cut", "size"), CUTS)
@pytest.mark.parametrize("max", ["1.2", "1.3"])
def test_a_large_hello_in_pieces(secure: Secure, via: str, cut: Cut, size: int, max: str) -> None:
    with Pieces(secure.at(via), cut, size) as relay:
        visits = get(secure, relay.address, max=max, count=2)
    assert [(visit["status"], visit["version"], visit["resumed"]) for visit in visits] == [
        (200, f"TLS {max}", False), (200, f"TLS {max}", True)
    ]  # fmt: skip


@pytest.mark.parametrize(("cut", "size"), CUTS)
def test_a_client_certificate_in_pieces(secure: Secure, via: str, cut: Cut, size: int) -> None:
    leaf = secure.pki.files["client"]
    own = {"certificate": str(leaf.certificate), "key": str(leaf.key)}
    with Pieces(secure.at(via, "node_demanding", "demanding"), cut, size) as relay:
        (visit,) = get(secure, relay.address, **own)
    assert visit["status"] == 200


@pytest.mark.parametrize(("cut", "size"), CUTS)
def test_openssl_and_curl_in_pieces(secure: Secure, via: str, cut: Cut, size: int) -> None:
    with Pieces(secure.at(via), cut, size) as relay:
        said = s_client(relay.address, secure.pki, "-servername", "a.test", "-groups", "X25519:P-256", stdin=b"")
        assert "Verify return code: 0 (ok)" in said
        options = ["--cacert", str(secure.pki.ca), *to(relay.address), "-w", "%{http_code}"]
        assert curl(*options, "https://a.test/status?code=204").stdout == b"204"


@pytest.mark.parametrize(("cut", "size"), CUTS)
def test_both_on_one_port_in_pieces(secure: Secure, cut: Cut, size: int) -> None:
    """A port that also speaks in the clear must not take the first bytes for something else."""
    with Pieces(secure.proxy.listeners["either"], cut, size) as relay:
        assert get(secure, relay.address)[0]["status"] == 200


@pytest.mark.parametrize("max", ["1.2", "1.3"])
def test_go_resumes(secure: Secure, via: str, max: str) -> None:
    visits = get(secure, secure.at(via), max=max, count=4)
    assert [visit["resumed"] for visit in visits] == [False, True, True, True]


@pytest.mark.parametrize("max", ["1.2", "1.3"])
def test_go_resumes_or_not_where_there_are_two_workers(secure: Secure, tmp_path: Path, max: str) -> None:
    """A session may be another worker's: then the handshake is a whole one."""
    setup = "workers: 2\n" + front_config(secure.pki, secure.plain)
    with Proxy(setup, tmp_path, "two") as proxy:
        visits = get(secure, proxy.address, max=max, count=20)
    assert [visit["status"] for visit in visits] == [200] * 20


@pytest.mark.parametrize("max", ["1.0", "1.1"])
def test_go_is_told_which_versions_are_too_old(secure: Secure, via: str, max: str) -> None:
    said = secure.peer("go").do("get", target=secure.at(via), ca=str(secure.pki.ca), min=max, max=max, **GET)
    assert "protocol version not supported" in said["message"], said


@pytest.mark.parametrize("leaf", ["", "strange-client", "expired", "elsewhere"])
def test_go_is_told_what_is_wrong_with_its_certificate(secure: Secure, leaf: str) -> None:
    """Each has its alert; but for one that is trusted and not wanted here, since that is seen when the handshake is over."""
    files = secure.pki.files[leaf] if leaf else None
    own = {"certificate": str(files.certificate), "key": str(files.key)} if files else {}
    front = secure.proxy.listeners["demanding"]
    said = secure.peer("go").do("get", target=front, ca=str(secure.pki.ca), **own, **GET)
    alerts = {"": "certificate required", "strange-client": "unknown certificate authority", "expired": "expired certificate",
              "elsewhere": "EOF"}  # fmt: skip
    assert (said["ok"], alerts[leaf] in said["message"]) == (False, True), said


@pytest.mark.parametrize("listener", ["mesh", "either"])
def test_a_hello_in_more_records_than_anybody_sends(secure: Secure, listener: str) -> None:
    front = secure.proxy.listeners[listener]
    with Pieces(front, "records", 1500 // MANY_RECORDS) as relay:
        assert not secure.peer("go").do("get", target=relay.address, ca=str(secure.pki.ca), **GET)["ok"]
    assert get(secure, front)[0]["status"] == 200
