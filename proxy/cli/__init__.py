"""The `xproto` command. Each verb imports what it needs when it is called, so that ``xproto --help`` is quick.

Exit codes: 0 fine, 1 invalid configuration (or a proxy that could not start), 2 usage.
"""

from __future__ import annotations

import click

from proxy import __version__
from proxy.cli.protocols import explain, export, protocols
from proxy.cli.proving import conformance, decode, new_protocol
from proxy.cli.routing import explain_route
from proxy.cli.running import demo, reload, run, validate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A multi-protocol RPC mesh proxy: a protocol is one declaration."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"xproto {__version__}")


for _verb in (run, reload, validate, explain_route, protocols, explain, new_protocol, conformance, decode, export, demo):
    main.add_command(_verb)
