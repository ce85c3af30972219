"""Secrets in files, as certbot, cert-manager and Kubernetes leave them there.

Changes are found by asking each path's `stat` once a second. Inotify would know earlier, but it watches directories' entries,
not what a path leads to: it says nothing when a symlink further up is swapped, as Kubernetes does with ``..data`` for all of
a secret's files at once, and nothing at all on network volumes.

What always holds: what is loaded was there at one moment, or looked so (if anything changed while the files were read, they
are read again); a file that changed in the last moments is looked at again although its `stat` says that it did not,
because a file system's clock ticks every few milliseconds only. Nothing but regular files is read, and not endlessly.
"""

from __future__ import annotations

import difflib
import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from proxy.tls.material import Material
from proxy.tls.providers import FIELDS, MaterialError, Problem, Provider

FILE_MAX = 16 * 1024 * 1024
"""Bytes of one file: the largest revocation lists in use have some megabytes."""
SETTLED_AFTER = 2.0
"""Seconds from a file's time stamp until that tells all later changes; the coarsest file systems count in these."""
ATTEMPTS = 3
"""How often files that change while they are read are read again at once."""


class Files(Provider):
    """`settings`: absolute paths, by `FIELDS`; a certificate and its key, roots and their revocation lists, or all."""

    def __init__(self, name: str, settings: Mapping[str, Any], clock: Callable[[], float] = time.time) -> None:
        if problems := check(settings):
            raise MaterialError(*problems)
        self._name, self._clock = name, clock
        self._paths: dict[str, str] = {field: settings[field] for field in FIELDS if settings.get(field) is not None}

    def __repr__(self) -> str:
        return f"<Files {self._name}>"

    def places(self) -> Mapping[str, str]:
        return self._paths

    def version(self) -> object:
        stats = [_stat(path) for path in self._paths.values()]
        now = self._clock()
        fresh = any(isinstance(each, os.stat_result) and abs(now - each.st_mtime) < SETTLED_AFTER for each in stats)
        return (*map(_identity, stats), now if fresh else None)

    def load(self) -> Material:
        for _ in range(ATTEMPTS):
            before = self._identities()
            texts, problems = self._read()
            if self._identities() == before:
                break
        if problems:
            raise MaterialError(*problems)
        return Material(
            certificate=texts.get("certificate", ""),
            private_key=texts.get("private_key", ""),
            trust=texts.get("ca", ""),
            crl=texts.get("crl", ""),
        )

    def _identities(self) -> list[object]:
        return [_identity(_stat(path)) for path in self._paths.values()]

    def _read(self) -> tuple[dict[str, str], list[Problem]]:
        texts: dict[str, str] = {}
        problems: list[Problem] = []
        for field, path in self._paths.items():
            try:
                texts[field] = read(path)
            except OSError as error:
                problems.append((field, f"cannot be read ({error.strerror}); name a file that the proxy's user may read"))
            except ValueError as error:
                problems.append((field, str(error)))
        return texts, problems


def check(settings: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the settings, whatever is in the files."""
    problems: list[Problem] = []
    for field, path in settings.items():
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"write one of: {', '.join(FIELDS)}"
            problems.append((field, f"is unknown; {hint}"))
        elif path is not None and not isinstance(path, str):
            problems.append((field, "is not a path; write the path of a PEM file"))
        elif path is not None and not Path(path).is_absolute():
            problems.append((field, "is not absolute; write the whole path"))
    given = {field for field in FIELDS if settings.get(field) is not None}
    if not given & {"certificate", "private_key", "ca"}:
        problems.append(("", "has no file; write certificate and private_key, or ca"))
    for one, other in (("certificate", "private_key"), ("private_key", "certificate"), ("crl", "ca")):
        if one in given and other not in given:
            problems.append((one, f"has no {other} beside it; write both"))
    return problems


def read(path: str) -> str:
    """The file's text; raises `OSError`, or `ValueError` with what is wrong and what to write instead."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not wait for its writer
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("is not a file; name a PEM file")
        with open(descriptor, "rb", closefd=False) as stream:
            data = stream.read(FILE_MAX + 1)
    finally:
        os.close(descriptor)
    if len(data) > FILE_MAX:
        raise ValueError(f"is over {FILE_MAX} bytes; name a PEM file")
    if not data.strip():
        raise ValueError("is empty; name a PEM file")
    return data.decode("utf-8", "replace")  # names in comments are in whatever encoding


def _stat(path: str) -> os.stat_result | int:
    """What the path leads to; an error's number if it leads nowhere."""
    try:
        return os.stat(path)  # noqa: PTH116 (a hot path)
    except OSError as error:
        return error.errno or -1


def _identity(found: os.stat_result | int) -> object:
    """Not equal for files that differ, after `SETTLED_AFTER`. The change time tells copies with their old dates, too."""
    if isinstance(found, int):
        return found
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
