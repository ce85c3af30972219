"""YAML to data and places; variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.source import Mark, read
from proxy.config.substitute import substitute

TEXT = """\
on: yes
when: 2024-01-31
list: [1, 0x10, 1.5, ~, "1"]
base: &base {a: 1, b: 2}
over:
  <<: *base
  b: 3
many: {<<: [*base, {a: 9, c: 4}]}
plain: ${N:-5}
quoted: "${N:-5}"
"""


def test_data() -> None:
    source = read(TEXT, {})
    assert source.problems == []
    assert source.data == {
        "on": True, "when": "2024-01-31", "list": [1, 16, 1.5, None, "1"], "base": {"a": 1, "b": 2},
        "over": {"a": 1, "b": 3}, "many": {"a": 1, "b": 2, "c": 4}, "plain": 5, "quoted": "5",
    }  # fmt: skip


def test_places_are_those_a_reader_would_look_at() -> None:
    marks = read(TEXT, {}).marks
    assert marks["on",] == Mark(1, 5, "yes")  # a scalar: the value
    assert marks["over",] == Mark(5, 1)  # a section: its key
    assert marks["list", 2] == Mark(3, 17, "1.5")
    assert marks["over", "a"] == Mark(4, 17, "1")  # merged: where it is written


def test_a_variable_is_text_and_never_yaml() -> None:
    assert read("a: ${V}", {"V": "{b: [c]}"}).data == {"a": "{b: [c]}"}
    assert read("a: ${V}", {"V": "x\nb: 2"}).data == {"a": "x\nb: 2"}
    assert read("${V}: 1", {"V": "x"}).data == {"${V}": 1}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("a", {}, "a"),
        ("${A}", {"A": "1"}, "1"),
        ("x${A}y${B}z", {"A": "1", "B": "2"}, "x1y2z"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A}", {"A": ""}, ""),
        ("${A:-}", {}, ""),
        ("${A:-127.0.0.1:80}", {}, "127.0.0.1:80"),
        ("$${A}", {"A": "1"}, "${A}"),
        ("$A ${A}", {"A": "${B}"}, "$A ${B}"),
    ],
)
def test_variables(text: str, environment: dict[str, str], expected: str) -> None:
    assert substitute(text, environment) == (expected, [])


@pytest.mark.parametrize("text", ["${A}", "${", "${}", "${a b}", "${A:d}", "x ${A-1}"])
def test_variables_that_cannot_be_replaced_stay(text: str) -> None:
    replaced, problems = substitute(text, {})
    assert replaced == text
    assert len(problems) == 1


@given(st.text())
def test_no_text_raises(text: str) -> None:
    source = read(text, {})
    assert source.data is not None or source.problems or text


@given(st.recursive(st.text(alphabet="ab:[]{}&*!<-'\"\n# ", max_size=30), lambda inner: inner.map(lambda t: t + "\n" + t)))
def test_no_yaml_raises(text: str) -> None:
    read(text, {})
