"""Verbs of who adds or judges a protocol: new-protocol, conformance, decode."""

from __future__ import annotations

import sys
from typing import Any

import click

from proxy.cli.common import INVALID, find, load, refuse


@click.command("new-protocol")
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
        refuse(str(error))
    click.echo(f"Written: {', '.join(map(str, created.files))}\n{created.next}", nl=False)


@click.command()
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

    protocols, only = load(specs), find(name, specs) if name else None
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


@click.command()
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
        refuse(str(error))


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise click.BadParameter(f"{text!r} is no address; write HOST:PORT", param_hint="--live")
    return host.removeprefix("[").removesuffix("]"), int(port)
