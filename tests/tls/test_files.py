"""Secrets in files: what is read, and how changes are seen, however they are made."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.tls import files
from proxy.tls.files import Files
from proxy.tls.loading import load, problems
from proxy.tls.material import Material
from proxy.tls.providers import MaterialError
from proxy.tls.settings import Secret
from tests.tls.authority import Authority, Issued

AUTHORITY = Authority()
FIRST, SECOND = AUTHORITY.issue("first"), AUTHORITY.issue("second")
LATER = 4_000_000_000.0
"""Long after all files of these tests were written."""


def provider(certificate: Path, key: Path, now: float = LATER) -> Files:
    return Files("web", {"certificate": str(certificate), "private_key": str(key)}, lambda: now)


def test_everything(tmp_path: Path) -> None:
    certificate, key = FIRST.write(tmp_path, "a")
    ca, crl = AUTHORITY.write(tmp_path), tmp_path / "crl.pem"
    crl.write_text(AUTHORITY.crl())
    settings = {"certificate": str(certificate), "private_key": str(key), "ca": str(ca), "crl": str(crl)}
    made = Files("web", settings)
    assert made.load() == Material(FIRST.certificate, FIRST.key, AUTHORITY.certificate, crl.read_text())
    assert made.places() == settings
    assert FIRST.key not in repr(vars(made))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, ("", "has no file; write certificate and private_key, or ca")),
        ({"certificate": "/a"}, ("certificate", "has no private_key beside it; write both")),
        ({"private_key": "/a"}, ("private_key", "has no certificate beside it; write both")),
        ({"ca": "/a", "certifcate": "/b"}, ("certifcate", "is unknown; did you mean certificate?")),
        ({"ca": "/a", "x": "/b"}, ("x", "is unknown; write one of: certificate, private_key, ca, crl")),
        ({"ca": "a.pem"}, ("ca", "is not absolute; write the whole path")),
        ({"ca": 7}, ("ca", "is not a path; write the path of a PEM file")),
    ],
)
def test_settings(settings: dict[str, object], found: tuple[str, str]) -> None:
    assert problems(Secret("web", "file", settings)) == [found]


def test_settings_that_are_none_are_not_given(tmp_path: Path) -> None:
    settings = {"ca": str(AUTHORITY.write(tmp_path)), "crl": None, "certificate": None}
    assert problems(Secret("web", "file", settings)) == []


def test_what_cannot_be_read_is_said_with_its_path(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_text(" \n")
    paths = {"certificate": "gone", "private_key": "pipe", "ca": "empty", "crl": "."}
    found = dict(problems(Secret("web", "file", {field: str(tmp_path / name) for field, name in paths.items()})))
    assert found["certificate"].startswith(f"{tmp_path}/gone: cannot be read (No such file or directory); ")
    assert found["private_key"].startswith(f"{tmp_path}/pipe: is not a file; ")
    assert found["ca"].startswith(f"{tmp_path}/empty: is empty; ")
    assert found["crl"].startswith(f"{tmp_path}: is not a file; ")


def test_a_file_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_MAX", 100)
    found = problems(Secret("web", "file", {"ca": str(AUTHORITY.write(tmp_path))}))
    assert found == [("ca", f"{tmp_path}/ca.crt: is over 100 bytes; name a PEM file")]


def swap_in_place(folder: Path, leaf: Issued) -> None:
    leaf.write(folder, "a")


def swap_by_rename(folder: Path, leaf: Issued) -> None:
    for path in leaf.write(folder, "new"):
        path.rename(path.with_stem("a"))


def swap_with_old_dates(folder: Path, leaf: Issued) -> None:
    """As ``cp -p`` and rsync do."""
    dates = (folder / "a.crt").stat()
    for path in leaf.write(folder, "a"):
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


@pytest.mark.parametrize("swap", [swap_in_place, swap_by_rename, swap_with_old_dates])
def test_a_change_is_seen(tmp_path: Path, swap: Callable[[Path, Issued], None]) -> None:
    made = provider(*FIRST.write(tmp_path, "a"))
    version = made.version()
    assert made.version() == version
    swap(tmp_path, SECOND)
    assert made.version() != version
    assert load(made).material == Material(SECOND.certificate, SECOND.key)


def mount(folder: Path, name: str, leaf: Issued) -> None:
    """One version of a secret as Kubernetes mounts it: a folder, and ``..data`` swapped to lead to it."""
    leaf.write(folder / name, "tls")
    (folder / "..new").symlink_to(name)
    (folder / "..new").rename(folder / "..data")


def test_a_symlink_further_up_is_swapped(tmp_path: Path) -> None:
    mount(tmp_path, "..1", FIRST)
    paths = tmp_path / "tls.crt", tmp_path / "tls.key"
    for path in paths:
        path.symlink_to(f"..data/{path.name}")
    made = provider(*paths)
    version = made.version()
    assert load(made).material.certificate == FIRST.certificate
    mount(tmp_path, "..2", SECOND)
    assert made.version() != version
    assert load(made).material == Material(SECOND.certificate, SECOND.key)


def test_gone_and_back(tmp_path: Path) -> None:
    certificate, key = FIRST.write(tmp_path, "a")
    made = provider(certificate, key)
    there = made.version()
    key.rename(tmp_path / "b")
    gone = made.version()
    assert gone not in (there, None)
    assert made.version() == gone
    with pytest.raises(MaterialError, match=r"private_key: .*a\.key: cannot be read"):
        load(made)
    (tmp_path / "b").rename(key)
    assert made.version() != gone


def test_a_file_of_this_moment_is_looked_at_again_until_its_date_tells(tmp_path: Path) -> None:
    certificate, key = FIRST.write(tmp_path, "a")
    now = key.stat().st_mtime
    times = iter([now, now + 1, now + 10, now + 20])
    made = Files("web", {"certificate": str(certificate), "private_key": str(key)}, lambda: next(times))
    versions = [made.version() for _ in range(4)]
    assert versions[0] != versions[1] != versions[2] == versions[3]


def test_files_that_change_while_they_are_read_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate was read before, the key after the swap: that pair was never there."""
    made = provider(*FIRST.write(tmp_path, "a"))
    reads: list[str] = []

    def read(path: str) -> str:
        reads.append(path)
        text = Path(path).read_text()
        if len(reads) == 1:
            swap_by_rename(tmp_path, SECOND)
        return text

    monkeypatch.setattr(files, "read", read)
    assert made.load() == Material(SECOND.certificate, SECOND.key)
    assert len(reads) == 4


def test_names_in_comments_are_in_whatever_encoding(tmp_path: Path) -> None:
    (tmp_path / "ca").write_bytes("# Autorité\n".encode("latin-1") + AUTHORITY.certificate.encode())
    made = Files("ca", {"ca": str(tmp_path / "ca")})
    assert load(made).material == Material(trust=AUTHORITY.certificate)
