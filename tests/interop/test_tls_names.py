"""A host that is for clients with a certificate, beside one that is for everybody, on one port: no trick leads to the first.

Both are the same server, on the same path: what keeps a client out is the filter chain, or nothing does.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from harness.pki import SPIFFE
from harness.programs import curl
from harness.proxy import Proxy
from harness.secure import Secure, secrets, to
from harness.tls import TlsWire, ask, client_context, refusal
from harness.wire_http import Answer, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLIC, PRIVATE = "a.test", "api.test"
MISDIRECTED = 421
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
HOSTS = ["api.test", "API.Test", "api.test:443", "api.test:8443", "api.test.", "v1.api.test", "x.y.api.test", "V1.API.TEST.:1",
         "api.test:", "api.test..", "api.test.:"]  # fmt: skip
"""Hosts that are the private one's, in every writing."""


@pytest.fixture(scope="module")
def proxy(secure: Secure) -> Iterator[Proxy]:
    setup = f"""\
{secrets(secure.pki, "web", "api")}  strangers: {{ca: "{secure.pki.strangers_ca}"}}
listeners:
  - name: mesh
    address: 127.0.0.1:0
    routes: public
    protocols: auto
    tls: {{certificates: [web]}}
    plaintext: true
    filter_chains:
      - name: private
        match: {{server_names: [api.test, "*.api.test"]}}
        tls: {{certificates: [api], client: {{verify: required, ca: mesh-ca}}}}
        routes: private
      - name: strangers
        match: {{server_names: other.test}}
        tls: {{certificates: [web], client: {{verify: required, ca: strangers}}}}
        routes: private
      - name: narrow
        match: {{server_names: narrow.test}}
        tls: {{certificates: [web], client: {{verify: required, ca: mesh-ca, san: [{{uri: "spiffe://td/*"}}]}}}}
        routes: private
      - name: optional
        match: {{server_names: optional.test}}
        tls: {{certificates: [web], client: {{verify: optional, ca: mesh-ca}}}}
        routes: private
    http: {{client_certificate: true, connect: true}}
routes:
  public: [{{match: {{path: {{prefix: /}}}}, cluster: node}}, {{match: {{http_method: CONNECT}}, cluster: node}}]
  private: [{{match: {{path: {{prefix: /}}}}, cluster: node}}]
clusters:
  node: {{hosts: ["{secure.plain["node"]}"]}}
"""
    with Proxy(setup, secure.folder, "names") as started:
        yield started


def barred(answer: Answer) -> bool:
    """It is another name's, or it cannot be read; in no case was the server asked."""
    assert b"headers" not in answer.body, answer
    return answer.status in (MISDIRECTED, 400)


@VERSIONS
def test_each_by_its_own_door(secure: Secure, proxy: Proxy, version: str) -> None:
    """With a certificate the private host is served, and told whose it is; the public one asks for none."""
    context = client_context(secure.pki, version=version)
    assert ask(proxy.address, context, PUBLIC, "/echo").status == 200
    known = client_context(secure.pki, "client", version=version)
    for host in ("api.test", "v1.api.test"):
        sent = dict(ask(proxy.address, known, host, "/echo").json["headers"])
        assert (sent["host"], f"URI={SPIFFE}" in sent["x-forwarded-client-cert"]) == (host, True)
    assert "x-forwarded-client-cert" not in dict(ask(proxy.address, known, PUBLIC, "/echo").json["headers"])


@VERSIONS
@pytest.mark.parametrize("name", ["api.test", "API.TEST", "v1.api.test", "x.y.api.test", "V1.Api.Test"])
@pytest.mark.parametrize("leaf", ["", "strange-client", "expired"])
def test_its_name_is_not_served_without_a_certificate(secure: Secure, proxy: Proxy, version: str, name: str, leaf: str) -> None:
    assert refusal(proxy.address, client_context(secure.pki, leaf, version=version), name)


@VERSIONS
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", [PUBLIC, "", "nobody.test"], ids=["public", "none", "unknown"])
def test_another_name_in_the_handshake(secure: Secure, proxy: Proxy, version: str, name: str, host: str) -> None:
    """And its own in the request; the connection may go on with what it is for."""
    context = client_context(secure.pki, version=version)
    answer = ask(proxy.address, context, name, "/echo", host=host)
    assert barred(answer)
    if host in ("api.test", "API.Test", "api.test:443", "v1.api.test"):
        assert answer.status == MISDIRECTED, answer


@pytest.mark.parametrize(
    ("leaf", "name", "host"),
    [
        ("strange-client", "other.test", "api.test"),
        ("strange-client", "other.test", "narrow.test"),
        ("elsewhere", "api.test", "narrow.test"),
        ("client", "api.test", "other.test"),
        ("", "optional.test", "api.test"),
        ("elsewhere", "optional.test", "narrow.test"),
    ],
)
def test_another_chains_name_in_the_handshake(secure: Secure, proxy: Proxy, leaf: str, name: str, host: str) -> None:
    """Its client may well have been let in there; what it showed there is not what is wanted here."""
    context = client_context(secure.pki, leaf)
    assert ask(proxy.address, context, name, "/echo", host=name).status == 200
    assert ask(proxy.address, context, name, "/echo", host=host).status == MISDIRECTED
    with TlsWire(proxy.address, context, name) as wire:
        wire.ask(f"https://{host}/echo", host=name)
        assert wire.answer().status == MISDIRECTED


@VERSIONS
@pytest.mark.parametrize("name", ["api.test.", "v1.api.test."])
def test_its_name_with_a_dot_at_the_end(secure: Secure, proxy: Proxy, version: str, name: str) -> None:
    """RFC 6066 forbids the dot; whatever it is taken for, it leads nowhere."""
    context = client_context(secure.pki, version=version)
    for host in ("api.test", "api.test.", "v1.api.test"):
        try:
            answer = ask(proxy.address, context, name, "/echo", host=host)
        except (ssl.SSLError, ConnectionError):
            continue
        assert barred(answer)


@pytest.mark.parametrize("host", HOSTS)
def test_in_the_clear(proxy: Proxy, host: str) -> None:
    with Wire(proxy.address) as wire:
        wire.ask("/echo", host=host)
        assert barred(wire.answer())
    with Wire(proxy.address) as wire:
        wire.ask("/echo", host=PUBLIC)
        assert wire.answer().status == 200


TARGETS = ["https://api.test/echo", "http://api.test/echo", "HTTPS://API.TEST:443/echo", "https://api.test./echo",
           "https://a.test@api.test/echo", "https://v1.api.test/echo"]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("clear", [True, False], ids=["clear", "tls"])
def test_absolute_targets(secure: Secure, proxy: Proxy, target: str, clear: bool) -> None:
    """The target's authority is what counts (RFC 9112 section 3.2.2), whatever Host says."""
    with Wire(proxy.address) if clear else TlsWire(proxy.address, client_context(secure.pki), PUBLIC) as wire:
        wire.ask(target, host=PUBLIC)
        assert barred(wire.answer())


@pytest.mark.parametrize("clear", [True, False], ids=["clear", "tls"])
def test_an_absolute_target_of_the_public_host_is_the_public_hosts(secure: Secure, proxy: Proxy, clear: bool) -> None:
    """Even with the private one's Host, which is dropped."""
    with Wire(proxy.address) if clear else TlsWire(proxy.address, client_context(secure.pki), PUBLIC) as wire:
        wire.ask("https://a.test/echo", host=PRIVATE)
        answer = wire.answer()
        assert (answer.status, dict(answer.json["headers"])["host"]) == (200, PUBLIC)


@VERSIONS
def test_pipelined_requests_with_other_hosts(secure: Secure, proxy: Proxy, version: str) -> None:
    """The first one's right to be there is not the second's."""
    pipeline = "".join(f"GET /echo?{host} HTTP/1.1\r\nHost: {host}\r\n\r\n" for host in (PUBLIC, PRIVATE, PUBLIC, PRIVATE))
    with TlsWire(proxy.address, client_context(secure.pki, version=version), PUBLIC) as wire:
        wire.send(pipeline.encode())
        first = wire.answer()
        assert (first.status, first.json["url"]) == (200, f"/echo?{PUBLIC}")
        assert wire.answer().status == MISDIRECTED
        rest = _rest(wire)
    assert f"/echo?{PRIVATE}" not in rest


def _rest(wire: Wire) -> str:
    """Whatever else is answered: the third request may be, if the connection goes on; the fourth is not."""
    said = ""
    try:
        for _ in range(2):
            answer = wire.answer()
            said += answer.body.decode()
            if answer.get("connection") == "close":
                break
    except (ConnectionError, ssl.SSLError):
        pass
    return said


def test_a_body_that_looks_like_a_request(secure: Secure, proxy: Proxy) -> None:
    hidden = f"GET /echo HTTP/1.1\r\nHost: {PRIVATE}\r\n\r\n".encode()
    with TlsWire(proxy.address, client_context(secure.pki), PUBLIC) as wire:
        for form in ("length", "chunked"):
            wire.ask("/echo", *(["Transfer-Encoding: chunked"] if form == "chunked" else []), method="POST", host=PUBLIC,
                     body=None if form == "chunked" else hidden)  # fmt: skip
            if form == "chunked":
                wire.go_on(form, hidden)
                wire.go_on(form, b"")
            assert wire.answer().json["body"].encode() == hidden
        wire.ask("/echo", host=PRIVATE)
        assert wire.answer().status == MISDIRECTED


@pytest.mark.parametrize("field", ["Host: api.test", "Host: a.test, api.test", "Host : api.test", "X: y\r\nHost: api.test"])
def test_more_than_one_host(secure: Secure, proxy: Proxy, field: str) -> None:
    with TlsWire(proxy.address, client_context(secure.pki), PUBLIC) as wire:
        wire.ask("/echo", field, host=PUBLIC)
        assert barred(wire.answer())


def test_a_forwarded_host_is_none(secure: Secure, proxy: Proxy) -> None:
    """It is nobody's word for where a request belongs."""
    sent = ask(proxy.address, client_context(secure.pki), PUBLIC, "/echo", "X-Forwarded-Host: api.test").json
    assert dict(sent["headers"])["host"] == PUBLIC


@pytest.mark.parametrize("clear", [True, False], ids=["clear", "tls"])
def test_a_tunnel_to_it(secure: Secure, proxy: Proxy, clear: bool) -> None:
    with Wire(proxy.address) if clear else TlsWire(proxy.address, client_context(secure.pki), PUBLIC) as wire:
        wire.send(b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n")
        assert wire.head().status >= 400


def session_of(address: str, context: ssl.SSLContext, name: str) -> ssl.SSLSession:
    """A session that can be resumed; TLS 1.3 gives it with the first bytes that are read."""
    with TlsWire(address, context, name) as wire:
        wire.ask("/echo", host=name)
        assert wire.answer().status == 200
        session = wire.tls.session
    assert session is not None
    assert session.has_ticket
    return session


@VERSIONS
def test_a_session_of_the_public_name_does_not_open_the_private_one(secure: Secure, proxy: Proxy, version: str) -> None:
    """Its client never showed a certificate: neither a ticket nor a session id stands for one."""
    context = client_context(secure.pki, version=version)
    for name in ("api.test", "v1.api.test", "API.test"):
        session = session_of(proxy.address, context, PUBLIC)
        assert refusal(proxy.address, context, name, session=session)
        with TlsWire(proxy.address, context, PUBLIC, session) as wire:
            assert wire.tls.session_reused


@VERSIONS
def test_a_session_of_an_unknown_name(secure: Secure, proxy: Proxy, version: str) -> None:
    context = client_context(secure.pki, version=version)
    assert refusal(proxy.address, context, PRIVATE, session=session_of(proxy.address, context, "nobody.test"))


@VERSIONS
@pytest.mark.parametrize(
    ("leaf", "of", "name"),
    [
        ("strange-client", "other.test", "api.test"),  # trusted there, by other roots
        ("elsewhere", "api.test", "narrow.test"),  # trusted here too, and not wanted
        ("", "optional.test", "api.test"),  # it may be missing there
        ("", "optional.test", "narrow.test"),
    ],
)
def test_a_session_of_another_chain(secure: Secure, proxy: Proxy, version: str, leaf: str, of: str, name: str) -> None:
    context = client_context(secure.pki, leaf, version=version)
    session = session_of(proxy.address, context, of)
    assert refusal(proxy.address, context, name, session=session)
    with TlsWire(proxy.address, context, of, session) as wire:
        assert wire.tls.session_reused


@VERSIONS
def test_a_resumed_session_is_still_its_clients(secure: Secure, proxy: Proxy, version: str) -> None:
    """Whoever resumes showed the certificate once, and is the one that it named."""
    context = client_context(secure.pki, "client", version=version)
    session = session_of(proxy.address, context, PRIVATE)
    with TlsWire(proxy.address, context, PRIVATE, session) as wire:
        assert wire.tls.session_reused
        wire.ask("/echo", host=PRIVATE)
        sent = dict(wire.answer().json["headers"])
        assert f"URI={SPIFFE}" in sent["x-forwarded-client-cert"]
    with TlsWire(proxy.address, context, PUBLIC, session) as wire:
        wire.ask("/echo", host=PRIVATE)
        assert wire.answer().status == MISDIRECTED


@VERSIONS
def test_a_session_of_a_stranger_with_the_same_name(secure: Secure, proxy: Proxy, version: str) -> None:
    """A ticket that another server made under the private name."""
    context = client_context(secure.pki, version=version)
    with TlsWire(secure.peer("node").address, context, PRIVATE) as wire:
        wire.ask("/echo", host=PRIVATE)
        assert wire.answer().status == 200
        session = wire.tls.session
    assert refusal(proxy.address, context, PRIVATE, session=session)


def test_curl_is_refused_and_let_in(secure: Secure, proxy: Proxy) -> None:
    """As one would try it by hand."""
    options = ["--cacert", str(secure.pki.ca), "-o", "/dev/null", "-w", "%{http_code}"]
    fronting = curl(*options, *to(proxy.address), "-H", "Host: api.test", "https://a.test/echo")
    assert fronting.stdout == b"421"
    assert curl(*options, *to(proxy.address, PRIVATE), "https://api.test/echo", ok=False).stdout == b"000"
    own = secure.pki.certificate_of("client")
    assert curl(*options, *own, *to(proxy.address, PRIVATE), "https://api.test/echo").stdout == b"200"


def test_one_public_name_where_all_others_are_private(secure: Secure, tmp_path: Path) -> None:
    """The other way round: a name that no chain knows is the listener's own, which wants certificates."""
    setup = f"""\
{secrets(secure.pki, "web")}
listeners:
  - name: mesh
    address: 127.0.0.1:0
    routes: main
    protocols: auto
    tls: {{certificates: [web], client: {{verify: required, ca: mesh-ca}}}}
    filter_chains:
      - match: {{server_names: [a.test, "*.public.test"]}}
        tls: {{certificates: [web]}}
routes: {{main: [{{cluster: node}}]}}
clusters: {{node: {{hosts: ["{secure.plain["node"]}"]}}}}
"""
    nobody = client_context(secure.pki)
    with Proxy(setup, tmp_path) as proxy:
        for name in ("a.test", "A.TEST", "x.public.test"):
            assert ask(proxy.address, nobody, name, "/echo").status == 200
        session = session_of(proxy.address, nobody, "a.test")
        for name in ("", "api.test", "nobody.test", "public.test"):
            assert refusal(proxy.address, nobody, name)
            assert refusal(proxy.address, nobody, name, session=session)
        for host in ("api.test", "nobody.test", "public.test", "127.0.0.1", "[::1]:443", "b.a.test"):
            assert ask(proxy.address, nobody, "a.test", "/echo", host=host).status == MISDIRECTED
        with Wire(proxy.address) as wire:
            wire.ask("/echo", host="a.test")
            assert wire.rest() == b""


def test_a_name_that_is_public_for_one_protocol_only(secure: Secure, tmp_path: Path) -> None:
    """Who does not offer that protocol gets the wildcard's chain, which wants certificates: no other name leads around it."""
    setup = f"""\
{secrets(secure.pki, "web", "api")}
listeners:
  - name: mesh
    address: 127.0.0.1:0
    routes: main
    protocols: auto
    tls: {{certificates: [web]}}
    filter_chains:
      - match: {{server_names: api.test, alpn: special}}
        tls: {{certificates: [api], alpn: [special]}}
      - match: {{server_names: "*.test"}}
        tls: {{certificates: [api], client: {{verify: required, ca: mesh-ca}}}}
routes: {{main: [{{cluster: node}}]}}
clusters: {{node: {{hosts: ["{secure.plain["node"]}"]}}}}
"""
    nobody = client_context(secure.pki)
    with Proxy(setup, tmp_path) as proxy:
        assert refusal(proxy.address, nobody, "api.test")
        assert ask(proxy.address, nobody, "", "/echo", host="b.test").status == MISDIRECTED
        assert ask(proxy.address, nobody, "", "/echo", host="api.test").status == MISDIRECTED
