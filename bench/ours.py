"""The configuration of the proxy under test: detection on, routed by header, as many routes in front as asked for; TLS
in front of all that, if it is given certificates.

The routes in front look at the same key as the one that matches and none of them does: two in three are exact, the
third is by turns a prefix, a suffix and a regex.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from certificates import Pair
from http2 import PREFIX, PROTOCOLS
from processes import Ports

CONFIG = """\
{secrets}listeners:
  - name: bench
    address: 127.0.0.1:{front}
    protocols: {protocols}
    routes: bench
{tls}routes:
  bench:
{routes}
clusters:
  echo:
    lb: round_robin
{options}    hosts: [127.0.0.1:{backend}]
"""
MATCH = {
    "bolt": '{headers: {service: "com.test.EchoService:1.0"}}',
    "boltv2": '{headers: {service: "com.test.EchoService:1.0"}}',
    "dubbo": '{headers: {service: "com.test.EchoService"}}',
    "thrift": '{headers: {method: "echo"}}',
    "thrift-compact": '{headers: {method: "echo"}}',
    "thrift-header": '{headers: {method: "echo"}}',
    "tars": '{headers: {service: "Test.EchoServer.EchoObj"}}',
    "http1": '{path: {prefix: "/"}}',
    **dict.fromkeys(PROTOCOLS, f'{{path: {{prefix: "{PREFIX}"}}}}'),
}
UPSTREAM_HTTP2 = "http: http2"
"""Of a cluster whose hosts speak HTTP/2."""
SHARED = {(proto, 16): "multiplexed" for proto in ("thrift", "thrift-compact", "thrift-header")}
"""The cluster's `pool`, where it is not the protocol's own: at depth 16 Thrift is asked of a server that allows it."""


@dataclass(frozen=True)
class Ours:
    """How to run the proxy under test."""

    command: str
    """`{config}` is replaced."""
    protocols: str = "auto"
    pool: str | None = None
    """The cluster's `pool:`; the protocol's own if None."""
    pairs: Sequence[Pair] = ()
    """Certificates that the listener presents: of several, each in a filter chain for `server_name` of its place."""

    def at_depth(self, proto: str, depth: int) -> Ours:
        """With the pool that this job is measured with, unless one was given."""
        return replace(self, pool=self.pool or SHARED.get((proto, depth)))

    def prepare(self, proto: str, routes: int, ports: Ports, folder: Path) -> list[str]:
        """Writes the configuration; the command that runs it."""
        path = folder / f"ours-{proto}-{routes}{f'-tls{len(self.pairs)}' if self.pairs else ''}.yaml"
        options = f"    pool: {self.pool}\n" if self.pool else ""
        options += f"    {UPSTREAM_HTTP2}\n" if proto in PROTOCOLS else ""
        values = {"protocols": self.protocols, "routes": table(proto, routes), "options": options, **ports._asdict()}
        path.write_text(CONFIG.format(secrets=_secrets(self.pairs), tls=_tls(len(self.pairs)), **values))
        return words(self.command, path)


def words(command: str, config: Path) -> list[str]:
    """The command that runs the proxy with this configuration."""
    return [word.replace("{config}", str(config)) for word in shlex.split(command)]


def server_name(index: int) -> str:
    return f"h{index}.test"


def _secrets(pairs: Sequence[Pair]) -> str:
    lines = [f'  s{i}: {{certificate: "{certificate}", private_key: "{key}"}}\n' for i, (certificate, key) in enumerate(pairs)]
    return f"secrets:\n{''.join(lines)}" if pairs else ""


def _tls(count: int) -> str:
    if count <= 1:
        return "    tls: {certificates: [s0]}\n" * count
    chains = (
        f"      - {{name: c{i}, match: {{server_names: [{server_name(i)}]}}, tls: {{certificates: [s{i}]}}}}\n"
        for i in range(count)
    )
    return f"    filter_chains:\n{''.join(chains)}"


def table(proto: str, routes: int) -> str:
    """So many routes, of which the last matches the load's calls."""
    lines = [f"    - {{match: {_other(i)}, cluster: echo}}" for i in range(routes - 1)]
    return "\n".join([*lines, f"    - {{match: {MATCH[proto]}, cluster: echo}}"])


def _other(index: int) -> str:
    name = f"com.test.Other{index}Service"
    if index % 3:
        condition = f'"{name}:1.0"'
    else:
        condition = (f'{{prefix: "{name}"}}', f'{{suffix: "{name}:1.0"}}', f"{{regex: 'com[.]test[.]Other{index}.*'}}")[
            index // 3 % 3
        ]
    return f"{{headers: {{service: {condition}}}}}"
