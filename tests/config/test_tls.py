"""What a file says of TLS: what workers are told of it, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy import snapshot as s
from proxy.config.loader import load
from proxy.config.problems import ConfigurationError
from proxy.tls import settings as t
from tests.config.cases_tls import CERTIFIED, ONE_TLS, chains, client, cluster, edited, match, server, upstream
from tests.config.fakes import Registry, errors, protocol, snapshot

GOLDEN = Path(__file__).parent / "everything_wrong_tls.yaml"

FULL = """\
secrets:
  web: {certificate: tls/web.crt, private_key: ../web.key, ca: /etc/ca.pem, crl: tls/ca.crl}
  roots: {provider: file, ca: ca.pem}
  far: {provider: vault, settings: {path: pki/web}}
listeners:
  - name: mesh
    address: 127.0.0.1:9443
    routes: main
    protocols: [bolt, dubbo]
    tls:
      certificates: [web, far]
      client:
        verify: optional
        ca: far
        san: [{uri: "spiffe://td/ns/*"}, A.test, {exact: "2001:DB8:0::1"}, {exact: Me@a.test}, {suffix: .Mesh.test}]
        verifiers: [spiffe, {name: mine, settings: {domain: td}}]
      alpn: [x, y]
      min_version: 1.2
      max_version: "1.3"
      ciphers: "ECDHE+AESGCM:!SHA1"
      session_tickets: false
    plaintext: true
    handshake_timeout: 3s
    filter_chains:
      - name: admin
        match: {server_names: [API.test, "*.api.test"], alpn: h2}
        tls: {certificates: web, client: {verify: off}}
        routes: admin
        protocols: bolt
      - match: {server_names: b.test}
        tls: {certificates: far, client: {ca: roots}}
    http: {client_certificate: true}
routes:
  main: [{cluster: echo}]
  admin: [{cluster: echo}]
clusters:
  echo:
    tls:
      ca: roots
      verify: true
      server_name: A.test
      san: [{exact: b.test}]
      certificate: web
      alpn: http/1.1
      min_version: 1.3
      max_version: 1.3
      ciphers: ""
      session_reuse: false
      verifiers: [spiffe]
    tls_matches:
      - {metadata: {tls: legacy}, tls: plaintext}
      - {metadata: {tls: odd, zone: a}, tls: {verify: false}}
    hosts: [{address: 127.0.0.1:1, metadata: {tls: legacy}}, {address: 127.0.0.1:2}, 127.0.0.1:3]
"""


def test_every_field_arrives(tmp_path: Path) -> None:
    made = snapshot(FULL, file=str(tmp_path / "etc" / "x.yaml"))
    assert made.secrets == {
        "web": t.Secret("web", "file", {"certificate": f"{tmp_path}/etc/tls/web.crt", "private_key": f"{tmp_path}/web.key",
                                        "ca": "/etc/ca.pem", "crl": f"{tmp_path}/etc/tls/ca.crl"}),
        "roots": t.Secret("roots", "file", {"ca": f"{tmp_path}/etc/ca.pem"}),
        "far": t.Secret("far", "vault", {"path": "pki/web"}),
    }  # fmt: skip
    sans = (
        t.SanMatch("uri", "spiffe://td/ns/*"),
        t.SanMatch("exact", "a.test"),
        t.SanMatch("exact", "2001:db8::1"),
        t.SanMatch("exact", "Me@a.test"),
        t.SanMatch("suffix", ".mesh.test"),
    )
    verifiers = (t.Extension("spiffe"), t.Extension("mine", {"domain": "td"}))
    presented = t.ServerTls(("web", "far"), "optional", "far", sans, verifiers, ("x", "y"), "1.2", "1.3",
                            "ECDHE+AESGCM:!SHA1", False)  # fmt: skip
    listener = made.listeners["mesh"]
    assert listener.chains == (
        t.FilterChain("admin", t.ServerTls(("web",)), "admin", ("bolt",), ("api.test", "*.api.test"), ("h2",)),
        t.FilterChain("1", t.ServerTls(("far",), "required", "roots"), "main", ("dubbo", "bolt"), ("b.test",)),
        t.FilterChain("default", presented, "main", ("dubbo", "bolt")),
    )
    assert (listener.plaintext, listener.handshake_timeout, listener.http.client_certificate) == (True, 3.0, True)
    wanted = t.ClientTls("roots", True, "web", "a.test", (t.SanMatch("exact", "b.test"),), (t.Extension("spiffe"),),
                         ("http/1.1",), "1.3", "1.3", "", False)  # fmt: skip
    echo = made.clusters["echo"]
    assert echo.tls == wanted
    assert echo.tls_matches == (
        t.TlsMatch({"tls": "legacy"}, None),
        t.TlsMatch({"tls": "odd", "zone": "a"}, t.ClientTls(verify=False)),
    )
    assert echo.hosts == ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
    assert echo.metadata == {"127.0.0.1:1": {"tls": "legacy"}}
    assert s.decode(s.encode(made)) == made


def listened(text: str, **protocols: Any) -> s.Listener:
    made: s.Listener = snapshot(text, Registry(**protocols)).listeners["mesh"]
    return made


def test_what_is_left_out_has_the_settings_defaults() -> None:
    made = listened(server(""))
    assert made.chains == (t.FilterChain("default", t.ServerTls(("web",)), "main", ("dubbo", "bolt")),)
    assert made.handshake_timeout == t.HANDSHAKE_TIMEOUT
    assert snapshot(upstream("server_name: a.test")).clusters["echo"].tls == t.ClientTls(server_name="a.test")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (edited("tls: {certificates: web}", "plaintext: true"), True),
        (edited("tls: {certificates: web}", "filter_chains: []"), True),
        (server(""), False),
        (chains(CERTIFIED), False),
        (edited("tls: {certificates: web}", "tls: {certificates: web}\n    plaintext: true"), True),
        (edited("tls: {certificates: web}", "tls: {certificates: web}\n    plaintext: false"), False),
    ],
)
def test_plaintext_is_taken_where_there_is_no_tls_or_it_says_so(text: str, taken: bool) -> None:
    assert listened(text).plaintext is taken


def test_http_is_offered_where_it_is_spoken() -> None:
    spoken = {"bolt": protocol(), "http1": protocol()}
    assert listened(server(""), **spoken).chains[0].tls.alpn == ("http/1.1",)
    assert listened(server("alpn: x"), **spoken).chains[0].tls.alpn == ("x",)
    text = chains(f"protocols: bolt, {CERTIFIED}", f"protocols: http1, match: {{alpn: [a]}}, {CERTIFIED}")
    assert [chain.tls.alpn for chain in listened(text, **spoken).chains] == [(), ("http/1.1",)]


@pytest.mark.parametrize("verify", ["off", "false", "'off'", "no"])
def test_off_is_off_whatever_yaml_makes_of_it(verify: str) -> None:
    assert listened(client(f"verify: {verify}")).chains[0].tls.verify == "off"


def test_who_wants_something_of_clients_wants_a_certificate() -> None:
    assert listened(client("ca: roots")).chains[0].tls.verify == "required"


@pytest.mark.parametrize("inside", ["server_name: a.test", "san: [{uri: 'spiffe://td/a'}]", "verify: false"])
def test_a_host_has_a_name_or_is_not_judged(inside: str) -> None:
    assert errors(upstream(inside)) == []


@pytest.mark.parametrize("ciphers", ["DEFAULT", "HIGH:!aNULL", "DEFAULT:@SECLEVEL=2", "ECDHE+AESGCM ECDHE+CHACHA20", ""])
def test_lists_of_ciphers(ciphers: str) -> None:
    assert errors(server(f"ciphers: '{ciphers}'")) == []


def test_what_another_provider_has_is_not_known() -> None:
    assert errors(edited("certificates: web", "certificates: far, client: {ca: far}")) == []


def test_chains_of_one_name_may_differ_in_their_protocols() -> None:
    matches = ("", ", alpn: x", ", alpn: y")
    assert errors(chains(*(f"match: {{server_names: a.test{alpn}}}, {CERTIFIED}" for alpn in matches))) == []
    assert errors(match("server_names: ['*.a.test', a.test, b.a.test]")) == []


def test_a_secret_that_is_wrong_is_not_missing_too() -> None:
    [told] = errors(edited("{certificate: web.crt, private_key: web.key}", "web.crt"))
    assert told.startswith("2: secrets.web: must be a mapping, not 'web.crt'; write a mapping with certificate,")


def test_exceptions_need_no_rule() -> None:
    text = cluster("tls_matches:", "  - {metadata: {a: b}, tls: {server_name: a.test}}")
    assert snapshot(text).clusters["echo"].tls is None


@pytest.mark.parametrize(("text", "expected"), ONE_TLS, ids=[case[1].split(";")[0] for case in ONE_TLS])
def test_one_error_gives_one_line(text: str, expected: str) -> None:
    assert ";" in expected
    assert errors(text) == [expected]


def test_all_errors_at_once_in_the_order_of_lines() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(str(GOLDEN), {}, Registry())
    told = caught.value.render().replace(str(GOLDEN), GOLDEN.name) + "\n"
    assert told == GOLDEN.with_suffix(".txt").read_text()


def test_inside_tls_the_same_is_detected() -> None:
    made = listened(chains(f"protocols: bolt, {CERTIFIED}"))
    assert made.detects
    assert not made.detects_among(made.chains[0].protocols)
