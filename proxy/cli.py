"""The `xproto` command. Each verb imports what it needs when it is called, so that ``xproto --help`` is quick.

Exit codes: 0 fine, 1 invalid configuration (or a proxy that could not start), 2 usage.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from proxy import __version__

INVALID = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A multi-protocol RPC mesh proxy: a protocol is one declaration."""


@main.command()
@click.argument("file", type=click.Path())
def run(file: str) -> None:
    """Run the proxy as FILE says.

    Prints a line for each listener and then `ready`. TERM drains and exits, INT or a second TERM exits at once.
    """
    import signal

    for each in (signal.SIGHUP, signal.SIGUSR1):  # too early for them: control, which handles them, is not there yet
        signal.signal(each, signal.SIG_IGN)
    from proxy.config.loader import load
    from proxy.config.problems import ConfigurationError
    from proxy.control.become import become

    try:
        snapshot = load(file)
    except ConfigurationError as error:
        _refuse(error.render())
    become(snapshot, file)


@main.command()
@click.argument("file", type=click.Path())
@click.option("--admin", metavar="ADDRESS", help="The admin port of the running proxy; else what FILE says.")
@click.option("--timeout", default=90.0, show_default=True, help="Seconds to wait for the answer.")
def reload(file: str, admin: str | None, timeout: float) -> None:
    """Have the running proxy read FILE again.

    Prints what changed. If anything is wrong, everything stays as it is: prints why, and the exit code is 1.
    """
    from proxy.admin.client import AskError, reload
    from proxy.config.loader import admin_address
    from proxy.config.problems import ConfigurationError

    try:
        address = admin or admin_address(file)
        if address is None:
            _refuse(f"{file}: no admin port; send HUP to the proxy instead, or give --admin ADDRESS")
        if address.endswith(":0"):
            _refuse(f"{file}: the admin port is any that was free; give --admin ADDRESS, as the proxy printed it")
        click.echo(reload(address, file, timeout))
    except ConfigurationError as error:
        _refuse(error.render())
    except AskError as error:
        _refuse(str(error))


@main.command()
@click.argument("file", type=click.Path(), required=False)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the file instead.")
def validate(file: str | None, schema: bool) -> None:
    """Say everything that is wrong with FILE, each with its line."""
    if schema:
        from proxy.config.reference import json_schema

        click.echo(json_schema(), nl=False)
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    from proxy.config.loader import load
    from proxy.config.problems import ConfigurationError

    try:
        snapshot = load(file)
    except ConfigurationError as error:
        _refuse(error.render())
    counts = (
        _count(len(snapshot.listeners), "listener"),
        _count(sum(map(len, snapshot.routes.values())), "route"),
        _count(len(snapshot.clusters), "cluster"),
    )
    click.echo(f"valid: {file}: {', '.join(counts)}")


@main.command()
@click.option("--spec", "specs", multiple=True, type=click.Path(exists=True), help="A file that declares protocols.")
def protocols(specs: tuple[str, ...]) -> None:
    """List the protocols, in rank order."""
    for name, registered in _load(specs).items():
        lines = registered.protocol.doc.strip().splitlines()
        click.echo(f"{name:12} {registered.codec.pool:12} {lines[0] if lines else ''} [{registered.source}]")


@main.command()
@click.argument("name", metavar="NAME|PATH.py")
@click.option("--spec", "specs", multiple=True, type=click.Path(exists=True), help="A file that declares protocols.")
def explain(name: str, specs: tuple[str, ...]) -> None:
    """Show how the protocol NAME is read: its fields, its Plan, and what stays interpreted."""
    from xproto.explain import explain as explained

    click.echo(explained(_find(name, specs)), nl=False)


@main.command()
@click.argument("name", metavar="NAME|PATH.py|all")
@click.option("--deep", is_flag=True, help="Try more: minutes instead of seconds.")
@click.option("--only", multiple=True, metavar="CHECK", help="This check; may be repeated.")
@click.option("--case", metavar="NAME", help="This case of the checks, as a report names it.")
@click.option("--list", "listed", is_flag=True, help="List the checks instead, and which of them apply.")
@click.option("--live", metavar="HOST:PORT", help="Drive the server that listens there through the checks.")
@click.option("--play-server", type=click.IntRange(0, 65535), metavar="PORT", help="Play the server to a client, on loopback.")
@click.option("--report", "folder", type=click.Path(file_okay=False), help="Write report.html, report.json, junit.xml there.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--spec", "specs", multiple=True, type=click.Path(exists=True), help="A file that declares protocols.")
@click.option("--vectors", type=click.Path(exists=True, file_okay=False), help="The folder of the vectors.")
def conformance(name: str, listed: bool, **options: Any) -> None:
    """Prove a codec: the protocol NAME, all that PATH.py declares, or all there are.

    The exit code is 1 if anything failed.
    """
    from conformance.command import Wishes, list_checks
    from conformance.command import conformance as run_checks
    from conformance.golden import VectorError
    from xproto.errors import ChoiceError, SpecError

    if options["live"] is not None:
        options["live"] = _host_and_port(options["live"])
    refused: tuple[type[Exception], ...] = (SpecError, VectorError)
    if options["live"] is not None or options["play_server"] is not None:
        from conformance.live import LiveError

        refused += (LiveError,)
        if options["case"] is not None:
            raise click.UsageError("--case is for the checks that need no peer; leave out --live and --play-server.")
    wishes = Wishes(**options)
    try:
        if not listed:
            sys.exit(run_checks(name, wishes))
        list_checks(name, wishes)
    except ChoiceError as error:
        raise click.UsageError(str(error)) from None
    except refused as error:
        _refuse(str(error))


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Show the proxy at work: two backends, mixed traffic, a failure."""
    from proxy.demo import main as run_demo

    sys.exit(run_demo(list(arguments)))


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"xproto {__version__}")


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise click.BadParameter(f"{text!r} is no address; write HOST:PORT", param_hint="--live")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _find(name: str, specs: tuple[str, ...]) -> Any:
    from xproto import registry
    from xproto.errors import ChoiceError, SpecError

    try:
        return registry.find(name, specs)
    except ChoiceError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    except SpecError as error:
        _refuse(str(error))


def _load(specs: tuple[str, ...]) -> dict[str, Any]:
    from xproto import registry
    from xproto.errors import SpecError

    try:
        return dict(registry.load(specs))
    except SpecError as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(INVALID)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    main()
