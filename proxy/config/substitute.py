"""``${VAR}`` and ``${VAR:-default}`` in the values of a file.

Replaced after YAML has been read, scalar by scalar, so that a variable can never add keys or lines, and a problem has
the place of its value. ``$${`` stands for a plain ``${``. The default is used where the variable is unset or empty, as
in a shell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)

_INSTEAD = "write ${VAR}, ${VAR:-default}, or $${ for a plain ${"


def substitute(text: str, environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """The text with its references replaced, and what is wrong with those that could not be."""
    problems: list[str] = []

    def replace(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        if found[1] is None:
            problems.append(f"'${{' is not closed; {_INSTEAD}")
            return found[0]
        inside = _INSIDE.fullmatch(found[1])
        if inside is None:
            problems.append(f"{found[0]!r} names no variable; {_INSTEAD}")
            return found[0]
        name, default = inside.groups()
        value = environment.get(name)
        if value or (value is not None and default is None):
            return value
        if default is None:
            problems.append(f"the variable {name} is not set; set it, or write ${{{name}:-default}}")
            return found[0]
        return str(default)

    return _REFERENCE.sub(replace, text), problems
