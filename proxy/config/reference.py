"""docs/configuration.md and the JSON Schema, made from the models, so that neither can say what the models do not.

`python -m proxy.config.reference` prints the page; a test holds the file in docs equal to it.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from proxy.config import http, listeners, match, routes, schema
from proxy.config.model import Model
from proxy.config.protocols import AUTO
from proxy.config.schema import Config
from proxy.config.types import Whole, Written
from proxy.config.values import MAX_DURATION, UNITS_OF_SIZE

INTRODUCTION = f"""# The configuration file

<!-- Made by `python -m proxy.config.reference > docs/configuration.md`; a test holds it current. -->

One YAML file. `xproto validate FILE` says everything that is wrong with it at once, each with its line, the value's
path and what to write instead; `xproto validate --schema` prints the JSON Schema. The smallest file:

```yaml
listeners:
  - name: mesh
    address: 127.0.0.1:9200
    routes: main
routes:
  main:
    - match: {{headers: {{service: "com.test.EchoService:1.0"}}}}
      cluster: echo
clusters:
  echo:
    hosts: [127.0.0.1:9100]
```

Routes of HTTP have shorter ways to write their conditions, and stand in the same tables:

```yaml
routes:
  main:
    - match: {{host: [shop.example.com, "*.shop.example.com"], path: {{prefix: /api/}}, http_method: [GET, HEAD]}}
      cluster: echo
    - match: {{path: /healthz, query: {{verbose: {{present: true}}}}, headers: {{x-env: gray}}}}
      cluster: echo
```

- **Durations** are seconds (`1.5`) or a number with `us`, `ms`, `s`, `m` or `h` (`250ms`): from a millisecond to
  {MAX_DURATION / 86400:g} days. **Sizes** are bytes (`65536`) or a number with `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`.
- **Addresses** are `IP:PORT`, `[IPv6]:PORT` (in quotes: YAML takes `[` for a list) or `unix:/path`. Names are refused,
  because a host that is given here has one address; nothing resolves names yet.
- **Variables**: `${{VAR}}` and `${{VAR:-default}}` in any value; the default stands where VAR is unset or empty, and a
  variable without either is an error. `$${{` is a plain `${{`.
- A key that is not listed here is an error, and so is one that is written twice. YAML's anchors and `<<` work.
"""


def markdown() -> str:
    """The whole page."""
    sections = [section for model, place in sections_in_order() for section in _section(model, place)]
    return "\n".join([INTRODUCTION, *sections])


def json_schema() -> str:
    """The JSON Schema of the file."""
    made = Config.model_json_schema()
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "xproto configuration"
    return json.dumps(made, indent=2) + "\n"


def sections_in_order() -> Iterator[tuple[type[Model], str]]:
    """The models in the order of the file, each with the path where it is written."""
    yield Config, ""
    yield listeners.Listener, "listeners[]"
    yield listeners.Detect, "listeners[].detect"
    yield listeners.ProxyProtocol, "listeners[].proxy_protocol"
    yield listeners.Fallback, "listeners[].fallback"
    yield http.Http, "listeners[].http"
    yield routes.Route, "routes.NAME[]"
    yield match.Match, "routes.NAME[].match"
    yield match.HeaderMatch, "routes.NAME[].match.headers.KEY"
    yield match.PathMatch, "routes.NAME[].match.path"
    yield schema.Cluster, "clusters.NAME"
    yield schema.Host, "clusters.NAME.hosts[]"
    yield schema.Keepalive, "clusters.NAME.keepalive"
    yield schema.Backoff, "clusters.NAME.backoff"
    yield schema.Admin, "admin"


def _section(model: type[Model], place: str) -> Iterator[str]:
    yield f"## `{place}`\n" if place else "## The file\n"
    yield f"{' '.join((model.__doc__ or '').split())}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", written(field), _default(field), field.description or "")
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if field.default_factory is not None or value in (None, ()):
        return ""
    if value == (AUTO,):
        return f"`{AUTO}`"
    kind = written(field)
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    if kind == "duration":
        return f"`{render_duration(value)}`"
    if kind == "size":
        return f"`{render_size(value)}`"
    return f"`{json.dumps(value) if isinstance(value, bool) else value}`"


def render_duration(seconds: float) -> str:
    """As a person would write it."""
    return f"{seconds:g}s" if seconds >= 1 or seconds == 0 else f"{seconds * 1000:g}ms"


def render_size(size: int) -> str:
    """As a person would write it."""
    for unit in ("GiB", "MiB", "KiB"):
        if size % UNITS_OF_SIZE[unit] == 0:
            return f"{size // UNITS_OF_SIZE[unit]}{unit}"
    return str(size)


def written(field: FieldInfo) -> str:
    """How a field's value is written, for the table."""
    return _named(field.metadata) or _of_type(field.annotation)


def _named(metadata: Iterable[Any]) -> str:
    for part in metadata:
        if isinstance(part, Written):
            return part.text
        if isinstance(part, Whole):
            return f"{part.least} to {part.most}"
    return ""


def _of_type(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _named(args[1:]) or _of_type(args[0])
    if origin in (Union, types.UnionType):
        return _of_type(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return f"list of {_of_type(args[0])}"
    if origin is dict:
        return f"mapping to {_of_type(args[1])}"
    if origin is Literal:
        return " or ".join(f"`{arg}`" for arg in args)
    for model, place in sections_in_order():
        if annotation is model:
            return f"`{place}`"
    raise AssertionError(annotation)


if __name__ == "__main__":
    sys.stdout.write(markdown())
