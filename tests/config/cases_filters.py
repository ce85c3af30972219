"""One mistake in filters each, and the one line that is said about it."""

from __future__ import annotations

SMALLEST = """\
listeners:
  - name: mesh
    address: 127.0.0.1:9200
    routes: main
    filters:
      - {filters}
routes:
  main:
    - {{cluster: echo, filters: {{{routes}}}}}
clusters:
  echo:
    hosts: [127.0.0.1:9100]
"""

FILES = {
    "fine.py": """\
from pydantic import BaseModel, Field
from proxy.filters import Filter
class Mine(BaseModel):
    limit: int = Field(default=1, gt=0)
    names: list[str] = []
class Fine(Filter):
    Settings = Mine
    def on_log(self, call): pass
""",
    "plain.py": "from proxy.filters import Filter\nclass Plain(Filter):\n    def on_log(self, call): pass\n",
    "struct.py": """\
import msgspec
from proxy.filters import Filter
class Mine(msgspec.Struct):
    limit: int
class Structured(Filter):
    Settings = Mine
    def on_log(self, call): pass
""",
    "broken.py": "import proxy.filters\n\nproxy.nothing\n",
    "unreadable.py": "def f(:\n",
    "none.py": "from proxy.filters import Filter\n",
    "two.py": "from proxy.filters import Filter\nclass A(Filter): pass\nclass B(Filter): pass\n",
    "raising.py": """\
from proxy.filters import Filter
class Raising(Filter):
    def on_log(self, call): pass
    def __init__(self, settings):
        raise OSError("no database")
""",
    "looking.py": """\
from proxy.filters import Condition, Filter
class Looking(Filter):
    def on_log(self, call): pass
    def looks(self):
        return ((Condition("a", "regex", "("),),)
""",
    "marked.py": """\
from proxy.filters import Condition, Filter
class Marked(Filter):
    def on_log(self, call): pass
    def looks(self):
        return ((Condition("metadata.a", "exact", "1"),),)
""",
    "body.py": "from proxy.filters import Filter\nclass Body(Filter):\n    body = 'streamed'\n",
    "still.py": """\
from proxy.filters import Body, Filter
class Still(Filter):
    body = Body.STREAMED
    def on_log(self, call): ...
""",
    "shy.py": "from proxy.filters import Filter\nclass Shy(Filter):\n    def on_body(self, call, chunk, last): ...\n",
    "hungry.py": """\
from typing import Any
import msgspec
from proxy.filters import Body, Filter
class Mine(msgspec.Struct):
    limit: Any = -1
class Hungry(Filter):
    Settings = Mine
    body = Body.BUFFERED
    def __init__(self, settings):
        super().__init__(settings)
        self.body_limit = settings.limit
        if settings.limit is None:
            self.body = "all"
    def on_request(self, call): ...
""",
}


def filters(*written: str, routes: str = "") -> str:
    return SMALLEST.format(filters="\n      - ".join(written), routes=routes)


AT = "6: listeners[0].filters[0]"
ROUTE = "9: routes.main[0].filters"
LIMIT = "{name: rate_limit, rate: 1}"
MEND = "mend it, or its settings"
DURATION = "write seconds (1.5) or a number with us, ms, s, m or h (250ms)"

ONE_FILTER = [
    (filters("{filter: fault}"), f"{AT}.name: is missing; write name: fault"),
    (filters("{name: fautl}"), f"{AT}.name: there is no filter 'fautl' that needs no file; did you mean fault?"),
    (
        filters("{name: a, filter: rate_limits}"),
        f"{AT}.filter: there is no filter 'rate_limits' that needs no file; did you mean rate_limit?",
    ),
    (filters(LIMIT, LIMIT), "7: listeners[0].filters[1].name: 'rate_limit' is also the name of filters[0]; write another"),
    (filters("{name: rate_limit, rate: 1, timeout: x}"), f"{AT}.timeout: 'x' is no duration; {DURATION}"),
    (
        filters("{name: rate_limit, rate: 1, stuck_limit: 250ms}"),
        f"{AT}.stuck_limit: 0.25s is not over block_limit, 0.25s; write more",
    ),
    (filters("{name: fault}"), f"{AT}: there is nothing that it does; write delay, abort, or both"),
    (filters("{name: fault, delay: {percent: 1}}"), f"{AT}.delay.duration: is missing; write duration: 100ms"),
    (
        filters("{name: fault, abort: {percent: 101}}"),
        f"{AT}.abort.percent: the number 101 is no part of the calls; write 0 to 100, fractions too (0.5)",
    ),
    (
        filters("{name: fault, abort: {fault: overlaod}}"),
        f"{AT}.abort.fault: 'overlaod' is none of the choices; did you mean overload?",
    ),
    (filters("{name: fault, abort: {http_status: 99}}"), f"{AT}.abort.http_status: 99 is out of range; write 200 to 599"),
    (filters("{name: fault, abort: {grpc_status: 0}}"), f"{AT}.abort.grpc_status: 0 is out of range; write 1 to 16"),
    (filters("{name: fault, abort: {foult: x}}"), f"{AT}.abort.foult: there is no such key; did you mean fault?"),
    (filters("{name: fault, abort: ~}"), f"{AT}.abort: has no value; write one, or leave the key out"),
    (
        filters('{name: fault, abort: {}, match: {headers: {a: {regex: "("}}}}'),
        f"{AT}.match.headers.a: RE2 refuses the regex '(': missing ): (; write RE2's syntax",
    ),
    (
        filters("{name: fault, abort: {}, match: {expression: \"headers['a'] == 'b'\"}}"),
        f"{AT}.match: a filter's match has no expression; write conditions, or routes that say otherwise for the filter",
    ),
    (
        filters("{name: rate_limit, rate: 1, match: {metadata: {a: b}}}"),
        f"{AT}.match: a filter's match is looked at before filters set metadata; write headers, or match metadata in routes",
    ),
    (
        filters("{name: a, file: marked.py}"),
        f"{AT}: cannot be made (ValueError: looks() asks for metadata.a, that is not set yet); mend it, or its settings",
    ),
    (filters("{name: rate_limit}"), f"{AT}.rate: is missing; write rate: 100"),
    (
        filters("{name: rate_limit, rate: 0}"),
        f"{AT}.rate: must be a number over 0, not the number 0; write calls a second, as 100 or 0.5",
    ),
    (filters("{name: rate_limit, rate: 1, burst: 0.5}"), f"{AT}: a burst of 0.5 lets no call through; write 1 or more"),
    (filters("{name: rate_limit, rate: 1, max_keys: 0}"), f"{AT}.max_keys: 0 is out of range; write 1 to 1000000"),
    (filters("{name: buffer}"), f"{AT}.max_bytes: is missing; write max_bytes: 64KiB"),
    (
        filters("{name: buffer, max_bytes: 65MiB}"),
        f"{AT}.max_bytes: 68157440 bytes are more than a worker keeps; write at most 64MiB",
    ),
    (
        filters("{name: buffer, max_bytes: 1MiB}", routes="buffer: {max_bytes: 1, mach: 1}"),
        f"{ROUTE}.buffer.mach: there is no such key; did you mean match?",
    ),
    (filters("{name: header_rules, rules: []}"), f"{AT}.rules: the list is empty; write at least one rule"),
    (
        filters("{name: header_rules, rules: [{match: {headers: {a: b}}}]}"),
        f"{AT}.rules[0]: there is nothing that it changes; write request or response",
    ),
    (
        filters("{name: header_rules, rules: [{request: {set: {a: 1}}}]}"),
        f'{AT}.rules[0].request.set.a: must be text, not the number 1; write it in quotes: "1"',
    ),
    (filters("{name: header_to_metadata, rules: [{header: a}]}"), f"{AT}.rules[0].metadata: is missing; write metadata: env"),
    (filters("{name: a, file: nowhere.py}"), f"{AT}.file: cannot be read (No such file or directory); name a Python file"),
    (
        filters("{name: a, file: broken.py}"),
        f"{AT}.file: cannot be loaded (AttributeError: module 'proxy' has no attribute 'nothing', line 3); mend it",
    ),
    (
        filters("{name: a, file: unreadable.py}"),
        f"{AT}.file: cannot be loaded (SyntaxError: invalid syntax (unreadable.py, line 1)); mend it",
    ),
    (filters("{name: a, file: none.py}"), f"{AT}.file: declares 0 filters (none); write one class that has Filter as its base"),
    (filters("{name: a, file: two.py}"), f"{AT}.file: declares 2 filters (A, B); write one class that has Filter as its base"),
    (filters("{name: a, file: raising.py}"), f"{AT}: cannot be made (OSError: no database); mend it, or its settings"),
    (
        filters("{name: a, file: looking.py}"),
        f"{AT}: cannot be made (ValueError: regex '(': missing ): (); mend it, or its settings",
    ),
    (filters("{name: a, file: body.py}"), f"{AT}.file: Body.body is 'streamed'; write a Body, as Body.BUFFERED"),
    (
        filters("{name: a, file: still.py}"),
        f"{AT}: cannot be made (TypeError: its body is streamed, and it has no on_body); {MEND}",
    ),
    (filters("{name: a, file: shy.py}"), f"{AT}: cannot be made (TypeError: it has on_body, but not Body.STREAMED); {MEND}"),
    (
        filters("{name: a, file: hungry.py, limit: 67108865}"),
        f"{AT}: cannot be made (ValueError: body_limit is 67108865, not 0 to 67108864 bytes); {MEND}",
    ),
    (
        filters("{name: a, file: hungry.py, limit: 1.5}"),
        f"{AT}: cannot be made (ValueError: body_limit is 1.5, not 0 to 67108864 bytes); {MEND}",
    ),
    (
        filters("{name: a, file: hungry.py, limit: null}"),
        f"{AT}: cannot be made (TypeError: body is 'all', which is no Body); {MEND}",
    ),
    (
        filters("{name: a, file: hungry.py, limit: 5}", routes="a: {}"),
        f"{ROUTE}.a: cannot be made (ValueError: body_limit is -1, not 0 to 67108864 bytes); {MEND}",
    ),
    (filters("{name: a, file: plain.py, x: 1}"), f"{AT}.x: there is no such setting; this filter has none"),
    (filters("{name: a, file: fine.py, limt: 1}"), f"{AT}.limt: there is no such setting; did you mean limit?"),
    (
        filters("{name: a, file: fine.py, limit: 0}"),
        f"{AT}.limit: Input should be greater than 0; write what Fine.Settings allows",
    ),
    (
        filters("{name: a, file: fine.py, names: [b, 1]}"),
        f"{AT}.names[1]: Input should be a valid string; write what Fine.Settings allows",
    ),
    (
        filters("{name: a, file: struct.py, limit: x}"),
        f"{AT}: its settings are refused: Expected `int`, got `str` - at `$.limit`; see Structured.Settings",
    ),
    (
        filters(LIMIT, routes="rate_limits: false"),
        f"{ROUTE}.rate_limits: no listener that has these routes has a filter 'rate_limits'; did you mean rate_limit?",
    ),
    (
        filters(LIMIT, routes="rate_limit: 1"),
        f"{ROUTE}.rate_limit: must be settings or false, not the number 1; write the filter's settings, or false",
    ),
    (
        filters(LIMIT, routes="rate_limit: {rate: x}"),
        f"{ROUTE}.rate_limit.rate: must be a number over 0, not 'x'; write calls a second, as 100 or 0.5",
    ),
    (
        filters("{name: a, file: fine.py}", routes="a: {limit: -1}"),
        f"{ROUTE}.a.limit: Input should be greater than 0; write what Fine.Settings allows",
    ),
    (filters(*["{name: rate_limit, rate: 1}"] * 33), "5: listeners[0].filters: there are 33 filters; write at most 32"),
]
