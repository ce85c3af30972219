"""Values with variables, ``%route%`` and the like: how they are written, and what is in them.

What always holds: a value that is accepted can be put together for every call; a variable that is not known, or not yet known
where it stands, is refused when the file is read; a value has no byte that ends a line.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from proxy.config.names import parse_host
from proxy.config.types import Written, checked
from proxy.config.values import WrongValueError, describe
from proxy.snapshot import Piece
from xproto.errors import suggest

OF_REQUESTS = ("service", "method", "path", "host", "request_header")
"""What a request says, looked up when it comes."""
OF_CALLS = ("downstream_address", "protocol", "route", "start_time", *OF_REQUESTS)
BEFORE = (*OF_CALLS, "cluster")
"""What is known when a request is edited."""
BEHIND = (*OF_CALLS, "upstream_host")
"""And when its answer is."""
MAX_VALUE = 16_384
"""Bytes, before variables: the kernel writes no longer one."""

_PART = re.compile(r"%%|%(?P<variable>[a-z_]+)(?:\((?P<argument>[^()%]*)\))?%|%")
VARIABLE = re.compile(r"%[a-z_]+(?:\([^()%]*\))?%")
"""What looks like a variable, whether there is such a one or not."""
_NO_HOST = re.compile(r"[^A-Za-z0-9._:\[\]-]")
_A_HOST = "write a name or an address, perhaps with a port: shop.internal:8080"
_PORT = re.compile(r"[^:]:[0-9]{1,9}$")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def pieces(text: str) -> tuple[Piece, ...]:
    """The parts of a value that was accepted."""
    found, said, at = [], "", 0
    for part in _PART.finditer(text):
        said += text[at : part.start()] + ("%" if part[0] == "%%" else "")
        at = part.end()
        if part["variable"]:
            found += [Piece(said), Piece(part["argument"] or "", part["variable"])]
            said = ""
    return tuple(each for each in (*found, Piece(said + text[at:])) if each.variable or each.text)


def _check(text: Any, known: tuple[str, ...]) -> str:
    if not isinstance(text, str):
        raise WrongValueError(f"must be text, not {describe(text)}; write it in quotes")
    if CONTROL.search(text):
        raise WrongValueError("the value has control characters, or more than one line; write one line")
    if len(text.encode()) > MAX_VALUE:
        raise WrongValueError(f"the value has {len(text.encode())} bytes; write at most {MAX_VALUE}")
    for part in _PART.finditer(text):
        _check_variable(part, known)
    return text


def _check_variable(part: re.Match[str], known: tuple[str, ...]) -> None:
    name, argument = part["variable"], part["argument"]
    if part[0] == "%":
        raise WrongValueError("a % by itself stands for nothing; write %% for one, or a variable: %route%")
    if name is None:
        return
    if name not in known and name in (*BEFORE, *BEHIND):
        when = "calls are not kept by their clusters" if known is BEHIND else "no host is chosen yet"
        raise WrongValueError(f"%{name}% is not known here: {when}; {suggest(name, known)}")
    if name not in known:
        raise WrongValueError(f"there is no variable %{name}%; {suggest(name, known)}")
    if name == "request_header" and not argument:
        raise WrongValueError("%request_header% of which one; write %request_header(x-request-id)%")
    if name != "request_header" and argument is not None:
        raise WrongValueError(f"%{name}% has nothing in parentheses; write %{name}%")


def check_request_value(text: Any) -> str:
    """A value of a request's header, or of a rewrite."""
    return _check(text, BEFORE)


def check_answer_value(text: Any) -> str:
    """A value of an answer's header."""
    return _check(text, BEHIND)


def _role(text: Any) -> str:
    checked_text = check_request_value(text)
    if not checked_text:
        raise WrongValueError("is empty, and would rewrite nothing; write what it becomes, or leave it out")
    return checked_text


def _path(text: Any) -> str:
    path = _role(text)
    if re.search(r"[?#]", path):
        raise WrongValueError(f"{path!r} is more than a path, and the query stays; write what is before the ?")
    if re.search(r"[^!-~]", path):
        raise WrongValueError(f"{path!r} is never sent so; write it percent-encoded, a percent sign as %%")
    if not path.startswith(("/", "%")) or path.startswith("%%"):
        raise WrongValueError(f"a path begins with /; write /{path}")
    return path


def _host(text: Any) -> str:
    """Of one without variables all is known; of others what stands between them."""
    host = _role(text)
    found = pieces(host)
    if any(piece.variable for piece in found):
        if wrong := _NO_HOST.search("".join(piece.text for piece in found if not piece.variable)):
            raise WrongValueError(f"{wrong[0]!r} is in no host; {_A_HOST}")
        return host
    name, colon, port = host.rpartition(":") if _PORT.search(host) else (host, "", "")
    try:
        parsed = parse_host(name)
    except WrongValueError:
        raise WrongValueError(f"{host!r} is no host; {_A_HOST}") from None
    if parsed.startswith("*"):
        raise WrongValueError(f"{host!r} is many hosts; write the one that calls are for")
    if colon and not 0 < int(port) < 1 << 16:
        raise WrongValueError(f"{host!r} has no port behind its colon; write 1 to 65535 there")
    return host


_SCHEMA = WithJsonSchema({"type": "string"})
RequestValue = Annotated[str, Written("value"), BeforeValidator(checked(check_request_value)), _SCHEMA]
AnswerValue = Annotated[str, Written("value"), BeforeValidator(checked(check_answer_value)), _SCHEMA]
RoleValue = Annotated[str, Written("value"), BeforeValidator(checked(_role)), _SCHEMA]
HostValue = Annotated[str, Written("value"), BeforeValidator(checked(_host)), _SCHEMA]
PathValue = Annotated[str, Written("value"), BeforeValidator(checked(_path)), _SCHEMA]
