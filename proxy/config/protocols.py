"""What can be spoken: the protocols that a configuration names, loaded (that is, compiled) before anything is bound.

The seam to `xproto.registry`, which is a parameter so that tests need no compiled kernel. A protocol's file is a
program of its user: whatever it raises is a problem at its line, never a traceback. Everything is loaded at once, as
workers will; only when that fails it is loaded piece by piece, to tell which piece is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.config.listeners import Listener
from proxy.config.problems import Path
from proxy.config.raw import items, lists, mapping
from proxy.config.schema import Config
from proxy.observe.counters import CARRIED
from xproto.errors import suggest

Registry = Mapping[str, Any]
"""`xproto.registry.Registered` by name, in rank order. Of each, `cubes` and `editable` are looked at."""
Options = Mapping[str, Mapping[str, Any]]
LoadRegistry = Callable[[Sequence[str], Options], Registry]
Problems = list[tuple[Path, str]]
AUTO = "auto"
CARRIED_NAMES = tuple(name for names in CARRIED.values() for name in names)
"""Spoken in streams of another protocol, never by themselves."""


@dataclass(slots=True)
class Gathered:
    """The protocols that could be loaded, and what is wrong with the others."""

    registry: Registry
    problems: Problems = field(default_factory=list)


def load_registry(specs: Sequence[str], options: Options) -> Registry:
    """`xproto.registry.load`, imported when it is needed; a protocol that cannot be detected is refused too."""
    from xproto import registry

    loaded = registry.load(tuple(specs), options)
    for registered in loaded.values():
        assert registered.cubes is not None  # raises, for whom they cannot be found
    return loaded


def gather(load: LoadRegistry, specs: Mapping[str, Path], options: Options) -> Gathered:
    """Loads; `specs` are absolute paths with their place in the configuration."""
    try:
        return Gathered(load(tuple(specs), options))
    except Exception:  # noqa: BLE001 (a user's program)
        return _piece_by_piece(load, specs, options)


def _piece_by_piece(load: LoadRegistry, specs: Mapping[str, Path], options: Options) -> Gathered:
    good: list[str] = []
    found = Gathered({})
    try:
        found.registry = load((), {})
    except Exception as error:  # noqa: BLE001 (a third party's program)
        found.problems.append(((), f"the installed protocols cannot be loaded: {_reason(error)}"))
        return found
    for spec, path in specs.items():
        try:
            found.registry = load((*good, spec), {})
        except Exception as error:  # noqa: BLE001 (a user's program)
            found.problems.append((path, _reason(error)))
        else:
            good.append(spec)
    accepted: dict[str, Mapping[str, Any]] = {}
    for name, given in options.items():
        if name not in found.registry:
            continue  # check_names says so
        try:
            found.registry = load(good, {**accepted, name: given})
        except Exception as error:  # noqa: BLE001 (a user's program)
            found.problems.append((("protocol_options", name), _reason(error, f"protocol_options.{name}: ")))
        else:
            accepted[name] = given
    return found


def _reason(error: Exception, without: str = "") -> str:
    said = str(error).removeprefix(without)
    return said if ";" in said else f"cannot be loaded ({type(error).__name__}: {said}); correct it"


def check_names(data: Any, registry: Registry) -> Iterator[tuple[Path, str]]:
    """Protocols that listeners and options name and that do not exist.

    Over the data as read, as `references`.
    """
    if not isinstance(data, dict):
        return
    for path, name in _named(data):
        if name != AUTO and name not in registry:
            yield path, f"there is no protocol {name!r}; {suggest(name, (AUTO, *registry))}"
    for path, name in _matched(data):
        if name not in registry and name not in CARRIED_NAMES:
            yield path, f"there is no protocol {name!r}; {suggest(name, (*registry, *CARRIED_NAMES))}"
    options = data.get("protocol_options")
    for name in options if isinstance(options, dict) else ():
        if name not in registry:
            yield ("protocol_options", name), f"there is no protocol {name!r}; {suggest(name, registry)}"


def _named(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for index, listener in items(data.get("listeners")):
        yield from _listed(("listeners", index, "protocols"), listener.get("protocols"))
        for place, chain in items(listener.get("filter_chains")):
            yield from _listed(("listeners", index, "filter_chains", place, "protocols"), chain.get("protocols"))


def _matched(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """What routes ask calls to be spoken in."""
    for table, given in mapping(data, "routes").items():
        for path, listed in lists(("routes", table), given):
            for index, route in items(listed):
                match = route.get("match")
                if isinstance(match, dict):
                    yield from _listed((*path, index, "match", "protocol"), match.get("protocol"))


def _listed(path: Path, given: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(given, str):
        yield path, given
    for position, name in enumerate(given if isinstance(given, list) else ()):
        if isinstance(name, str):
            yield (*path, position), name


def resolve(names: Iterable[str], registry: Registry) -> tuple[str, ...]:
    """The protocols that a listener or a filter chain speaks, in rank order."""
    wanted = set(names)
    return tuple(name for name in registry if AUTO in wanted or name in wanted)


def check_detection(config: Config, registry: Registry) -> Iterator[tuple[Path, str]]:
    """Listeners and filter chains of several protocols whose first bytes do not tell which, or not soon enough."""
    from xproto.autodetect import prove

    for path, names, listener in _speakers(config):
        spoken = [registry[name] for name in resolve(names, registry)]
        inside = len(path) > 2  # TLS: nothing else stands in front any more
        proxy, tls = listener.proxy_protocol is not None and not inside, _mixes(listener) and not inside
        if len(spoken) < 2 and not tls:
            continue
        for finding in prove(spoken, listener.detect.bytes, proxy=proxy, tls=tls):
            if len(finding.protocols) > 1:
                yield (*path, "protocols"), str(finding)
            elif len(spoken) > 1:
                yield (*path[:2], "detect", "bytes"), str(finding)


def _mixes(listener: Listener) -> bool:
    """Whether TLS and plaintext are told apart by the first bytes."""
    return listener.plaintext is True and (listener.tls is not None or bool(listener.filter_chains))


def _speakers(config: Config) -> Iterator[tuple[Path, tuple[str, ...], Listener]]:
    """Whatever has protocols of its own. What a listener may speak is thereby shown for chains that say nothing."""
    for index, listener in enumerate(config.listeners):
        yield ("listeners", index), listener.protocols, listener
        for place, chain in enumerate(listener.filter_chains):
            if chain.protocols is not None:
                yield ("listeners", index, "filter_chains", place), chain.protocols, listener
