"""curl over TLS, straight to Node's server and through the proxy: what people try first."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from harness.pki import SPIFFE
from harness.programs import curl
from harness.secure import Secure, to
from harness.tls_programs import Balancer

if TYPE_CHECKING:
    from pathlib import Path

TWO_MB = 2_000_000
URL = "https://a.test"
UNTRUSTED, NO_HANDSHAKE, BROKEN, EMPTY, UNSENT, PARTIAL = 60, 35, 56, 52, 55, 18
"""How curl ends: the server is not believed; the handshake fails; the connection does, which is how TLS 1.3 refuses a client;
the connection ends without a word, as Node's servers do it."""
REFUSED = {"proxy": {NO_HANDSHAKE, BROKEN, UNTRUSTED}, "direct": {NO_HANDSHAKE, BROKEN, EMPTY}}
"""The proxy says by an alert what is wrong; one of them (the certificate has expired) curl takes for its own verdict."""
BEGUN: dict[str, set[int]] = {"--http1.1": set(), "--http2": {UNSENT, PARTIAL}}
"""What else there is by HTTP's version: with 2 curl has begun to speak by then, and cannot send, or has a part of an answer."""


@pytest.fixture(params=BEGUN)
def http(request: pytest.FixtureRequest) -> str:
    option: str = request.param
    return option


@pytest.fixture(params=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> list[str]:
    """curl's options for one version."""
    return [f"--tlsv{request.param}", "--tls-max", request.param]


def trusting(secure: Secure, via: str, server: str = "node", listener: str = "mesh") -> list[str]:
    return ["--cacert", str(secure.pki.ca), *to(secure.at(via, server, listener))]


def echoed(*args: str, stdin: bytes = b"") -> dict[str, Any]:
    """What the server was sent."""
    answer: dict[str, Any] = json.loads(curl(*args, stdin=stdin).stdout)
    return answer


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    file = tmp_path / "upload"
    file.write_bytes(bytes(index * 31 % 256 for index in range(TWO_MB)))
    return file


def test_get(secure: Secure, via: str, version: list[str]) -> None:
    options = [*trusting(secure, via), *version]
    said = echoed(*options, "-H", "X-Mine: 1", f"{URL}/echo?a=b")
    sent = dict(said["headers"])
    assert (said["method"], said["url"], sent["x-mine"], sent["host"]) == ("GET", "/echo?a=b", "1", "a.test")
    if via == "proxy":
        assert sent["x-forwarded-proto"] == "https"


def test_the_version_that_was_asked_for(secure: Secure, via: str, version: list[str]) -> None:
    done = curl(*trusting(secure, via), *version, "-v", f"{URL}/status?code=200")
    assert f"SSL connection using TLSv{version[-1]}".encode() in done.stderr


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
def test_a_certificate_for_each_kind_of_key(secure: Secure, kind: str) -> None:
    ciphers = ("--tls-max", "1.2", "--ciphers", f"ECDHE-{kind}-AES128-GCM-SHA256")
    done = curl(*trusting(secure, "proxy"), *ciphers, "-v", f"{URL}/status?code=200")
    assert f"ECDHE-{kind}-AES128-GCM-SHA256".encode() in done.stderr


@pytest.mark.parametrize("form", [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]], ids=str)
def test_an_upload(secure: Secure, via: str, version: list[str], upload: Path, form: list[str]) -> None:
    said = echoed(*trusting(secure, via), *version, "-T", str(upload), *form, f"{URL}/echo")
    assert (said["length"], said["sha256"]) == (TWO_MB, hashlib.sha256(upload.read_bytes()).hexdigest())


def test_a_download(secure: Secure, via: str, version: list[str]) -> None:
    assert curl(*trusting(secure, via), *version, f"{URL}/zeros?size=20000000").stdout == bytes(20_000_000)


def test_a_connection_is_kept(secure: Secure, via: str, version: list[str]) -> None:
    told = ("-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n")
    urls = [arg for number in range(8) for arg in (*told[:2], f"{URL}/echo?{number}")]
    done = curl(*trusting(secure, via), *version, *told[2:], *urls).stdout.decode().splitlines()
    assert done == ["200 1", *["200 0"] * 7]


def test_an_offer_of_http_2_goes_no_further(secure: Secure, via: str) -> None:
    """curl offers h2 and http/1.1."""
    done = curl(*trusting(secure, via), "-v", "-w", "%{http_version}", "-o", "/dev/null", f"{URL}/echo")
    assert done.stdout == b"1.1"
    if via == "proxy":
        assert b"ALPN: server accepted http/1.1" in done.stderr


def test_a_server_that_is_not_trusted(secure: Secure, via: str) -> None:
    ca = ["--cacert", str(secure.pki.strangers_ca)]
    assert curl(*ca, *to(secure.at(via)), f"{URL}/echo", ok=False).returncode == UNTRUSTED
    named = curl("--cacert", str(secure.pki.ca), *to(secure.at(via), "b.test"), "https://b.test/echo", ok=False)
    assert named.returncode == UNTRUSTED
    assert echoed(*trusting(secure, via), f"{URL}/echo")["url"] == "/echo"


def test_a_client_certificate(secure: Secure, via: str, version: list[str]) -> None:
    options = [*trusting(secure, via, "node_demanding", "demanding"), *version]
    done = curl(*options, *secure.pki.certificate_of("client"), f"{URL}/echo")
    sent = dict(json.loads(done.stdout)["headers"])
    if via == "proxy":
        digest = hashlib.sha256(secure.pki.issued["client"].x509.public_bytes(Encoding.DER)).hexdigest()
        assert sent["x-forwarded-client-cert"] == (f'Hash={digest};Subject="CN=client";URI={SPIFFE};DNS=client.mesh.test')


@pytest.mark.parametrize("leaf", ["", "strange-client", "expired", "server-only"])
def test_a_client_that_is_not_trusted(secure: Secure, via: str, version: list[str], leaf: str, http: str) -> None:
    options = [*trusting(secure, via, "node_demanding", "demanding"), *version, http]
    certificate = secure.pki.certificate_of(leaf) if leaf else []
    done = curl(*options, *certificate, f"{URL}/echo", ok=False)
    wanted = REFUSED[via] | (BEGUN[http] if via == "proxy" else set())
    assert (done.returncode in wanted, done.stdout) == (True, b""), done
    again = curl(*options, *secure.pki.certificate_of("client"), "-w", "%{http_code}", f"{URL}/status?code=204")
    assert again.stdout == b"204"


@pytest.mark.parametrize("leaf", ["elsewhere", "web"])
def test_a_client_of_another_mesh(secure: Secure, version: list[str], leaf: str, http: str) -> None:
    """Trusted, but none that the listener is for: seen when the handshake is over, when there is no alert for it."""
    options = [*trusting(secure, "proxy", listener="demanding"), *version, http]
    before = secure.proxy.log.stat().st_size
    done = curl(*options, *secure.pki.certificate_of(leaf), f"{URL}/echo", ok=False)
    assert (done.returncode in {EMPTY, BROKEN} | BEGUN[http], done.stdout) == (True, b""), done
    secure.proxy.logged("none of its names is one that is wanted", before)


def test_chains_with_authorities_in_between(secure: Secure, version: list[str], http: str) -> None:
    """On both sides: the root alone is known, and everybody brings what is between."""
    options = [*trusting(secure, "proxy", listener="optional"), *version, http, *secure.pki.certificate_of("below")]
    sent = dict(echoed(*options, f"{URL}/echo")["headers"])
    assert f"URI={SPIFFE}" in sent["x-forwarded-client-cert"]
    alone, end = secure.pki.folder / "alone.crt", "-----END CERTIFICATE-----\n"
    alone.write_text(secure.pki.issued["below"].certificate.partition(end)[0] + end)
    options[-3] = str(alone)
    done = curl(*options, f"{URL}/echo", ok=False)
    assert (done.returncode in REFUSED["proxy"] | BEGUN[http], done.stdout) == (True, b""), done


def test_a_certificate_that_may_be_missing(secure: Secure, version: list[str], http: str) -> None:
    """None is none; one that is not trusted is not taken for none."""
    options = [*trusting(secure, "proxy", listener="optional"), *version, http]
    assert "x-forwarded-client-cert" not in dict(echoed(*options, f"{URL}/echo")["headers"])
    known = echoed(*options, *secure.pki.certificate_of("client"), f"{URL}/echo")
    assert f"URI={SPIFFE}" in dict(known["headers"])["x-forwarded-client-cert"]
    for leaf in ("strange-client", "expired", "server-only"):
        done = curl(*options, *secure.pki.certificate_of(leaf), f"{URL}/echo", ok=False)
        assert (done.returncode in REFUSED["proxy"] | BEGUN[http], done.stdout) == (True, b""), done


def test_a_header_of_a_balancer_before_the_hello(secure: Secure, version: list[str]) -> None:
    """curl says its own address, HAProxy that of its client; both before the first byte of TLS, and both are believed."""
    front = secure.proxy.listeners["balanced"]
    trust = ["--cacert", str(secure.pki.ca), *version]
    assert echoed(*trust, *to(front), "--haproxy-protocol", f"{URL}/echo")["url"] == "/echo"
    assert echoed(*trust, *to(front), f"{URL}/echo")["url"] == "/echo"


@pytest.mark.parametrize("options", ["send-proxy", "send-proxy-v2"])
def test_a_balancer_that_passes_tls_on(secure: Secure, tmp_path: Path, options: str) -> None:
    with Balancer(tmp_path / "balancer", secure.proxy.listeners["balanced"], options) as balancer:
        trust = ["--cacert", str(secure.pki.ca), *to(balancer.address)]
        sent = dict(echoed(*trust, "--interface", "127.0.0.7", f"{URL}/echo")["headers"])
    assert sent["x-forwarded-for"] == "127.0.0.7"


def test_what_a_client_says_of_its_certificate_is_not_believed(secure: Secure) -> None:
    lie = ("-H", 'X-Forwarded-Client-Cert: Hash=00;Subject="CN=admin";URI=spiffe://td/admin')
    done = echoed(*trusting(secure, "proxy"), *lie, f"{URL}/echo")
    assert "x-forwarded-client-cert" not in dict(done["headers"])
    options = [*trusting(secure, "proxy", listener="demanding"), *secure.pki.certificate_of("client")]
    told = [value for name, value in echoed(*options, *lie, f"{URL}/echo")["headers"] if name == "x-forwarded-client-cert"]
    assert (len(told), "admin" in told[0]) == (1, False)


def test_both_on_one_port(secure: Secure) -> None:
    """A listener that takes TLS and plaintext tells the server which it was."""
    front = secure.proxy.listeners["either"]
    over = echoed("--cacert", str(secure.pki.ca), *to(front), f"{URL}/echo")
    clear = echoed(f"http://{front}/echo")
    protos = [dict(said["headers"])["x-forwarded-proto"] for said in (over, clear)]
    assert protos == ["https", "http"]


def test_plaintext_where_tls_is_spoken(secure: Secure, via: str) -> None:
    """Nothing is served; Node and the proxy may each say so in their own way, or close."""
    done = curl("-w", "%{http_code}", f"http://{secure.at(via)}/echo", ok=False)
    assert done.stdout.endswith((b"000", b"400")), done
    assert echoed(*trusting(secure, via), f"{URL}/echo")["url"] == "/echo"
