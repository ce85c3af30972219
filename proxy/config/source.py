"""A YAML file as plain data, and where each value of it stands.

Built on PyYAML's nodes instead of its loader, because nodes know their lines and still show a key written twice, which
a dict forgets. Keys are always text (``on: 1`` is the key "on"); dates stay text; tags other than YAML's own scalars
are refused, so reading a file never makes objects. Anchors and ``<<`` work; how much they may expand is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from proxy.config.problems import Path, Problem, render_path
from proxy.config.substitute import substitute

MAX_BYTES = 64 * 1024 * 1024
"""A file larger than this is no configuration but a mistake (a log, a core)."""
MAX_DEPTH = 32
"""The schema is 9 levels deep; options of protocols may add some."""
MAX_BITS = 512
"""Of a whole number: what is longer can be neither printed nor made a float, and means nothing anywhere."""
MAX_VALUES = 1_000_000
"""Values after expansion: aliases of aliases grow exponentially."""

_TAG = "tag:yaml.org,2002:"
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = {f"{_TAG}{name}" for name in ("int", "float", "bool", "null")}
_TEXTS = {f"{_TAG}{name}" for name in ("str", "timestamp", "value")}


class Mark(NamedTuple):
    """Where a value stands (from 1), and a scalar's text as it was written."""

    line: int
    column: int
    text: str | None = None


@dataclass(slots=True)
class Source:
    """`data` is what could be read, even where `problems` are not empty, so that later stages can say more."""

    data: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, path: Path, message: str) -> None:
        """Adds a problem at a value, or at the nearest value around it where it is missing."""
        near = path
        while near and near not in self.marks:
            near = near[:-1]
        mark = self.marks.get(near, Mark(1, 1))
        self.problems.append(Problem(mark.line, mark.column, render_path(path), message))


def read(text: str, environment: Mapping[str, str]) -> Source:
    """Reads one YAML document; never raises for what is in it."""
    source = Source()
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        source.problems.append(Problem(line, column, "", _explain(error, text, line)))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        source.problems.append(Problem(line, 1, "", f"not YAML: {error.reason}; write printable UTF-8 text"))
    except RecursionError:
        source.problems.append(Problem(1, 1, "", "nested too deeply; write a flatter file"))
    else:
        if node is None:
            source.problems.append(Problem(1, 1, "", "the file is empty; write listeners, routes and clusters"))
        else:
            source.data = _Walker(source, environment).value(node, (), node)
    return source


def _explain(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    if "]:" in shown:
        return f"not YAML: {said}; write an IPv6 address in quotes: '[::1]:9200'"
    if "\t" in shown:
        return f"not YAML: {said}; indent with spaces, not tabs"
    if "single document" in said:
        return f"not YAML: {said}; write one document, without ---"
    return f"not YAML: {said}; check the indentation, and quote text that contains : # [ {{ or $"


class _Walker:
    """Nodes to data, one value at a time, noting marks and problems in the source."""

    def __init__(self, source: Source, environment: Mapping[str, str]) -> None:
        self.source = source
        self.environment = environment
        self.resolver = yaml.resolver.Resolver()
        self.values = 0

    def value(self, node: yaml.Node, path: Path, at: yaml.Node) -> Any:
        """The data of a node; `at` is the node whose place a reader would look at: a mapping's key."""
        self.values += 1
        place = at if not isinstance(node, yaml.ScalarNode) else node
        mark = Mark(place.start_mark.line + 1, place.start_mark.column + 1)
        self.source.marks[path] = mark
        if self.values > MAX_VALUES or len(path) > MAX_DEPTH:
            what = "too many values" if self.values > MAX_VALUES else "nested too deeply"
            if not any(what in problem.message for problem in self.source.problems):
                self.source.report(path, f"{what}; write less, and look for aliases that repeat each other")
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index), child) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            self.source.marks[path] = mark._replace(text=node.value)
            return self.scalar(node, path)
        raise AssertionError(node)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.source.marks.setdefault((*path, "?"), Mark(key.start_mark.line + 1, key.start_mark.column + 1))
                self.source.report((*path, "?"), "a key must be text; write key: value")
            elif key.tag == f"{_TAG}merge":
                self.merge(child, path, merged)
            elif key.value in pairs:
                first = pairs[key.value][0].start_mark.line + 1
                mark = key.start_mark
                message = f"written twice (first in line {first}); write it once"
                where = render_path((*path, key.value))
                self.source.problems.append(Problem(mark.line + 1, mark.column + 1, where, message))
            else:
                pairs[key.value] = (key, child)
        merged.update(pairs)
        return {name: self.value(child, (*path, name), key) for name, (key, child) in merged.items()}

    def merge(self, node: yaml.Node, path: Path, into: dict[str, tuple[yaml.Node, yaml.Node]]) -> None:
        """``<<``: the first mapping that has a key wins, and the keys written beside it win over all."""
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(part, yaml.MappingNode):
                self.source.report(path, "<< needs a mapping; write <<: *anchor")
                continue
            for key, child in part.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge":
                    into.setdefault(key.value, (key, child))

    def scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text, tag = node.value, node.tag
        if "${" in text:
            text, problems = substitute(text, self.environment)
            for problem in problems:
                self.source.report(path, problem)
            if not node.style:
                tag = self.resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        if tag in _TEXTS:
            return text
        if tag not in _SCALARS:
            self.source.report(path, f"the tag {tag.removeprefix(_TAG)} is not known here; write the value without it")
            return None
        scalar = yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)
        try:
            found = yaml.constructor.SafeConstructor().construct_object(scalar)
        except ValueError:
            self.source.report(path, f"{text!r} is no {tag.removeprefix(_TAG)}; write it in quotes if it is text")
            return None
        if isinstance(found, int) and found.bit_length() > MAX_BITS:
            self.source.report(path, f"is a number of {found.bit_length()} bits; write one that means something, or quote it")
            return None
        return found
