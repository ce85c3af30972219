"""Which protocols there are: built-ins (an explicit tuple), third parties by entry point, files by path.

A name may exist once. A protocol is lowered and its templates are built when it is loaded, so whatever is wrong with a
declaration is known before a byte arrives.

Loading again, with what was loaded before: a protocol whose file's text and options did not change is the same object,
so whoever uses it can see that nothing changed. Files are compiled from the text that was compared, never from cached
bytecode, which goes by seconds. Modules that a file imports are read once in the life of a process, as ever in Python.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import entry_points
from importlib.util import module_from_spec
from pathlib import Path
from traceback import extract_tb
from types import CodeType
from typing import Any, NamedTuple

from construct.expr import ExprMixin

from xproto.autodetect.signature import Cube, signature
from xproto.codecs.bolt import BOLT
from xproto.codecs.dubbo import DUBBO
from xproto.codecs.http1 import HTTP1
from xproto.codecs.http2 import HTTP2
from xproto.codecs.tars import TARS
from xproto.codecs.thrift import THRIFTS
from xproto.editable import Editable, editable
from xproto.errors import ChoiceError, SpecError, suggest
from xproto.kernel.codec import Codec
from xproto.lower import Lowered, lower
from xproto.rank import ranked
from xproto.spec import Protocol
from xproto.templates import check_templates

ENTRY_POINTS = "xproto.protocols"
BUILT_IN: tuple[Protocol, ...] = (DUBBO, BOLT, TARS, *THRIFTS, HTTP1, HTTP2)
"""In rank order: the earlier one is asked first (see `xproto.rank`)."""


@dataclass(frozen=True)
class Registered:
    """A protocol that was accepted. `source` says where it came from: built-in, an entry point, or a file."""

    protocol: Protocol
    lowered: Lowered
    codec: Codec
    source: str
    declared: Protocol | None = None
    """The declaration before its options."""
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def editable(self) -> tuple[Editable, ...]:
        """What of its messages can be edited."""
        return editable(self.codec)

    @cached_property
    def cubes(self) -> tuple[Cube, ...]:
        """Its signature."""
        detect = self.protocol.detect
        return signature(self.lowered.scan, detect.through, detect.followed_by, reached=self.protocol.session is not None)


class File(NamedTuple):
    """A file of protocols: its text, and what it declares."""

    text: bytes
    protocols: list[Protocol]


class Loaded(dict[str, Registered]):
    """All protocols by name, in rank order; `files` by path."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}


def register(protocol: Protocol, source: str = "built-in") -> Registered:
    """Lowers and compiles one declaration; raises `SpecError`."""
    lowered = lower(protocol)
    codec = Codec(lowered)
    try:
        check_templates(lowered, codec.scan_bytes)
        for inner, carried in zip(lowered.carried, codec.carried, strict=True):
            check_templates(inner, carried.scan_bytes)
    except SpecError as error:
        raise error.within(protocol.name) from error
    return Registered(protocol, lowered, codec, source)


def load(
    spec_paths: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    before: Loaded | None = None,
) -> Loaded:
    """All protocols by name, in rank order.

    spec_paths: Python files, each declaring one or more `Protocol` at module level.
    options: keyword arguments for a protocol's `configure`, by name.
    before: what was loaded last; nothing of it is changed, and what is as it was there is taken from it.
    Raises `SpecError` for a bad declaration, a name that exists twice, or options that do not fit.
    """
    loaded, last, given = Loaded(), before if before is not None else Loaded(), options or {}
    found: dict[str, tuple[Protocol, str]] = {}
    # All at once: Python's truth is restored before the next step.
    for protocol, source in list(_declared(spec_paths, last.files, loaded.files)):
        if protocol.name in found:
            if found[protocol.name][0] is protocol:  # imported or named twice, not declared twice
                continue
            raise SpecError(protocol.name, f"declared by {found[protocol.name][1]} and by {source}", "rename one of them")
        found[protocol.name] = protocol, source
    for name in given:
        if name not in found:
            raise SpecError(f"protocol_options.{name}", "no such protocol", f"there are: {', '.join(sorted(found))}")
    known: dict[str, Registered] = {}
    for name, (protocol, source) in found.items():
        own, same = given.get(name) or {}, last.get(name)
        if same is None or same.declared is not protocol or same.options != own or same.source != source:
            made = register(_configured(protocol, own), source)
            same = Registered(made.protocol, made.lowered, made.codec, source, protocol, own)
        known[name] = same
    loaded.update((name, known[name]) for name in ranked(known, {n: r.protocol.detect.before for n, r in known.items()}))
    return loaded


def with_carried(loaded: Mapping[str, Registered]) -> dict[str, Registered]:
    """Behind these also those that no connection speaks, but streams of one do, under a name of their own."""
    found = {
        inner.protocol.name: Registered(inner.protocol, inner, codec, registered.source)
        for registered in loaded.values()
        for inner, codec in zip(registered.lowered.carried, registered.codec.carried, strict=True)
    }
    return {**loaded, **{name: each for name, each in found.items() if name not in loaded}}


def find(name_or_path: str, specs: Sequence[str] = (), options: Mapping[str, Mapping[str, Any]] | None = None) -> Registered:
    """One protocol: by its name, or by the path of the file that declares it (what ends in ``.py`` is a path).

    By its name also one that others' streams carry.

    specs, options: as `load` takes them. Raises `SpecError`; a `ChoiceError` that says what to write instead where there is
    no such name, or where a file declares several protocols.
    """
    if not name_or_path.endswith(".py"):
        loaded = load(specs, options)
        known = with_carried(loaded)
        if name_or_path not in known:
            raise ChoiceError(name_or_path, "there is no protocol of this name", suggest(name_or_path, known))
        return known[name_or_path]
    loaded = load(list(dict.fromkeys((*specs, name_or_path))), options)
    declared = {each.name: loaded[each.name] for each in loaded.files[name_or_path].protocols}
    own = {name: each for name, each in declared.items() if each.source == name_or_path} or declared
    if len(own) > 1:
        name, *_ = own
        instead = f"choose by name: {name} --spec {name_or_path}"
        raise ChoiceError(name_or_path, f"declares {len(own)} protocols: {', '.join(own)}", instead)
    (found,) = own.values()
    return found


def _configured(protocol: Protocol, options: Mapping[str, Any] | None) -> Protocol:
    if not options:
        return protocol
    if protocol.configure is None:
        raise SpecError(f"protocol_options.{protocol.name}", "this protocol has no options", "remove them")
    try:
        return protocol.configure(**options)
    except (TypeError, ValueError) as error:
        raise SpecError(f"protocol_options.{protocol.name}", str(error), "see xproto explain") from error


def _declared(spec_paths: Sequence[str], before: Mapping[str, File], files: dict[str, File]) -> Iterator[tuple[Protocol, str]]:
    """Each protocol with its source; enters the files into `files`."""
    for protocol in BUILT_IN:
        yield protocol, "built-in"
    with strict_expressions():
        for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda e: e.name):
            try:
                value = entry.load()
            except SpecError as error:
                raise error.within(f"entry point {entry.name}") from None
            except Exception as error:
                raise SpecError(
                    f"entry point {entry.name}", f"cannot be loaded: {type(error).__name__}: {error}", "mend or uninstall it"
                ) from error
            if not isinstance(value, Protocol):
                raise SpecError(entry.name, f"the entry point {entry.value} is not a Protocol", "point it at one")
            yield value, f"entry point {entry.value}"
        for path in spec_paths:
            files[path] = _from_file(path, before.get(path))
            yield from ((protocol, path) for protocol in files[path].protocols)


class _Text(SourceFileLoader):
    """Loads a text that was read already."""

    def __init__(self, name: str, path: str, text: bytes) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 (the loader's signature)
        code: CodeType = self.source_to_code(self._text, self.path)
        return code


def _from_file(path: str, before: File | None) -> File:
    if not path.endswith(".py"):
        raise SpecError(path, "is not a Python file", "give the path of a .py file")
    name = f"xproto_spec_{Path(path).stem}"
    try:
        text = Path(path).read_bytes()
        if before is not None and before.text == text:
            return before
        spec = ModuleSpec(name, _Text(name, path, text), origin=path)
        spec.has_location = True
        module = module_from_spec(spec)
        sys.modules[name] = module
        _Text(name, path, text).exec_module(module)
    except SpecError as error:
        raise error.within(path) from None
    except Exception as error:
        wrong = f"cannot be loaded: {type(error).__name__}: {error}{_line(error, path)}"
        raise SpecError(path, wrong, "mend the file") from error
    protocols = [value for value in vars(module).values() if isinstance(value, Protocol)]
    if not protocols:
        raise SpecError(path, "declares no Protocol", "write NAME = Protocol(…) at module level")
    return File(text, protocols)


def _line(error: BaseException, path: str) -> str:
    """Where in the file it was raised; a SyntaxError says so itself."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == path]
    return f", line {lines[-1]}" if lines else ""


class strict_expressions:  # noqa: N801 - reads as a statement
    """While a codec module loads, `this.a and this.b` and `1 < this.f < 9` raise instead of losing a half."""

    def __enter__(self) -> None:
        ExprMixin.__bool__ = _no_truth

    def __exit__(self, *_: object) -> None:
        del ExprMixin.__bool__


def _no_truth(_self: object) -> bool:
    raise SpecError("expression", "`and`, `or`, `not` and chained comparisons lose a half", "use &, |, ~ and two comparisons")
