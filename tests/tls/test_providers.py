"""Providers that others write: how they are found, and that whatever they do stays a problem of their own secret."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from proxy.tls import registry
from proxy.tls.guard import places_of, version_of
from proxy.tls.loading import check, open_secret, problems
from proxy.tls.material import Material
from proxy.tls.providers import MaterialError, Provider
from proxy.tls.settings import ClientTls, Secret
from tests.control.test_changes import snapshot
from tests.tls.authority import Authority

AUTHORITY = Authority()
LEAF = AUTHORITY.issue("web.test")


class Vault(Provider):
    """Gives what it is told to."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        if "url" not in settings:
            raise MaterialError(("url", "is missing; write where the vault is"))
        if settings["url"] == "worse":
            raise ValueError(LEAF.key)
        self._name, self._gives = name, settings.get("gives", "leaf")

    def load(self) -> Material:
        match self._gives:
            case "leaf":
                return Material(LEAF.certificate, LEAF.key)
            case "refusal":
                raise MaterialError(("certificate", "is sealed; unseal it"))
            case "words":
                raise RuntimeError(f"here it is: {LEAF.key}")
            case "text":
                return LEAF.key  # type: ignore[return-value]
        raise AssertionError

    def version(self) -> object:
        raise RuntimeError(LEAF.key)

    def places(self) -> Mapping[str, str]:
        if self._gives == "refusal":
            return {"certificate": "https://vault/pki/web"}
        raise RuntimeError(LEAF.key)


class NoProvider:
    def __init__(self, name: str, settings: Mapping[str, Any]) -> None: ...


def entry(name: str, what: str = "Vault") -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{what}", registry.ENTRY_POINTS)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    found = [entry("vault")]
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group == registry.ENTRY_POINTS else [])
    return found


def vault(provider: str = "vault", **settings: Any) -> Secret:
    return Secret("web", provider, {"url": "x", **settings})


@pytest.mark.usefixtures("installed")
def test_a_provider_by_entry_point() -> None:
    opened = open_secret(vault(), {}, registry.declared())
    assert opened.loaded.material == Material(LEAF.certificate, LEAF.key)
    assert opened.version is RuntimeError
    assert version_of(opened.provider) is RuntimeError
    assert places_of(opened.provider) == {}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("secret", "field", "said"),
    [
        (Secret("web", "vault"), "url", "is missing; write where the vault is"),
        (vault("valt"), "provider", "there is no provider valt; did you mean vault?"),
        (vault("zzz"), "provider", "there is no provider zzz; write one of: file, vault"),
        (vault(gives="refusal"), "certificate", "https://vault/pki/web: is sealed; unseal it"),
        (vault(gives="words"), "", "the provider failed: RuntimeError in "),
        (vault(gives="text"), "", "the provider gives a str; it has to be a Material"),
        (vault(url="worse"), "provider", "vault cannot be made of these settings: ValueError in "),
    ],
)
def test_what_goes_wrong_is_a_problem_and_shows_no_key(secret: Secret, field: str, said: str) -> None:
    [(where, message)] = problems(secret)
    assert where == field
    assert message.startswith(said)
    assert LEAF.key.splitlines()[1] not in message


def test_a_name_exists_once(installed: list[EntryPoint]) -> None:
    installed.append(entry("vault"))  # the same, found twice
    assert problems(vault()) == []
    installed += [entry("vault", "NoProvider"), entry("file"), entry("no", "NoProvider"), entry("broken", "Nothing")]
    assert problems(vault())[0][1].startswith(f"vault is declared by entry point {__name__}:Vault and by entry point ")
    assert problems(Secret("ca", "file", {"ca": "/x"}))[0][1].startswith("file is declared by built-in and by entry point ")
    assert problems(vault("no"))[0][1].startswith("no makes no Provider")
    assert problems(vault("broken"))[0][1].startswith("broken cannot be loaded: AttributeError in ")


@pytest.mark.usefixtures("installed")
def test_a_secret_has_what_its_users_need() -> None:
    found = snapshot(secrets={"web": vault(), "other": vault()})
    cluster = found.clusters["echo"]
    wants = type(cluster)("echo", cluster.hosts, tls=ClientTls(trust="web", certificate="web"))
    found = snapshot(secrets={"web": vault(), "other": vault(gives="refusal")})
    found.clusters["echo"] = wants
    assert list(check(found)) == [
        ("web", "", "has no ca, and cluster echo needs one; add it"),
        ("other", "certificate", "https://vault/pki/web: is sealed; unseal it"),
    ]
