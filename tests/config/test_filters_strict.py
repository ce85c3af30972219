"""Filters whose settings, or whose class, would fail with each call: refused when the file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.filter_headers import check_edited
from proxy.config.protocols import load_registry
from proxy.config.values import WrongValueError
from proxy.filters.editing import FRAMING
from tests.config.cases_filters import AT, FILES, ROUTE, SMALLEST, filters
from tests.config.fakes import Registry, errors

CLASSES = {
    "idle.py": "from proxy.filters import Filter\nclass Idle(Filter):\n    def helper(self): pass\n",
    "typo.py": "from proxy.filters import Filter\nclass Typo(Filter):\n    def on_requests(self, call): pass\n",
    "both.py": (
        "from proxy.filters import Filter\nclass Both(Filter):\n    def on_log(self, call): pass\n"
        "    def on_answer(self, call): pass\n"
    ),
    "number.py": "from proxy.filters import Filter\nclass Number(Filter):\n    def on_log(self, call): pass\n"
    "    def looks(self): return 5\n",
    "flat.py": "from proxy.filters import Condition, Filter\nclass Flat(Filter):\n    def on_log(self, call): pass\n"
    "    def looks(self): return (Condition('a', 'exact', 'b'),)\n",
    "texts.py": "from proxy.filters import Filter\nclass Texts(Filter):\n    def on_log(self, call): pass\n"
    "    def looks(self): return (('a',),)\n",
    "keyed.py": "from proxy.filters import Filter\nclass Keyed(Filter):\n    keys = ['a']\n    def on_log(self, call): pass\n",
    "reply.py": "from proxy.filters import Filter, Reply\nclass Replying(Filter):\n    reply = Reply(REPLY)\n"
    "    def on_log(self, call): pass\n",
}  # fmt: skip
GROUPS = "write None, or groups of Conditions: ((Condition(...), ...), ...)"
MEND = "mend it, or its settings"
LOADED = load_registry((), {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (FILES | CLASSES).items():
        (tmp_path / name).write_text(text)
    return tmp_path


def rules(given: str) -> str:
    return filters(f"{{name: header_rules, rules: [{{{given}}}]}}")


def metadata(given: str) -> str:
    return filters(f"{{name: header_to_metadata, rules: [{{{given}, metadata: m, remove: true}}]}}")


R = f"{AT}.rules[0]"
HOPS = "is between this proxy and its peers; write another header, or leave it out"
NOT_ONE = "is no header, and cannot be taken out; leave remove out"
SHORTER = "is not shorter than the filter's timeout, 1s, by which the call fails; write less, or a longer timeout"
WRONG = [
    (rules("request: {set: {content-length: '1'}}"), f"{R}.request.set.content-length: content-length {HOPS}"),
    (rules("request: {append: {Te: x}}"), f"{R}.request.append.Te: Te {HOPS}"),
    (rules("response: {remove: [te]}"), f"{R}.response.remove[0]: te {HOPS}"),
    (
        rules("request: {set: {host: a}}"),
        f"{R}.request.set.host: host is whom a request is for; write rewrite: {{host: ...}} in a route",
    ),
    (
        rules("request: {set: {':path': a}}"),
        f"{R}.request.set.:path: :path is no header; write rewrite: {{path: ...}} in a route",
    ),
    (
        rules("request: {set: {grpc-timeout: 1S}}"),
        f"{R}.request.set.grpc-timeout: grpc-timeout is the call's deadline; write timeout in a route",
    ),
    (
        rules('request: {set: {x: "a\\r\\nb: c"}}'),
        f"{R}.request.set.x: the value has control characters, or more than one line; write one line",
    ),
    (rules(f"request: {{set: {{x: {'v' * 16385}}}}}"), f"{R}.request.set.x: the value has 16385 bytes; write at most 16384"),
    (
        rules("request: {set: {x: 'of %route%'}}"),
        (f"{R}.request.set.x: %route% would be sent as it is, since filters have no variables; write request_headers or"
        " response_headers in a route"),
    ),
    (
        rules("response: {append: {x: '%request_header(a)%'}}"),
        (f"{R}.response.append.x: %request_header(a)% would be sent as it is, since filters have no variables; write"
        " request_headers or response_headers in a route"),
    ),
    (
        metadata("header: host"),
        f"{R}: header: host is whom a request is for; write rewrite: {{host: ...}} in a route",
    ),
    (metadata("header: path"), f"{R}: header: path {NOT_ONE}"),
    (metadata("header: ':path'"), f"{R}: header: :path {NOT_ONE}"),
    (metadata("header: query.a"), f"{R}: header: query.a {NOT_ONE}"),
    (metadata("header: tls.sni"), f"{R}: header: tls.sni {NOT_ONE}"),
    (metadata("header: metadata.a"), f"{R}: header: metadata.a {NOT_ONE}"),
    (metadata("header: upgrade"), f"{R}: header: upgrade {HOPS}"),
    (
        filters("{name: fault, abort: {http_status: 204, text: x}}"),
        f"{AT}.abort: an answer of HTTP with status 204 has no body; write another status, or no text",
    ),
    (
        filters("{name: fault, abort: {http_status: 304, text: x}}"),
        f"{AT}.abort: an answer of HTTP with status 304 has no body; write another status, or no text",
    ),
    (filters("{name: fault, abort: {http_status: 101}}"), f"{AT}.abort.http_status: 101 is out of range; write 200 to 599"),
    (filters("{name: fault, timeout: 1s, delay: {duration: 1s}}"), f"{AT}.delay.duration: 1s {SHORTER}"),
    (
        filters("{name: fault, timeout: 1s, delay: {duration: 1ms}}", routes="fault: {delay: {duration: 2s}}"),
        f"{ROUTE}.fault.delay.duration: 2s {SHORTER}",
    ),
    (
        filters("{name: a, file: plain.py, filter: fault}"),
        f"{AT}: file and filter both say which filter it is; write one of them",
    ),
    (
        filters("{name: a, file: idle.py}"),
        f"{AT}.file: Idle takes part in no phase; write on_request, on_route, on_body, on_host, on_response or on_log",
    ),
    (filters("{name: a, file: typo.py}"), f"{AT}.file: Typo has on_requests, which is no phase; did you mean on_request?"),
    (
        filters("{name: a, file: both.py}"),
        f"{AT}.file: Both has on_answer, which is no phase; did you mean on_response?",
    ),
    (filters("{name: a, file: number.py}"), f"{AT}: cannot be made (TypeError: looks() gives 5; {GROUPS}); {MEND}"),
    (
        filters("{name: a, file: texts.py}"),
        f"{AT}: cannot be made (TypeError: looks() gives 'a', which is no Condition); {MEND}",
    ),
    (
        filters("{name: a, file: keyed.py}"),
        f"{AT}: cannot be made (TypeError: keys is ['a'], which is no tuple of texts); {MEND}",
    ),
    (
        SMALLEST.format(filters="", routes="a: false").replace("    filters:\n      - \n", ""),
        "7: routes.main[0].filters.a: no listener that has these routes has a filter 'a'; write it in listeners[].filters",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[case[1][:70] for case in WRONG])
def test_one_error_gives_one_line(text: str, expected: str, folder: Path) -> None:
    assert errors(text, file=str(folder / "x.yaml")) == [expected]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("1, 199", "199 is no status of an answer of HTTP"),
        ("1, 600", "600 is no status of an answer of HTTP"),
        ("1, None, 0", "0 is no status of a call of gRPC that failed"),
        ("1, None, 17", "17 is no status of a call of gRPC that failed"),
        ("1, 204, None, 'x'", "an answer of HTTP with status 204 has no body, and no place for a text"),
        ("1, 205, None, 'x'", "an answer of HTTP with status 205 has no body, and no place for a text"),
        ("1, 304, None, 'x'", "an answer of HTTP with status 304 has no body, and no place for a text"),
    ],
)
def test_replies_that_cannot_be_sent(folder: Path, arguments: str, said: str) -> None:
    path = folder / "reply.py"
    path.write_text(path.read_text().replace("REPLY", arguments))
    expected = f"{AT}.file: cannot be loaded (ValueError: {said}, line 3); mend it"
    assert errors(filters("{name: a, file: reply.py}"), file=str(folder / "x.yaml")) == [expected]


def test_groups_that_are_none(folder: Path) -> None:
    [said] = errors(filters("{name: a, file: flat.py}"), file=str(folder / "x.yaml"))
    assert said.startswith(f"{AT}: cannot be made (TypeError: looks() gives (HeaderMatch(")
    assert said.endswith(f"; {GROUPS}); {MEND}")


@pytest.mark.parametrize("name", sorted(FRAMING))
def test_what_editing_refuses_is_refused_here(name: str) -> None:
    with pytest.raises(WrongValueError, match=r"; write .*"):
        check_edited(name.title())


@pytest.mark.parametrize(
    "given",
    [
        rules("request: {set: {x: '100%'}}"),
        rules("request: {set: {x: '50% off'}, append: {x: ''}, remove: [x]}"),
        filters("{name: header_to_metadata, rules: [{header: host, metadata: m}, {header: x, metadata: m, remove: true}]}"),
        filters("{name: fault, abort: {http_status: 204}}"),
        filters("{name: fault, timeout: 1s, delay: {duration: 999ms, percent: 0}}"),
    ],
)
def test_what_is_right(given: str) -> None:
    assert errors(given) == []


@pytest.mark.parametrize(
    ("protocols", "given", "said"),
    [
        ("thrift", "request: {set: {x: y}}", "request: thrift has no headers that can be edited; leave it out"),
        ("dubbo", "response: {set: {x: y}}", "response: answers of dubbo have no headers that can be edited; leave it out"),
        (
            "[http1, bolt]",
            "request: {set: {'a:b': y}}",
            "request.set.a:b: 'a:b' is no name of a field of HTTP; write letters, digits and dashes",
        ),
        ("http1", "response: {remove: ['a:b']}",
         "response.remove[0]: 'a:b' is no name of a field of HTTP; write letters, digits and dashes"),
    ],
)  # fmt: skip
def test_headers_that_no_protocol_of_the_listener_has(protocols: str, given: str, said: str) -> None:
    text = rules(given).replace("    filters:\n", f"    protocols: {protocols}\n    filters:\n")
    assert errors(text, Registry(**LOADED)) == [f"7: listeners[0].filters[0].rules[0].{said}"]


@pytest.mark.parametrize("protocols", ["bolt", "[dubbo, thrift]", "auto"])
def test_headers_that_some_have(protocols: str) -> None:
    text = rules("request: {set: {x: y}}").replace("    filters:\n", f"    protocols: {protocols}\n    filters:\n")
    assert errors(text, Registry(**LOADED)) == []
