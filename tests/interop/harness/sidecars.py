"""Two proxies in a row: a client speaks plaintext to the one beside it, that speaks mutual TLS to the one beside the server."""

from __future__ import annotations

from typing import NamedTuple

from .mesh import BOLT_SERVICE, ECHO
from .pki import Pki
from .secure import secrets

THRIFT = "apache_thrift"
"""The service that the Thrift peers have in the form `thrift`."""
IDENTITY = {"a": "spiffe://td/ns/web/sa/a", "b": "spiffe://td/ns/web/sa/b"}
INNER = "inner.mesh.test"
"""The name that A asks B for where a call says so: B routes by it."""


class Hosts(NamedTuple):
    """The servers behind B."""

    bolt: str
    dubbo: str
    thrift: str
    node: str
    other: str


def beside_the_server(pki: Pki, hosts: Hosts) -> str:
    """B: whom it takes is in its `tls`; what each of them may call is in its routes."""
    a = f'tls.san: "{IDENTITY["a"]}"'
    return f"""\
admin: 127.0.0.1:0
{secrets(pki, "sidecar-b")}
listeners:
  - name: mesh
    address: 127.0.0.1:0
    protocols: auto
    routes: main
    tls: {{certificates: [sidecar-b], client: {{verify: required, ca: mesh-ca}}}}
    http: {{client_certificate: true}}
routes:
  main:
    - {{match: {{headers: {{service: "{BOLT_SERVICE}", {a}}}}}, cluster: bolt}}
    - {{match: {{headers: {{service: {ECHO}, {a}}}}}, cluster: dubbo}}
    - {{match: {{headers: {{service: {THRIFT}, {a}}}}}, cluster: thrift}}
    - {{match: {{path: {{prefix: /}}, headers: {{tls.sni: {INNER}}}}}, cluster: other}}
    - {{match: {{path: {{prefix: /}}, headers: {{{a}}}}}, cluster: node}}
clusters:
""" + "".join(f'  {name}: {{hosts: ["{address}"]}}\n' for name, address in hosts._asdict().items())


def beside_the_client(pki: Pki, b: str, leaf: str = "sidecar-a") -> str:
    """A: everything goes to B, which has to be B."""
    identity = f'san: [{{uri: "{IDENTITY["b"]}"}}], certificate: {leaf}, ca: mesh-ca'
    return f"""\
admin: 127.0.0.1:0
{secrets(pki, leaf)}
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}}
routes:
  main:
    - {{match: {{path: {{prefix: /inner/}}}}, cluster: inner}}
    - {{cluster: b}}
clusters:
  b: {{hosts: ["{b}"], tls: {{{identity}, server_name: sidecar-b.mesh.test}}}}
  inner: {{hosts: ["{b}"], tls: {{{identity}, server_name: {INNER}}}}}
"""
