"""How a peer is judged beyond OpenSSL's verdict: by the names that are wanted, then by extensions.

An extension is a callable of its settings that gives a `Verifier`; built-ins are in `VERIFIERS`, others come by the entry
point group ``xproto.peer_verifiers``. It runs in a worker, in the loop, once for each handshake: it must not wait.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol

from proxy.tls.failures import RejectedError
from proxy.tls.peer import Identity
from proxy.tls.settings import Extension, SanMatch

GROUP = "xproto.peer_verifiers"


class Verifier(Protocol):
    """Judges a peer whose certificate is trusted."""

    def __call__(self, identity: Identity, certificate: bytes | None, /) -> None:
        """Raises `RejectedError` to refuse. `certificate` is DER; None where the peer has none, and needs none."""


Factory = Callable[..., Verifier]


class Fingerprints:
    """Only certificates of a list. Settings: `sha256`, their fingerprints in hexadecimal, with or without colons."""

    def __init__(self, sha256: Iterable[str]) -> None:
        if isinstance(sha256, str):
            raise TypeError("sha256 has to be a list")
        self._known = frozenset(each.replace(":", "").lower() for each in sha256)

    def __call__(self, identity: Identity, certificate: bytes | None, /) -> None:
        del certificate
        if identity.fingerprint not in self._known:
            raise RejectedError("verifier", f"the certificate {identity.fingerprint[:16] or '(none)'}… is not in the list")


VERIFIERS: Mapping[str, Factory] = {"fingerprints": Fingerprints}


def make_verifiers(extensions: Iterable[Extension]) -> tuple[Verifier, ...]:
    """Raises `ValueError` for a name that nobody has, that two have, or whose settings are wrong."""
    return tuple(_make(each) for each in extensions)


def _make(extension: Extension) -> Verifier:
    found = [entry.load for entry in entry_points(group=GROUP, name=extension.name)]
    if extension.name in VERIFIERS:
        found.append(lambda: VERIFIERS[extension.name])
    if len(found) > 1:
        raise ValueError(f"verifier {extension.name!r}: there are {len(found)} of that name")
    if not found:
        known = sorted({*VERIFIERS, *(entry.name for entry in entry_points(group=GROUP))})
        near = difflib.get_close_matches(extension.name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"there is no verifier {extension.name!r}; {hint}")
    settings: dict[str, Any] = extension.settings
    try:
        made: Verifier = found[0]()(**settings)
    except Exception as error:
        why = str(error) if isinstance(error, TypeError | ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"verifier {extension.name!r}: {why}") from error
    return made


class SanVerifier:
    """One of the conditions must hold for one of the names."""

    def __init__(self, wanted: tuple[SanMatch, ...]) -> None:
        self._wanted = wanted

    def __call__(self, identity: Identity, certificate: bytes | None, /) -> None:
        del certificate
        if not any(_holds(match, kind, value) for match in self._wanted for kind, value in identity.sans):
            names = ", ".join(value for _, value in identity.sans) or "none"
            raise RejectedError("name", f"none of its names is one that is wanted: {names}")


def _holds(match: SanMatch, kind: str, value: str) -> bool:
    if match.kind == "uri":
        if kind != "URI":
            return False
        return value.startswith(match.value[:-1]) if match.value.endswith("*") else value == match.value
    if match.kind == "suffix":
        name = value.lower()
        return kind == "DNS" and not name.startswith("*") and name.endswith(match.value.lower()) and name != match.value.lower()
    if kind == "DNS":
        return value.lower() == match.value.lower()
    if kind == "IP Address":
        return _same_address(value, match.value)
    return kind == "email" and value == match.value


def _same_address(one: str, other: str) -> bool:
    try:
        return ipaddress.ip_address(one.strip()) == ipaddress.ip_address(other)
    except ValueError:
        return False
