"""The way from a file to a snapshot: every stage runs, whatever the one before it found, and then all is reported.

What always holds: a `Snapshot` is returned only when there is no problem at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from proxy.config import (
    dead_routes,
    filter_checks,
    outside,
    protocols,
    references,
    references_edits,
    references_filters,
    references_matches,
    references_retries,
    references_tls,
    retry_times,
    source,
    table_keys,
)
from proxy.config.build import build
from proxy.config.messages import report_errors
from proxy.config.problems import ConfigurationError, Path, Problem
from proxy.config.schema import Config
from proxy.config.source import MAX_BYTES, Source
from proxy.config.values import WrongValueError
from proxy.snapshot import Snapshot

Look = Callable[[Config, Snapshot], Iterable[tuple[Path, str]]]
"""What is wrong with what a configuration that is right in itself only names."""


def load(
    file: str,
    environment: Mapping[str, str] = os.environ,
    registry: protocols.LoadRegistry = protocols.load_registry,
    look: Look = outside.check,
) -> Snapshot:
    """Reads, validates and builds; raises `ConfigurationError` with everything that is wrong.

    That includes what the file only names: secrets' files, and extensions.
    """
    return parse(_read(file), file, environment, registry, look)


def parse(
    text: str,
    file: str,
    environment: Mapping[str, str] = os.environ,
    registry: protocols.LoadRegistry = protocols.load_registry,
    look: Look = lambda *_: (),
) -> Snapshot:
    """As `load`, of text that is already read; `file` names it in errors and anchors relative paths.

    look: what is wrong with what the configuration only names; nothing is looked at if it is not given.
    """
    found = source.read(text, environment)
    folder = FilePath(file).absolute().parent
    specs = _specs(found, folder)
    config = _validate(found)
    gathered = protocols.gather(registry, specs, _options(found.data))
    filters = filter_checks.gather(found, folder)
    later = [
        *references.check(found.data, folder),
        *references_tls.check(found.data),
        *gathered.problems,
        *(protocols.check_names(found.data, gathered.registry) if gathered.registry else ()),
        *(protocols.check_detection(config, gathered.registry) if config else ()),
        *(references_retries.check_statuses(config, gathered.registry) if config else ()),
        *(references_retries.check_times(config) if config else ()),
        *(references_edits.check_edits(config, gathered.registry) if config else ()),
        *(references_filters.check(config, gathered.registry) if config else ()),
        *(references_matches.check(config, gathered.registry) if config else ()),
        *(retry_times.check(config) if config else ()),
        *(dead_routes.check(config, found.marks) if config else ()),
    ]
    for path, message in later:
        found.report(path, message)
    if config is None or found.problems:
        raise ConfigurationError(file, found.problems)
    try:
        snapshot = filters.into(build(config, partial(protocols.resolve, registry=gathered.registry), list(specs), folder))
    except WrongValueError as error:  # of a file that has changed since it was looked at
        raise ConfigurationError(file, [Problem(0, 0, "", str(error))]) from None
    for path, message in (*table_keys.check(snapshot), *look(config, snapshot)):
        found.report(path, message)
    if found.problems:
        raise ConfigurationError(file, found.problems)
    return snapshot


def admin_address(file: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """What the file says of the admin port, the rest unchecked; raises `ConfigurationError` if it is not even YAML."""
    found = source.read(_read(file), environment)
    if found.data is None:
        raise ConfigurationError(file, found.problems)
    given = found.data.get("admin") if isinstance(found.data, dict) else None
    address = given.get("address") if isinstance(given, dict) else given
    return address if isinstance(address, str) else None


def _read(file: str) -> str:
    try:
        with FilePath(file).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"cannot be read ({error.strerror}); name a file"
        raise ConfigurationError(file, [Problem(0, 0, "", message)]) from None
    if len(data) > MAX_BYTES:
        raise ConfigurationError(file, [Problem(0, 0, "", f"is over {MAX_BYTES} bytes; name a configuration")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(file, [Problem(line, 1, "", "is not UTF-8; write it as UTF-8")]) from None


def _validate(found: Source) -> Config | None:
    if found.data is None:
        return None
    try:
        return Config.model_validate(found.data)
    except ValidationError as error:
        report_errors(found, error)
        return None


def _specs(found: Source, folder: FilePath) -> dict[str, Path]:
    """Absolute paths of the protocols' files that are there, and where the configuration names them."""
    listed = found.data.get("protocol_specs") if isinstance(found.data, dict) else None
    specs: dict[str, Path] = {}
    for index, given in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(given, str):
            continue
        path = FilePath(os.path.normpath(folder / given))
        if not path.is_file():
            found.report(("protocol_specs", index), f"there is no file {path.name}; write a path relative to this file")
        elif str(path) in specs:
            found.report(("protocol_specs", index), "is listed twice; write it once")
        else:
            specs[str(path)] = ("protocol_specs", index)
    return specs


def _options(data: Any) -> dict[str, dict[str, Any]]:
    given = data.get("protocol_options") if isinstance(data, dict) else None
    if not isinstance(given, dict):
        return {}
    return {name: options for name, options in given.items() if isinstance(options, dict)}
