"""``python -m proxy.config FILE DESCRIPTOR``: what control starts to read its file again; the descriptor is a memfd."""

from __future__ import annotations

import sys

from proxy.config.loader import load
from proxy.config.problems import ConfigurationError
from proxy.outcome import Outcome, write


def main(file: str, descriptor: int) -> None:
    try:
        outcome = Outcome(load(file))
    except ConfigurationError as error:
        outcome = Outcome(tuple(error.render().splitlines()))
    write(outcome, descriptor)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
