"""The `xproto` command. Each verb imports what it needs when it is called, so that ``xproto --help`` is quick.

Exit codes: 0 fine, 1 invalid configuration (or a proxy that could not start), 2 usage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, Any, NoReturn

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


@main.command("new-protocol")
@click.argument("name")
@click.option("--order", type=click.Choice(("big", "little")), help="Which end of an integer comes first.")
@click.option("--magic", metavar="HEX", help="The bytes that every frame begins with.")
@click.option("--id", type=click.Choice(("16", "32", "64", "none")), help="Bits of the id of a call and its answer.")
@click.option("--length", type=click.Choice(("parts", "whole")), help="A length for each part, or one for the frame.")
@click.option("--headers", type=click.Choice(("pairs", "fields")), help="Service and method: in a header block, or fields.")
@click.option("--heartbeat", type=click.Choice(("yes", "no")), help="Whether frames keep a connection alive.")
@click.option("--checksum", type=click.Choice(("yes", "no")), help="Whether a CRC-32 ends the frame.")
@click.option("--folder", type=click.Path(file_okay=False), default=".", help="Where the files go; else here.")
@click.option("--yes", is_flag=True, help="Take the defaults for what is not given, and ask nothing.")
def new_protocol(name: str, folder: str, yes: bool, **given: str | None) -> None:
    """Begin a protocol: write NAME.py, a commented declaration, with vectors and a test that passes."""
    from pathlib import Path

    from conformance.scaffold import Answers, ScaffoldError, create, questions, refuse_name

    try:
        refuse_name(name, Path(folder))
        answers = {}
        for asked in questions(name):
            known = given[asked.key] or (asked.default if yes else None)
            choices = click.Choice(asked.choices) if asked.choices else None
            answers[asked.key] = known or click.prompt(asked.text, default=asked.default, type=choices)
        created = create(Answers.of(name, answers), Path(folder))
    except ScaffoldError as error:
        _refuse(str(error))
    click.echo(f"Written: {', '.join(map(str, created.files))}\n{created.next}", nl=False)


@main.command()
@click.argument("given", metavar="INPUT")
@click.option("--protocol", "name", metavar="NAME|PATH.py", help="What it all speaks; else its first bytes tell.")
@click.option("--spec", "specs", multiple=True, type=click.Path(exists=True), help="A file that declares protocols.")
@click.option("--idl", metavar="FILE.thrift", help="Thrift: read arguments and results by this IDL.")
@click.option("--service", help="Thrift: whose methods, where the IDL has several services.")
@click.option("--hessian", is_flag=True, help="Dubbo and Bolt: read Hessian2 values; needs python-hessian.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--fields", is_flag=True, help="All declared fields of each frame, with their offsets.")
@click.option("--direction", type=click.Choice(["request", "response"]), default="request", help="Of bytes without a capture.")
def decode(
    given: str, name: str | None, specs: tuple[str, ...], idl: str | None, service: str | None, hessian: bool,
    as_json: bool, fields: bool, direction: str,
) -> None:  # fmt: skip
    """Show the calls in INPUT: a capture of tcpdump, a file of bytes or hex, hex itself, or - for standard input.

    Exit code 1 where something could not be read.
    """
    from xproto.decode.command import OptionError, decoded

    protocols, only = _load(specs), _find(name, specs) if name else None
    try:
        lines, totals = decoded(
            given, sys.stdin.buffer, protocols, only, idl=idl, service=service, hessian=hessian, as_json=as_json,
            with_fields=fields, direction=direction == "response",
        )  # fmt: skip
        for line in lines:
            click.echo(line)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    sys.exit(INVALID if totals.problems else 0)


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
@click.option("--vectors", type=click.Path(exists=True), help="The folder of the vectors, or a file of them.")
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
        if options["only"] and options["play_server"] is not None:
            raise click.UsageError("--play-server watches a client by all its checks; leave out --only.")
    wishes = Wishes(**options)
    try:
        if not listed:
            sys.exit(run_checks(name, wishes))
        list_checks(name, wishes)
    except ChoiceError as error:
        raise click.UsageError(str(error)) from None
    except refused as error:
        _refuse(str(error))


@main.group()
def export() -> None:
    """Write what a declaration gives other tools."""


def _export(name: str) -> Callable[[Callable[[Any], str]], click.Command]:
    """A verb of `export`; the function it decorates gives the text of one protocol."""

    def command(made: Callable[[Any], str]) -> click.Command:
        @export.command(name, help=made.__doc__)
        @click.argument("protocol", metavar="NAME|PATH.py")
        @click.option("--spec", "specs", multiple=True, type=click.Path(exists=True), help="A file that declares protocols.")
        @click.option("--output", type=click.File("w", encoding="utf-8", lazy=True), default="-", help="A file, else stdout.")
        def verb(protocol: str, specs: tuple[str, ...], output: IO[str]) -> None:
            text = made(_find(protocol, specs))
            output.write(text)

        return verb

    return command


@_export("wireshark")
def _wireshark(registered: Any) -> str:
    """A dissector for Wireshark and tshark, in Lua."""
    from xproto.exports.wireshark import dissector

    return dissector(registered)


@_export("markdown")
def _markdown(registered: Any) -> str:
    """A page of documentation: fields, a byte diagram, kinds, replies."""
    from xproto.exports.markdown import page

    return page(registered)


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
