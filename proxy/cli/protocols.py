"""Verbs about declarations: which there are, how one is read, what it gives other tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

import click

from proxy.cli.common import find, load


@click.command()
@click.option("--spec", "specs", multiple=True, type=click.Path(exists=True), help="A file that declares protocols.")
def protocols(specs: tuple[str, ...]) -> None:
    """List the protocols, in rank order."""
    for name, registered in load(specs).items():
        lines = registered.protocol.doc.strip().splitlines()
        click.echo(f"{name:12} {registered.codec.pool:12} {lines[0] if lines else ''} [{registered.source}]")


@click.command()
@click.argument("name", metavar="NAME|PATH.py")
@click.option("--spec", "specs", multiple=True, type=click.Path(exists=True), help="A file that declares protocols.")
def explain(name: str, specs: tuple[str, ...]) -> None:
    """Show how the protocol NAME is read: its fields, its Plan, and what stays interpreted."""
    from xproto.explain import explain as explained

    click.echo(explained(find(name, specs)), nl=False)


@click.group()
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
            text = made(find(protocol, specs))
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
