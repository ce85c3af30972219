"""The examples of filters of one's own, run as they are: two by file beside a built-in one, an installed one, a clumsy one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli import main
from tests.examples.started import started
from tests.policy.mesh import Mesh
from tests.policy.speech.table import BOLT, GRPC, HTTP1, Answer, Call, Speech, over

FOLDER = Path("examples/filters/own")


@pytest.fixture(scope="module")
def together() -> Iterator[Mesh]:
    with started(FOLDER / "together.yaml", "well", "sick", "gold") as made:
        for host in made.hosts.values():
            host.answers = Answer(host.name, 503 if host.name == "sick" else 0, {"server": host.name})
        yield made


def get(mesh: Mesh, path: str = "/", key: str = "") -> Answer:
    return mesh.ask("web", HTTP1, Call(path=path, headers={"x-key": key}))


def test_a_look_up_and_the_route_again(together: Mesh) -> None:
    told = get(together, key="k0")
    assert (told.code, told.text.strip()) == (403, "nobody's key")
    assert get(together, key="k1").text == "gold"
    assert get(together, "/healthz").text == "gold"
    assert {name: len(calls) for name, calls in together.came().items()} == {"well": 0, "sick": 0, "gold": 2}


def test_another_host_than_one_that_is_sick(together: Mesh) -> None:
    told = [get(together, key="k2") for _ in range(10)]
    assert sorted(answer.code for answer in told) == [0] * 9 + [503], "it is left alone after that"
    assert not any("server" in answer.headers for answer in told)
    told = [get(together, "/quick/", "k2") for _ in range(10)]
    assert sum(answer.code == 503 for answer in told) > 1, "by the route's settings it is asked again a millisecond later"


def test_a_drill_hits_some(together: Mesh) -> None:
    told = [get(together, "/drill") for _ in range(60)]
    assert {(answer.code, answer.text.strip()) for answer in told} == {(0, "gold"), (503, "a drill")}


def test_limits_of_a_filter() -> None:
    with started(FOLDER / "limits.yaml", "web") as mesh:
        for speech, what in ((HTTP1, "raise"), (BOLT, "await"), (GRPC, "block")):
            assert "filter" in mesh.ask("mesh", speech, Call(headers={"x-clumsy": what})).faults
            assert mesh.ask("mesh", speech, Call()).ok
        with pytest.raises((EOFError, ConnectionResetError)):
            mesh.ask("mesh", BOLT, Call(headers={"x-clumsy": "stick"}))
        assert mesh.ask("mesh", BOLT, Call()).ok, "another worker serves"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, and beside it the metadata that its installation would write."""
    folder = tmp_path_factory.mktemp("installed") / "denylist"
    shutil.copytree(FOLDER / "denylist", folder)
    build = "import setuptools.build_meta as backend; backend.prepare_metadata_for_build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(package: Path) -> Iterator[Mesh]:
    path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
    with started(FOLDER / "denylist" / "denylist.yaml", "echo", PYTHONPATH=path) as made:
        yield made


@over(variants=True)
def test_a_filter_that_is_installed(installed: Mesh, speech: Speech) -> None:
    """By its entry point: in what checks the file, in the worker, and in calls."""
    assert installed.send("mesh", speech, Call()) == "echo"
    refused = installed.ask("mesh", speech, Call(source="127.0.8.7"))
    assert installed.came() == {"echo": []}
    if speech.name in {"http1", "http2", "grpc"}:
        assert (refused.code, refused.text.strip()) == (7 if speech is GRPC else 403, "not from there")
    else:
        assert "no_route" in refused.faults


def test_mistakes_in_its_settings_have_their_line(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(package)
    file = tmp_path / "proxy.yaml"
    text = (FOLDER / "denylist" / "denylist.yaml").read_text()
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "name: denylist" in each)
    for old, new, said in (
        ("127.0.8.0/24", "127.0.8.0/240", "filters[0].networks[0]: "),
        ("networks", "network", "filters[0].network: there is no such setting; did you mean networks?"),
        ("denylist,", "denylst,", "filters[0].name: there is no filter 'denylst' that needs no file; did you mean denylist?"),
    ):
        file.write_text(text.replace(old, new))
        told = CliRunner().invoke(main, ["validate", str(file)])
        assert told.exit_code == 1
        assert f"{file}:{line}: listeners[0].{said}" in told.stderr
