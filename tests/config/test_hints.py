"""Keys of other proxies, and messages about what is too much or too long: each is true, and shown once."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from proxy.config.messages import HINTS
from proxy.config.types import NAME_MAX
from tests.config.cases import http
from tests.config.cases_actions import HERE
from tests.config.cases_actions import route as acting
from tests.config.cases_routing import hosted
from tests.config.fakes import errors

MATCH = "7: routes.main[0].match"
LONG = "n" * (NAME_MAX + 1)
HALF = ", ".join(f"a{number}: x" for number in range(33))
OTHERS = ", ".join(f"b{number}: x" for number in range(32))


@pytest.mark.parametrize(("model", "key"), HINTS, ids=[f"{model.__name__}.{key}" for model, key in HINTS])
def test_a_hint_is_true(model: type[BaseModel], key: str) -> None:
    assert key not in model.model_fields, "it is there, so the hint is never shown"
    hint = HINTS[model, key]
    instead = re.search(r"write ([a-z_]+):", hint)
    assert ";" in hint
    assert instead is None or instead[1] in model.model_fields


CROWDED = (
    f"{{name: a, domains: a, request_headers: {{set: {{{HALF}}}}},"
    f" routes: [{{cluster: echo, request_headers: {{set: {{{OTHERS}}}}}}}]}}"
)
NINE = ", ".join(f"m{number}" for number in range(9))
WRONG = [
    (
        acting("cluster: echo\n      retry_policy: {}"),
        "10: routes.main[0].retry_policy: is called retry here; write retry: {on: [...]}",
    ),
    (http("hosts: [a]"), f"{MATCH}.hosts: may be several under host; write host: [...]"),
    (acting(f"cluster: echo\n      name: {LONG}"), "10: routes.main[0].name: the name has 201 characters; write at most 200"),
    (
        acting("cluster: echo\n      mirror: [echo]"),
        f"{HERE}: mirror: 'echo' would get its own calls twice; write another cluster",
    ),
    (
        acting("clusters: [{name: echo, weight: 1}, {name: other, weight: 1}]\n      mirror: [other]"),
        f"{HERE}: mirror: 'other' would get its own calls twice; write another cluster",
    ),
    (
        hosted([CROWDED]),
        ("6: routes.main: a route of virtual host 'a' has 65 edits of request_headers, those of its virtual host and table"
         " included; write at most 64"),
    ),
    (
        http('expression: "service == \'a\' &&\\n  servic == \'b\'"'),
        f"{MATCH}.expression: there is no 'servic' (line 2, character 3); did you mean service?",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[case[1].split(";")[0] for case in WRONG])
def test_one_error_gives_one_line(text: str, expected: str) -> None:
    assert errors(text) == [expected]


def test_too_many_copies() -> None:
    clusters = "".join(f"  m{number}:\n    hosts: [127.0.0.1:{9200 + number}]\n" for number in range(9))
    text = acting(f"cluster: echo\n      mirror: [{NINE}]") + clusters
    assert errors(text) == [f"{HERE}: mirror: 9 clusters, and each is a copy of every call; write at most 8"]


def test_a_cluster_without_calls_may_have_copies() -> None:
    text = acting("clusters: [{name: echo, weight: 1}, {name: other, weight: 0}]\n      mirror: [other]")
    assert errors(text) == []
