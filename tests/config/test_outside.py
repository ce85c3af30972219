"""What a configuration only names: secrets' files and extensions, told with the line that names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.loader import load
from proxy.config.problems import ConfigurationError
from tests.config.cases_tls import SMALL
from tests.tls.authority import Authority

CA = Authority("mesh")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    CA.issue("web", dns=["web.test"]).write(tmp_path, "web")
    (tmp_path / "ca.pem").write_text(CA.certificate)
    made = tmp_path / "proxy.yaml"
    made.write_text(SMALL.replace("  far: {provider: vault}\n", ""))
    return made


def problems(file: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(str(file))
    return [line.replace(f"{file.parent}/", "") for line in caught.value.render().splitlines()]


def edit(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_all_is_well(file: Path) -> None:
    assert set(load(str(file)).secrets) == {"web", "roots"}


def test_files_that_are_not_there_or_are_something_else(file: Path) -> None:
    (file.parent / "web.key").unlink()
    (file.parent / "ca.pem").write_text("nothing")
    [key, trust] = problems(file)
    assert key.startswith("proxy.yaml:2: secrets.web.private_key: web.key: cannot be read (No such file or directory)")
    assert trust.startswith("proxy.yaml:3: secrets.roots.ca: ca.pem: ")


def test_a_key_of_another_certificate(file: Path) -> None:
    (file.parent / "web.key").write_text(CA.issue("x", dns=["x.test"]).key)
    [line] = problems(file)
    assert line.startswith("proxy.yaml:2: secrets.web.private_key: web.key: is not the certificate's; write both of one pair")


def test_providers_and_verifiers_that_nobody_has(file: Path) -> None:
    edit(file, "  roots: {ca: ca.pem}\n", "  roots: {ca: ca.pem}\n  far: {provider: fiel}\n")
    edit(file, "{certificates: web}", "{certificates: web, client: {ca: roots, verifiers: [fingerprints, fingerprint]}}")
    found = problems(file)
    assert [line.partition(": ")[2].partition(":")[0] for line in found] == [
        "secrets.far.provider",
        "listeners[0].tls.client.verifiers[0]",
        "listeners[0].tls.client.verifiers[1]",
    ]
    assert "did you mean file?" in found[0]
    assert "missing 1 required positional argument: 'sha256'" in found[1]
    assert "did you mean 'fingerprints'?" in found[2]


def test_verifiers_of_clusters_and_chains(file: Path) -> None:
    to_hosts = "{ca: roots, server_name: a.test, verifiers: [nobody]}"
    matches = f"[{{metadata: {{a: b}}, tls: {to_hosts}}}]"
    edit(file, "    hosts: [127", f"    tls: {to_hosts}\n    tls_matches: {matches}\n    hosts: [127")
    chain = "{tls: {certificates: web, client: {ca: roots, verifiers: [who]}}}"
    edit(file, "    tls: {certificates: web}\n", f"    filter_chains: [{chain}]\n")
    assert [line.partition(": ")[2].partition(":")[0] for line in problems(file)] == [
        "listeners[0].filter_chains[0].tls.client.verifiers[0]",
        "clusters.echo.tls.verifiers[0]",
        "clusters.echo.tls_matches[0].tls.verifiers[0]",
    ]
