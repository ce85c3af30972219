"""What `explain-route` tells of a call: the route that it takes, what is done with it, and why it takes no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from proxy.cli.action import action
from proxy.cli.action_text import goes, lines
from proxy.config import outside
from proxy.config.loader import load
from proxy.config.problems import Path
from proxy.config.protocols import load_registry
from proxy.config.schema import Config
from proxy.observe.counters import CARRIED
from proxy.routing import RouteTable, Verdict
from proxy.routing.explain import chosen_host
from proxy.routing.view import Call, values
from proxy.snapshot import Snapshot
from xproto.errors import MalformedError


class Read(NamedTuple):
    """A configuration: as it was written, as the data path gets it, and the protocols that it knows."""

    config: Config
    snapshot: Snapshot
    known: Mapping[str, Any]


def read(file: str) -> Read:
    """Raises `ConfigurationError`."""
    known: dict[str, Any] = {}
    configs: list[Config] = []

    def remember(specs: Any, options: Any) -> Any:
        known.update(load_registry(specs, options))
        return known

    def look(config: Config, snapshot: Snapshot) -> Iterable[tuple[Path, str]]:
        configs.append(config)
        return outside.check(config, snapshot)

    snapshot = load(file, registry=remember, look=look)
    return Read(configs[0], snapshot, known)


def explained(found: Read, listener: str, table: str, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    """As plain data. `name`: of the protocol; `asked`: what `Call` takes."""
    snapshot = found.snapshot
    protocol, codec = _spoken(found.known, name)
    routes, hosts = snapshot.routes[table], snapshot.virtual_hosts.get(table, ())
    compiled = RouteTable(routes, hosts)

    def ask(keys: Sequence[str]) -> Mapping[str, bytes | None]:
        try:
            return values(keys, Call(**asked), protocol, codec)
        except (MalformedError, ValueError) as error:
            raise click.UsageError(f"no such call can be sent: {error}") from None

    view = ask(compiled.keys)
    verdicts = compiled.explain([view[key] for key in compiled.keys])
    chosen = next((verdict for verdict in verdicts if verdict.chosen), None)
    done = None if chosen is None else action(snapshot, found.config, listener, table, chosen.at, name, ask)
    return {
        "table": table,
        "protocol": name,
        "virtual_host": chosen_host(hosts, view),
        "virtual_hosts": [host.name for host in hosts],
        "matched": None if chosen is None else chosen.route,
        "cluster": None if done is None else done["action"].get("cluster"),
        "done": done,
        "values": {key: None if value is None else value.decode(errors="replace") for key, value in view.items()},
        "routes": [_verdict(verdict) for verdict in verdicts],
    }


def _spoken(known: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    """The declaration of a protocol, which may be one that streams of another carry, and its codec."""
    outer = next((outer for outer, inner in CARRIED.items() if name == outer or name in inner), name)
    protocol, codec = known[outer].protocol, known[outer].codec
    if not codec.carried:
        return protocol, codec
    return next((one, other) for one, other in zip(protocol.carries, codec.carried, strict=True) if one.name == name)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "route": verdict.route,
        "cluster": verdict.cluster,
        "virtual_host": verdict.virtual_host or None,
        "matched": verdict.matched,
        "chosen": verdict.chosen,
        "failed": verdict.failed or None,
        "conditions": list(verdict.conditions),
    }


def rendered(told: dict[str, Any]) -> str:
    """As text."""
    said = [f"table {told['table']}, protocol {told['protocol']}"]
    if told["virtual_hosts"]:
        said.append(f"virtual host: {told['virtual_host'] or 'none has a domain for this call'}")
    if told["done"] is None:
        said.append("route: none matches")
    else:
        said.append(f"route: {told['matched']}, {goes(told['done']['action'])}")
        said += lines(told["done"])
    width = max((len(each["route"]) for each in told["routes"]), default=0)
    for each in told["routes"]:
        state = "matches" if each["chosen"] else "matches too, behind it" if each["matched"] else each["failed"]
        said.append(f"  {each['route']:{width}}  {state}")
    absent = [key for key, value in told["values"].items() if value is None]
    if absent:
        said.append(f"absent: {', '.join(absent)}")
    return "\n".join(said)
