"""Where a secret comes from: the interface of a provider. Public; this is what an extension is written against.

    from proxy.tls.material import Material
    from proxy.tls.providers import MaterialError, Provider

    class Vault(Provider):
        def __init__(self, name, settings):         # of `secrets: {name: {provider: vault, settings: {...}}}`
            ...                                     # raises MaterialError(("url", "is not https; write ..."))
        def load(self):
            ...                                     # raises MaterialError(("certificate", "..."))
            return Material(certificate=..., private_key=...)

and found by an entry point:

    [project.entry-points."xproto.certificate_providers"]
    vault = "my_package:Vault"

A provider gives what it has and says when that may have changed; whether it is any good (a key that is not the
certificate's, a half-written file) is judged by us (`proxy.tls.inspect`), and what is not never replaces what is in force.
That it has changed can be found out by asking (`version`) or be told (`watch`); a provider does one of the two.

What always holds: a provider lives in control, and in the short life of whoever validates a file, never in a worker; `load`
and `version` are called in threads, `load` never twice at once; no error has key text in it (`MaterialError` cuts it off).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proxy.tls.material import Material

Problem = tuple[str, str]
"""A field, and what is wrong with it; what to write instead. Fields are the settings' names; empty: the secret as a whole."""

FIELDS = ("certificate", "private_key", "ca", "crl")
"""What a secret consists of, as configured, and as problems name it: `ca` is `Material.trust`."""

_PEM = re.compile(r"-----BEGIN.*", re.DOTALL)


class MaterialError(Exception):
    """Why a secret is not to be had, all reasons at once: ``MaterialError(("certificate", "cannot be read; ..."))``."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = tuple((field, _PEM.sub("[not shown]", message)) for field, message in problems)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> Iterable[str]:
        """``certificate: what is wrong; what to write instead``."""
        return (f"{field}: {message}" if field else message for field, message in self.problems)

    def at(self, places: Mapping[str, str]) -> MaterialError:
        """The same, with the place of each field that has one."""
        return MaterialError(*((f, f"{places[f]}: {message}" if f in places else message) for f, message in self.problems))


class Provider(ABC):
    """One secret's source. Made by ``Class(name, settings)``; made anew when its settings change.

    The constructor checks the settings, which come from the file as they are, and raises `MaterialError` with a setting's
    name as the field. It connects nowhere.
    """

    @abstractmethod
    def __init__(self, name: str, settings: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def load(self) -> Material:
        """What the secret is now; raises `MaterialError`. May wait, for some seconds: then it counts as failed."""

    def version(self) -> object:
        """Whatever is not equal to what it was before if `load` may give something else than before.

        Asked once a second for each secret, so it has to be quick. Where `watch` tells, leave it as it is.
        """
        return None

    async def watch(self, changed: Callable[[], None]) -> None:  # noqa: B027 (to poll is as good)
        """Runs in control's loop for as long as the secret is in force, then is cancelled; must not block.

        Calls `changed`, from whatever thread, when `load` may give something else than it last did; it begins some time
        after the first `load`, so what changed in between is to be told too. Returning means that there is nothing to
        tell; after an exception it is called again, some seconds later.
        """

    def places(self) -> Mapping[str, str]:
        """Where each field is, for people: paths, URLs. No secrets."""
        return {}
