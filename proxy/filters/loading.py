"""Where filters come from: built-ins (an explicit tuple), entry points, files by path.

A name may exist once. A file is compiled from the text that is compared, as protocols' files are, so that one that has not
changed gives the same class as before.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from importlib.util import module_from_spec
from pathlib import Path
from traceback import extract_tb
from typing import Any, NamedTuple

from proxy.filters.interface import Body, Filter
from proxy.snapshot import Filter as Spec
from xproto.errors import suggest

GROUP = "xproto.filters"
BUILT_IN = (
    ("fault", "proxy.filters.fault", "FaultInjection"),
    ("rate_limit", "proxy.filters.rate_limit", "RateLimit"),
    ("buffer", "proxy.filters.buffer", "Buffer"),
    ("header_rules", "proxy.filters.header_rules", "HeaderRules"),
    ("header_to_metadata", "proxy.filters.header_to_metadata", "HeaderToMetadata"),
)
"""Name, module, class: imported where they are used, since most workers use none."""


class FilterError(ValueError):
    """A filter that cannot be had. `place`: the key of the configuration that is to blame."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


class File(NamedTuple):
    text: bytes
    kind: type[Filter]


class Classes:
    """Filters' classes, found once."""

    def __init__(self, before: Classes | None = None) -> None:
        self._before: dict[str, File] = {} if before is None else dict(before.files)
        self.files: dict[str, File] = {}

    def find(self, spec: Spec) -> type[Filter]:
        """Raises `FilterError`."""
        kind = named(spec.kind) if spec.file is None else self._in_file(spec.file)
        if not isinstance(kind.body, Body):
            where = "file" if spec.file is not None else "name"
            raise FilterError(where, f"{kind.__name__}.body is {kind.body!r}; write a Body, as Body.BUFFERED")
        return kind

    def _in_file(self, path: str) -> type[Filter]:
        if path not in self.files:
            self.files[path] = read_file(path, self._before.get(path))
        return self.files[path].kind


def named(name: str) -> type[Filter]:
    """A built-in filter, or that of an entry point; raises `FilterError`."""
    entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    built_in = {each[0]: each[1:] for each in BUILT_IN}
    if sum(entry.name == name for entry in entry_points(group=GROUP)) + (name in built_in) > 1:
        raise FilterError("name", f"there are several filters {name!r}; uninstall all but one")
    if name in built_in:
        module, kind = built_in[name]
        found: Any = getattr(import_module(module), kind)
    elif name in entries:
        try:
            found = entries[name].load()
        except Exception as error:
            raise FilterError(
                "name", f"{name!r} cannot be loaded ({type(error).__name__}: {error}); mend or uninstall it"
            ) from error
    else:
        raise FilterError("name", f"there is no filter {name!r} that needs no file; {suggest(name, (*built_in, *entries))}")
    if not (isinstance(found, type) and issubclass(found, Filter)):
        raise FilterError("name", f"{name!r} is no filter; its entry point has to be a subclass of proxy.filters.Filter")
    return found


def read_file(path: str, before: File | None) -> File:
    """The one filter that a file declares; raises `FilterError`."""
    name = f"xproto_filter_{Path(path).stem}"
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise FilterError("file", f"cannot be read ({error.strerror}); name a Python file") from error
    if before is not None and before.text == text:
        return before
    module = module_from_spec(ModuleSpec(name, None, origin=path))
    module.__file__ = path
    sys.modules[name] = module
    try:
        exec(compile(text, path, "exec"), vars(module))  # noqa: S102 (a user's program, as it is meant to be)
    except Exception as error:
        raise FilterError("file", f"cannot be loaded ({type(error).__name__}: {error}{_line(error, path)}); mend it") from error
    kinds = [each for each in vars(module).values() if _declared(each, name)]
    if len(kinds) != 1:
        told = ", ".join(kind.__name__ for kind in kinds) or "none"
        raise FilterError("file", f"declares {len(kinds)} filters ({told}); write one class that has Filter as its base")
    return File(text, kinds[0])


def _declared(value: Any, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Filter) and value.__module__ == module


def _line(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError) and error.filename == path:
        return ""  # it says so itself
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == path]
    return f", line {lines[-1]}" if lines else ""
