"""The peers of TLS: servers that speak it themselves, and one proxy that speaks it for those of the mesh that do not."""

from __future__ import annotations

from pathlib import Path

from .mesh import BOLT_SERVICE, ECHO, HEARTBEAT_MS, Mesh
from .pki import PASSWORD, Pki
from .processes import Peer, java
from .proxy import Proxy
from .tls import go_client
from .tls_programs import HaproxyTls, NginxTls
from .web import HTTP, Web


def node_tls(log: Path, pki: Pki, leaf: str, *, demands: bool = False) -> Peer:
    """Node's server of HTTPS, with everything that the plain one has."""
    files = [str(path) for path in pki.files[leaf]]
    return Peer("node https", ["node", str(HTTP / "server.js"), *files, *([str(pki.ca)] if demands else [])], log)


def bolt_tls(pki: Pki, leaf: str, side: str) -> dict[str, str]:
    """SOFABolt's properties; `side`: client or server. One store has its certificate and whom it trusts."""
    said = {"enable": "true", "keystore": str(pki.keystore(leaf)), "keystore.password": PASSWORD, "keystore.type": "pkcs12"}
    if side == "server":
        said["clientAuth"] = "true"
    return {f"bolt.{side}.ssl.{key}": value for key, value in said.items()}


def dubbo_tls(pki: Pki, leaf: str) -> dict[str, str]:
    """What DubboTls.java takes, for both sides."""
    return {"peer.tls.certificate": str(pki.files[leaf].certificate), "peer.tls.key": str(pki.files[leaf].key),
            "peer.tls.trust": str(pki.ca)}  # fmt: skip


def jdk_tls(pki: Pki, leaf: str, hosts: Path) -> dict[str, str]:
    """The JDK's default SSLContext, with a certificate unless `leaf` is empty; names are found in `hosts`."""
    hosts.write_text("127.0.0.1 a.test b.test api.test\n", encoding="ascii")
    said = {"javax.net.ssl.trustStore": str(pki.truststore()), "javax.net.ssl.trustStorePassword": PASSWORD,
            "jdk.net.hosts.file": str(hosts)}  # fmt: skip
    if leaf:
        said |= {"javax.net.ssl.keyStore": str(pki.keystore(leaf)), "javax.net.ssl.keyStorePassword": PASSWORD}
    return said


def secrets(pki: Pki, *names: str) -> str:
    """The configuration's secrets: leaves by the names of their files, and `mesh-ca`."""
    lines = [f"  {name}: {pki.files[name].secret}\n" for name in names]
    return "secrets:\n" + "".join(lines) + f'  mesh-ca: {{ca: "{pki.ca}"}}\n'


def front_config(pki: Pki, hosts: dict[str, str]) -> str:
    """Listeners: `mesh` takes everybody, `demanding` only who has a certificate of this mesh, `optional` who has one of the
    authority or none, `balanced` who comes by a balancer, `strict` only TLS 1.3, `either` also plaintext.
    """
    return f"""\
admin: 127.0.0.1:0
{secrets(pki, "web", "web-rsa", "below")}
listeners:
  - name: mesh
    address: 127.0.0.1:0
    protocols: auto
    routes: main
    tls: {{certificates: [web, web-rsa], alpn: [http/1.1]}}
  - name: demanding
    address: 127.0.0.1:0
    protocols: auto
    routes: main
    tls: {{certificates: [web], client: {{verify: required, ca: mesh-ca, san: [{{uri: "spiffe://td/*"}}]}}}}
    http: {{client_certificate: true}}
  - name: optional
    address: 127.0.0.1:0
    protocols: auto
    routes: main
    tls: {{certificates: [below], client: {{verify: optional, ca: mesh-ca}}}}
    http: {{client_certificate: true}}
  - name: balanced
    address: 127.0.0.1:0
    protocols: auto
    routes: main
    tls: {{certificates: [web]}}
    proxy_protocol: [127.0.0.0/8]
  - name: strict
    address: 127.0.0.1:0
    protocols: auto
    routes: main
    tls: {{certificates: [web], min_version: "1.3"}}
  - name: either
    address: 127.0.0.1:0
    protocols: auto
    routes: main
    tls: {{certificates: [web]}}
    plaintext: true
routes:
  main:
    - {{match: {{headers: {{service: "{BOLT_SERVICE}"}}}}, cluster: bolt}}
    - {{match: {{headers: {{service: {ECHO}}}}}, cluster: dubbo}}
    - {{match: {{path: {{prefix: /}}}}, cluster: node}}
clusters:
  bolt: {{hosts: ["{hosts["bolt"]}"]}}
  dubbo: {{hosts: ["{hosts["dubbo"]}"]}}
  node: {{hosts: ["{hosts["node"]}"], timeout: 60s}}
"""


def back_config(pki: Pki, hosts: dict[str, str], tls: dict[str, str]) -> str:
    """One plaintext listener; `NAME.test` is cluster NAME's, at `hosts`, with that `tls` section (none: in the clear)."""
    said = [f"{secrets(pki, 'client', 'elsewhere')}admin: 127.0.0.1:0\nlisteners:\n"]
    said.append('  - {name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}\nroutes:\n  main:\n')
    said += [f"    - {{match: {{host: {name}.test}}, cluster: {name}}}\n" for name in hosts]
    said.append("clusters:\n")
    for name, address in hosts.items():
        section = f", tls: {tls[name]}" if tls[name] else ""
        said.append(f'  {name}: {{hosts: ["{address}"]{section}, timeout: 60s}}\n')
    return "".join(said)


class Secure(Mesh):
    """Peers by role, `nginx`, `haproxy` and `proxy`. Who speaks no TLS is of `mesh` and `web`."""

    def __init__(self, folder: Path, mesh: Mesh, web: Web) -> None:
        super().__init__(folder)
        self.pki = pki = Pki(folder / "pki")
        self._mesh, self._web = mesh, web
        hosts = folder / "hosts"
        beat = {"bolt.tcp.heartbeat.interval": HEARTBEAT_MS, "peer.heartbeat": HEARTBEAT_MS}
        self._makers = {
            "node": lambda log: node_tls(log, pki, "web"),
            "node_demanding": lambda log: node_tls(log, pki, "web", demands=True),
            "bolt_server": lambda log: java("BoltServer", log, "0", properties=bolt_tls(pki, "web", "server")),
            "dubbo_provider": lambda log: java("DubboProvider", log, "0", properties=dubbo_tls(pki, "web")),
            "go": go_client,
        }
        for leaf in ("client", "elsewhere", "strange-client", "expired"):
            self._makers |= {
                f"bolt_{leaf}": lambda log, leaf=leaf: java("BoltClient", log, properties=bolt_tls(pki, leaf, "client") | beat),
                f"dubbo_{leaf}": lambda log, leaf=leaf: java("DubboConsumer", log, properties=dubbo_tls(pki, leaf) | beat),
                f"http_{leaf}": lambda log, leaf=leaf: java("HttpCalls", log, properties=jdk_tls(pki, leaf, hosts)),
            }
        self._makers["http_nobody"] = lambda log: java("HttpCalls", log, properties=jdk_tls(pki, "", hosts))

    @property
    def nginx(self) -> NginxTls:
        if "nginx" not in self._started:
            self._started["nginx"] = NginxTls(self.folder / "nginx", self.pki)
        nginx = self._started["nginx"]
        assert isinstance(nginx, NginxTls)
        return nginx

    @property
    def haproxy(self) -> HaproxyTls:
        if "haproxy" not in self._started:
            self._started["haproxy"] = HaproxyTls(self.folder / "haproxy", self.pki)
        haproxy = self._started["haproxy"]
        assert isinstance(haproxy, HaproxyTls)
        return haproxy

    @property
    def plain(self) -> dict[str, str]:
        """The servers that speak no TLS."""
        roles = {"bolt": "bolt_server", "dubbo": "dubbo_provider"}
        return {**{name: self._mesh.peer(role).address for name, role in roles.items()}, "node": self._web.node.address}

    @property
    def proxy(self) -> Proxy:
        if "proxy" not in self._started:
            self._started["proxy"] = Proxy(front_config(self.pki, self.plain), self.folder)
        proxy = self._started["proxy"]
        assert isinstance(proxy, Proxy)
        return proxy

    def server(self, via: str) -> Peer:
        """Node's server that is behind `at`."""
        return self._web.node if via == "proxy" else self.peer("node")

    def at(self, via: str, server: str = "node", listener: str = "mesh") -> str:
        """Where a client of TLS finds that server, directly or by that listener of the proxy."""
        return self.proxy.listeners[listener] if via == "proxy" else self.peer(server).address


def to(address: str, name: str = "a.test") -> list[str]:
    """curl's options by which https://NAME/ is found at that address."""
    return ["--connect-to", f"{name}:443:{address}"]
