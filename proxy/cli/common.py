"""What verbs share: protocols by name, and how a verb refuses."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

INVALID = 1
"""The exit code of what cannot be used, or was found wrong."""


def find(name: str, specs: tuple[str, ...]) -> Any:
    from xproto import registry
    from xproto.errors import ChoiceError, SpecError

    try:
        return registry.find(name, specs)
    except ChoiceError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    except SpecError as error:
        refuse(str(error))


def load(specs: tuple[str, ...]) -> dict[str, Any]:
    from xproto import registry
    from xproto.errors import SpecError

    try:
        return dict(registry.load(specs))
    except SpecError as error:
        refuse(str(error))


def refuse(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(INVALID)
