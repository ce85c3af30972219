"""A registry of named protocols, so that these tests need no compiled codec."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from proxy.config.loader import parse
from proxy.config.problems import ConfigurationError

SMALLEST = """\
listeners:
  - name: mesh
    address: 127.0.0.1:9200
    routes: main
routes:
  main:
    - match: {headers: {service: "com.test.EchoService:1.0"}}
      cluster: echo
clusters:
  echo:
    hosts: [127.0.0.1:9100]
"""


def protocol(pool: str = "multiplexed") -> Any:
    return SimpleNamespace(codec=SimpleNamespace(pool=pool), cubes=(), editable=())


class Registry:
    """Loads `known`, and of each spec the protocol named as its file; files named bad… raise."""

    def __init__(self, **known: Any) -> None:
        self.known = known or {"dubbo": protocol(), "bolt": protocol()}

    def __call__(self, specs: Any, options: Any) -> dict[str, Any]:
        loaded = dict(self.known)
        for spec in specs:
            name = spec.rpartition("/")[2].removesuffix(".py")
            if name.startswith("bad"):
                raise ZeroDivisionError("division by zero")
            if name in loaded:
                raise ValueError(f"{name}: declared twice; rename one of them")
            loaded[name] = protocol()
        for name, given in options.items():
            if name not in loaded or "wrong" in given:
                raise ValueError(f"protocol_options.{name}: no option 'wrong'; see xproto explain")
        return loaded


def snapshot(text: str, registry: Any = None, file: str = "x.yaml", **environment: str) -> Any:
    return parse(text, file, environment, registry or Registry())


def errors(text: str, registry: Any = None, file: str = "x.yaml", **environment: str) -> list[str]:
    """The rendered problems without the file's name; empty for a valid configuration."""
    try:
        parse(text, file, environment, registry or Registry())
    except ConfigurationError as error:
        return [line.removeprefix(f"{file}:") for line in error.render().splitlines()]
    return []
