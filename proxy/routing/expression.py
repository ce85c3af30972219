"""Expressions in CEL: compiled and checked when a configuration is read, asked of a call's values for the rest of time.

The one place that knows the library (`cel-expr-python`, Google's, which is the C++ implementation). It is imported with
the first expression, so a worker without one has neither its 10 MB nor its start. All variables are declared and typed, so an
undefined name, an unknown function and a wrong type are errors of the configuration; see `cel_meaning` for what else is.

Envoy's meaning of what goes wrong: an expression that looks at what is not there, or that fails (`int('x')`), does not hold,
unless a part of it that is ORed does. Its regexes are RE2's.

What always holds: asking never raises, and depends on the values of `keys` alone. Bytes that are no UTF-8, and NUL, at
which the library ends a text, are seen as U+FFFD: a value is never taken for another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from proxy.routing import cel_tree
from proxy.routing.cel_limits import check_loops
from proxy.routing.cel_meaning import MAPS, REPLACEMENT, TEXTS, implied, uses
from proxy.snapshot import HeaderMatch
from xproto.errors import suggest

MAX_LENGTH = 4096
"""Characters: more is a program, and it is asked for each call that is new."""
FUNCTIONS = ("startsWith", "endsWith", "contains", "matches", "size", "has", "int", "uint", "double", "string", "bool")
"""For suggestions."""
Values = Sequence[bytes | None]

_FOUND = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")


class ExpressionError(ValueError):
    """It is refused; the message says what is wrong and what to write instead."""


class Expression:
    """`keys`: all that it looks at. `implied`: cheap conditions that hold wherever it does."""

    def __init__(self, text: str, program: Any, tree: cel_tree.Node) -> None:
        self.text = text
        self._program = program
        check_loops(tree)
        found = tuple(dict.fromkeys(uses(tree)))
        self.keys: tuple[str, ...] = tuple(key for _, key in found)
        self.implied: tuple[HeaderMatch, ...] = tuple(dict.fromkeys(implied(tree)))
        self._places = [(name, key.removeprefix(MAPS[name]) if name in MAPS else None) for name, key in found]
        self._maps = tuple({name for name, _ in found if name in MAPS})

    def bind(self, position: Mapping[str, int]) -> Callable[[Values], bool]:
        """Whether it holds, as a function of a tuple of values; `position`: where in it those of the keys are."""
        places = [position[key] for key in self.keys]
        return lambda values: self.holds([values[at] for at in places])

    def holds(self, values: Iterable[bytes | None]) -> bool:
        """`values` in the order of `keys`; None where a key is absent."""
        try:
            return self._program.eval(data=self._data(values)).value() is True
        except Exception:  # noqa: BLE001 (whatever the library makes of a stranger's bytes)
            return False

    def describe(self, values: Iterable[bytes | None]) -> str:
        """One line for a person, as `condition.describe`."""
        given = list(values)
        if self.holds(given):
            return f"expression {self.text!r} holds"
        absent = [key for key, value in zip(self.keys, given, strict=True) if value is None]
        return f"expression {self.text!r} fails" + (f" ({', '.join(absent)} absent)" if absent else "")

    def _data(self, values: Iterable[bytes | None]) -> dict[str, Any]:
        data: dict[str, Any] = {name: {} for name in self._maps}
        for (name, entry), value in zip(self._places, values, strict=True):
            if value is None:
                continue
            if entry is None:
                data[name] = as_text(value)
            else:
                data[name][entry] = as_text(value)
        return data

    def __repr__(self) -> str:
        return f"<Expression {self.text!r} keys={self.keys!r}>"


def as_text(value: bytes) -> str:
    """A value as expressions see it."""
    return value.decode("utf-8", "replace").replace("\0", REPLACEMENT)


def compiled(text: str) -> Expression:
    """Raises `ExpressionError`."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(text)} characters; write at most {MAX_LENGTH}")
    library, environment = _library()
    try:
        program = environment.compile(text)
    except RuntimeError as error:
        raise ExpressionError(_said(str(error))) from None
    result = program.return_type()
    if result != library.Type.BOOL:
        raise ExpressionError(f"is of the type {result.name().lower()}; write what is true or false, as {text} == 'x'")
    try:
        return Expression(text, program, cel_tree.read(program.serialize()))
    except ValueError as error:
        raise ExpressionError(str(error)) from None


@cache
def _library() -> tuple[Any, Any]:
    """The library, and all that may be named."""
    from cel_expr_python import cel

    text = cel.Type.STRING
    variables = dict.fromkeys(TEXTS, text) | dict.fromkeys(MAPS, cel.Type.Map(text, text))
    return cel, cel.NewEnv(variables=variables)


def _said(error: str) -> str:
    """The library's first complaint, as one of ours."""
    found = _FOUND.search(error)
    if found is None or "recursion" in error:
        return "is nested too deeply; write less in one expression, or a route more"
    line, column, what = int(found[1]), int(found[2]), found[3].removesuffix(" [INVALID_ARGUMENT]")
    where = f" (character {column})" if line == 1 else f" (line {line}, character {column})"
    undeclared = _UNDECLARED.match(what)
    if undeclared is not None:
        return f"there is no {undeclared[1]!r}{where}; {suggest(undeclared[1], (*TEXTS, *MAPS, *FUNCTIONS))}"
    if what.startswith("found no matching overload"):
        types = what.partition("applied to ")[2].strip("'")
        operator = what.split("'")[1].strip("_@")
        return f"{operator} is not for {types}{where}; write text in quotes, and int(...) around text that is a number"
    what = what[:1].lower() + what.partition(" expecting ")[0][1:]
    return f"is no CEL: {what}{where}; write as service == 'com.test.Echo' && headers['env'] == 'gray'"
