"""Every kind of error: where it is said to be, what is wrong, what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config import source
from proxy.config.loader import load
from proxy.config.problems import ConfigurationError
from tests.config.cases import ONE, cluster
from tests.config.cases_routing import HOSTED, MATCHING
from tests.config.fakes import SMALLEST, Registry, errors

GOLDEN = Path(__file__).parent / "everything_wrong.yaml"


EVERY = [*ONE, *MATCHING, *HOSTED]


@pytest.mark.parametrize(("text", "expected"), EVERY, ids=[case[1].split(";")[0] for case in EVERY])
def test_one_error_gives_one_line(text: str, expected: str) -> None:
    assert errors(text) == [expected]


def test_all_errors_at_once_in_the_order_of_lines() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(str(GOLDEN), {}, Registry())
    told = caught.value.render().replace(str(GOLDEN), GOLDEN.name) + "\n"
    assert told == GOLDEN.with_suffix(".txt").read_text()


def test_every_message_says_what_to_write_instead() -> None:
    assert all(";" in expected for _, expected in EVERY)


def test_a_tag_is_refused() -> None:
    told = errors(cluster("lb: !!python/object:os.system x"))
    assert told[0] == ("12: clusters.echo.lb: the tag python/object:os.system is not known here; write the value without it")


def test_a_bomb_of_aliases_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_VALUES", 10_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert any("too many values" in line for line in errors("\n".join(lines)))


def test_a_recursive_alias_is_refused() -> None:
    assert any("nested too deeply" in line for line in errors("a: &a [*a]"))


def test_a_problem_of_a_spec_is_said_where_the_spec_is_named(tmp_path: Path) -> None:
    for name in ("fine", "bad", "bolt"):
        (tmp_path / f"{name}.py").touch()
    text = SMALLEST + "protocol_specs:\n  - fine.py\n  - bad.py\n  - bolt.py\n  - ./fine.py\n"
    assert errors(text, file=str(tmp_path / "x.yaml")) == [
        "14: protocol_specs[1]: cannot be loaded (ZeroDivisionError: division by zero); correct it",
        "15: protocol_specs[2]: bolt: declared twice; rename one of them",
        "16: protocol_specs[3]: is listed twice; write it once",
    ]


def test_protocols_installed_by_others_may_fail_too() -> None:
    def broken(_specs: object, _options: object) -> dict[str, object]:
        raise ImportError("no such module")

    [told] = errors(SMALLEST, broken)
    assert told == "1: the installed protocols cannot be loaded: cannot be loaded (ImportError: no such module); correct it"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, ": cannot be read (No such file or directory); name a file"),
        (b"a: 1\nb: \xff\n", ":2: is not UTF-8; write it as UTF-8"),
        (b"a: \x00\n", ":1: not YAML: control characters are not allowed; write printable UTF-8 text"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, data: bytes | None, expected: str) -> None:
    file = tmp_path / "x.yaml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        load(str(file), {}, Registry())
    assert caught.value.render() == f"{file}{expected}"
