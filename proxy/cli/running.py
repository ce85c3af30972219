"""Verbs of the operator: run, reload, validate, demo."""

from __future__ import annotations

import sys

import click

from proxy.cli.common import refuse


@click.command()
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
        refuse(error.render())
    become(snapshot, file)


@click.command()
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
            refuse(f"{file}: no admin port; send HUP to the proxy instead, or give --admin ADDRESS")
        if address.endswith(":0"):
            refuse(f"{file}: the admin port is any that was free; give --admin ADDRESS, as the proxy printed it")
        click.echo(reload(address, file, timeout))
    except ConfigurationError as error:
        refuse(error.render())
    except AskError as error:
        refuse(str(error))


@click.command()
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
        refuse(error.render())
    counts = (
        _count(len(snapshot.listeners), "listener"),
        _count(sum(map(len, snapshot.routes.values())), "route"),
        _count(len(snapshot.clusters), "cluster"),
    )
    click.echo(f"valid: {file}: {', '.join(counts)}")


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Show the proxy at work: two backends, mixed traffic, a failure."""
    from proxy.demo import main as run_demo

    sys.exit(run_demo(list(arguments)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
