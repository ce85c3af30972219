"""explain-route: which route a call takes, why it takes no other, and what is done with it.

Exit codes: 0 a route matched, 1 none did (or the file is no configuration), 2 usage.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import click

from proxy.cli.common import refuse

if TYPE_CHECKING:
    from proxy.snapshot import Listener, Snapshot

NO_ROUTE = 1


class _Pair(click.ParamType[tuple[str, str]]):
    name = "NAME=VALUE"

    def convert(self, value: Any, _param: click.Parameter | None, _context: click.Context | None) -> tuple[str, str]:
        name, equals, text = value.partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is no NAME=VALUE")
        return name, text


class _Source(click.ParamType[str]):
    name = "ADDRESS"

    def convert(self, value: Any, _param: click.Parameter | None, _context: click.Context | None) -> str:
        from proxy.routing.networks import UNIX, plain_address

        try:
            return UNIX if value == UNIX else str(plain_address(f"[{ipaddress.ip_address(value)}]:0"))
        except ValueError:
            self.fail(f"{value!r} is no address; give an IP address, or unix")


class _Header(_Pair):
    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[str, str]:
        from proxy.routing.keys import METADATA, is_own

        name, text = super().convert(value, param, context)
        if is_own(name) or name.startswith(":"):
            options = {"source.address": "--source", "tls.sni": "--sni", "tls.san": "--san"}
            option = "--metadata" if name.startswith(METADATA) else options.get(name, "--path, --host or --http-method")
            self.fail(f"no header can be called {name!r}; give {option}")
        return name, text


@click.command("explain-route")
@click.argument("file", type=click.Path())
@click.option("--listener", "listener_name", metavar="NAME", help="The listener that gets the call; else the only one.")
@click.option("--chain", "chain_name", metavar="NAME", help="The filter chain of its TLS; else that of --sni, or plaintext.")
@click.option("--protocol", "protocol_name", metavar="NAME", help="What the call is spoken in; else the listener's only one.")
@click.option("--header", "headers", type=_Header(), multiple=True, help="A header, or the role service or method; repeatable.")
@click.option("--path", help="Of a request of HTTP, with its query or without; / if not given.")
@click.option("--host", help="Of a request of HTTP, with its port or without.")
@click.option("--http-method", help="Of a request of HTTP; GET if not given, POST of gRPC.")
@click.option("--query", type=_Pair(), multiple=True, help="A parameter of the query; repeatable.")
@click.option("--source", type=_Source(), help="The client's address, or unix.")
@click.option("--sni", metavar="NAME", help="The server name that the client asked for in TLS.")
@click.option("--san", metavar="NAME", help="The name that the client's certificate proves.")
@click.option("--metadata", type=_Pair(), multiple=True, help="What a filter has set on the call; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def explain_route(
    file: str, listener_name: str | None, chain_name: str | None, protocol_name: str | None, as_json: bool, **asked: Any
) -> None:
    """Show which route of FILE a call takes, what is done with it and, for each that does not match, the first condition that
    fails.

    Keys that are not given are absent. The exit code is 1 where no route matches.
    """
    from proxy.cli.explained import explained, read, rendered
    from proxy.config.problems import ConfigurationError

    try:
        found = read(file)
    except ConfigurationError as error:
        refuse(error.render())
    listener = _listener(found.snapshot, listener_name)
    table, protocols = _chain(listener, chain_name, asked["sni"])
    told = explained(found, listener.name, table, _protocol(protocols, protocol_name), asked)
    click.echo(json.dumps(told, indent=2) if as_json else rendered(told))
    sys.exit(0 if told["matched"] is not None else NO_ROUTE)


def _listener(snapshot: Snapshot, name: str | None) -> Listener:
    found = snapshot.listeners.get(name) if name else None
    if name is None and len(snapshot.listeners) == 1:
        [found] = snapshot.listeners.values()
    if found is None:
        _unknown("listener", name, snapshot.listeners)
    return found


def _chain(listener: Listener, name: str | None, sni: str | None) -> tuple[str, tuple[str, ...]]:
    """The route table, and the protocols that are spoken: of the chain that is named, or else the server name's."""
    from proxy.tls.choice import Choice

    if name is None and sni is not None:
        name = Choice(listener.chains).find(sni, ())
    if name is None:
        return listener.routes, listener.protocols
    chains = {chain.name: chain for chain in listener.chains}
    if name not in chains:
        _unknown("chain", name, chains)
    return chains[name].routes, chains[name].protocols


def _protocol(spoken: tuple[str, ...], name: str | None) -> str:
    from proxy.observe.counters import CARRIED

    known: tuple[str, ...] = tuple(dict.fromkeys(each for one in spoken for each in (one, *CARRIED.get(one, ()))))
    if name is None and len(known) == 1:
        return known[0]
    if name is None or name not in known:
        _unknown("protocol", name, known)
    return name


def _unknown(what: str, name: str | None, there: Iterable[str]) -> NoReturn:
    from xproto.errors import suggest

    if name is None:
        raise click.UsageError(f"which {what}? give --{what}, of: {', '.join(there) or 'none'}")
    raise click.BadParameter(f"there is no {what} {name!r}; {suggest(name, there)}", param_hint=f"--{what}")
