"""The page and the schema say what the models say."""

from __future__ import annotations

import json
import re
from pathlib import Path

from proxy.config.clusters import Host
from proxy.config.key_match import HeaderMatch
from proxy.config.messages import model_at
from proxy.config.model import Model
from proxy.config.reference import json_schema, markdown, sections_in_order, sections_of_filters
from proxy.config.schema import Config
from tests.config.fakes import snapshot


def test_the_page_is_current() -> None:
    assert Path("docs/configuration.md").read_text() == markdown(), "python -m proxy.config.reference > docs/configuration.md"


def test_the_pages_examples_are_valid() -> None:
    smallest, routes, hosts, tls = re.findall(r"```yaml\n(.*?)```", markdown(), re.DOTALL)
    assert [c.key for c in snapshot(smallest).routes["main"][0].headers] == ["service"]
    before, _, rest = smallest.partition("routes:\n  main:")
    made = snapshot(before + routes + rest[rest.index("clusters:") :]).routes["main"]
    assert [[c.key for c in route.headers] for route in made] == [
        [":http_method", ":host", ":path"],
        [":path", ":query.verbose", "x-env"],
    ]
    hosted = snapshot(before + hosts + rest[rest.index("clusters:") :])
    assert [host.name for host in hosted.virtual_hosts["main"]] == ["shop", "rest"]
    assert [chain.routes for chain in snapshot(tls).listeners["mesh"].chains] == ["public", "main"]


def test_every_model_has_a_section_and_every_field_a_meaning() -> None:
    models = {model for model, _ in (*sections_in_order(), *sections_of_filters())}
    assert models == set(Model.__subclasses__())
    for model in models:
        assert model.__doc__
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            assert field.description.endswith("."), f"{model.__name__}.{name}"


def test_sections_are_where_the_models_are() -> None:
    for model, place in sections_in_order():
        path = tuple(0 if part == "[]" else part for part in re.findall(r"\[\]|[^.\[\]]+", place))
        assert model_at(path) is model


def test_the_schema_describes_every_key_and_refuses_others() -> None:
    schema = json.loads(json_schema())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False
    for model in (HeaderMatch, Host):
        short, full = schema["$defs"][model.__name__]["anyOf"]
        assert short == {"type": "string"}
        assert full["additionalProperties"] is False
        assert all("description" in value for value in full["properties"].values())
