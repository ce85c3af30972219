"""What a file may say of edits: each mistake and its line, what becomes of the rest, and how levels are put together."""

from __future__ import annotations

from typing import get_args

import pytest

from proxy import snapshot as shapes
from proxy.config.protocols import load_registry
from proxy.config.templates import pieces
from proxy.routing.edits import merge
from proxy.snapshot import Edits, HeaderEdit, Piece, Rewrite
from tests.config.fakes import SMALLEST, errors, snapshot
from xproto.kernel.edit_face import OPS
from xproto.kernel.editor import ROLES


def route(*lines: str, protocols: str = "bolt", match: str = "") -> str:
    """The smallest file with more lines in its route (the first is line 10), for these protocols."""
    text = SMALLEST.replace("    routes: main\n", f"    routes: main\n    protocols: {protocols}\n")
    text = text.replace("      cluster: echo\n", "      cluster: echo\n" + "".join(f"      {line}\n" for line in lines))
    return text.replace('{headers: {service: "com.test.EchoService:1.0"}}', match) if match else text


R = "10: routes.main[0]."
HEADERS = [
    ("set: {a: 1}", "set.a: must be text, not the number 1; write it in quotes"),
    ("set: {a: 'x%'}", "set.a: a % by itself stands for nothing; write %% for one, or a variable: %route%"),
    ("set: {a: '%rout%'}", "set.a: there is no variable %rout%; did you mean route?"),
    ("set: {a: '%route(x)%'}", "set.a: %route% has nothing in parentheses; write %route%"),
    (
        "set: {a: '%request_header%'}",
        "set.a: %request_header% of which one; write %request_header(x-request-id)%",
    ),
    (
        "set: {a: '%upstream_host%'}",
        (
            "set.a: %upstream_host% is not known here: no host is chosen yet; write one of: downstream_address, protocol,"
            " route, start_time, service, method, path, host, request_header, cluster"
        ),
    ),
    ('set: {a: "x\\ny: z"}', "set.a: the value has control characters, or more than one line; write one line"),
    (f"set: {{a: {'v' * 16385}}}", "set.a: the value has 16385 bytes; write at most 16384"),
    ("set: {'a b': x}", "set[\"a b\"]: 'a b' is no header's name; write one without spaces, such as x-env"),
    ("remove: ['']", "remove[0]: '' is no header's name; write one without spaces, such as x-env"),
    ("remove: [1]", "remove[0]: must be a header's name, not the number 1; write it in quotes"),
    ("set: {Host: x}", "set.Host: Host is whom a request is for; write rewrite: {host: ...}"),
    ("set: {':path': x}", "set.:path: :path is no header; write rewrite: {path: ...}"),
    ("remove: [':status']", "remove[0]: :status is no header; write another header, or leave it out"),
    (
        "remove: [Content-Length]",
        "remove[0]: Content-Length is between this proxy and its peers; write another header, or leave it out",
    ),
    ("sets: {}", "sets: there is no such key; did you mean set?"),
]


@pytest.mark.parametrize(("given", "said"), HEADERS, ids=[said for _, said in HEADERS])
def test_one_mistake_in_headers(given: str, said: str) -> None:
    assert errors(route(f"request_headers: {{{given}}}")) == [f"{R}request_headers.{said}"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{}", "changes nothing; write set, add, append or remove"),
        ("{set: {a: x}, remove: [A]}", "A is both in set and in remove; write it once"),
        ("{remove: [a, a]}", "a is twice in remove; write it once"),
        (f"{{remove: [{', '.join(f'a{n}' for n in range(65))}]}}", "edits 65 headers; write at most 64"),
        ("x", "must be a mapping, not 'x'; write a mapping with set, add, append, remove"),
    ],
)
def test_headers_that_do_not_fit_together(given: str, said: str) -> None:
    assert errors(route(f"request_headers: {given}")) == [f"{R}request_headers: {said}"]


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("request_headers_to_add", "request_headers: {append: {name: value}}"),
        ("response_headers_to_add", "response_headers: {append: {name: value}}"),
        ("request_headers_to_remove", "request_headers: {remove: [name]}"),
        ("response_headers_to_remove", "response_headers: {remove: [name]}"),
        ("prefix_rewrite", "rewrite: {prefix: ...}"),
        ("host_rewrite", "rewrite: {host: ...}"),
    ],
)
def test_what_others_call_it(key: str, instead: str) -> None:
    assert errors(route(f"{key}: x")) == [f"{R}{key}: is Envoy's; write {instead}"]


def test_what_is_not_known_when_an_answer_comes() -> None:
    known = "downstream_address, protocol, route, start_time, service, method, path, host, request_header, upstream_host"
    said = f"%cluster% is not known here: calls are not kept by their clusters; write one of: {known}"
    assert errors(route("response_headers: {set: {a: '%cluster%'}}")) == [f"{R}response_headers.set.a: {said}"]


PATH = "{path: {prefix: /api/}}"
REWRITES = [
    ("{}", "", "rewrites nothing; write one of path, host, service, method, version, prefix, regex"),
    ("{path: /a, regex: b, substitution: c}", "", "path and regex together; write one of path, prefix, regex"),
    ("{regex: b}", "", "regex without substitution; write both"),
    ("{substitution: b}", "", "substitution without regex; write both"),
    ("{regex: '(', substitution: b}", "", "RE2 refuses the regex '(': missing ): (; write RE2's syntax"),
    ("{regex: a, substitution: '\\1'}", "", "substitution: the regex has no group 1, it has 0; write \\0 to \\0"),
    (
        "{regex: a, substitution: '\\x'}",
        "",
        "substitution: '\\\\x' stands for nothing; write \\\\ for a backslash, \\1 for a group",
    ),
    (
        "{regex: a, substitution: 'b?c'}",
        "",
        "substitution 'b?c' is never sent in a path; write it percent-encoded, without a query",
    ),
    ("{path: a}", ".path", "a path begins with /; write /a"),
    ("{path: '/a?b'}", ".path", "'/a?b' is more than a path, and the query stays; write what is before the ?"),
    ("{path: '/a b'}", ".path", "'/a b' is never sent so; write it percent-encoded, a percent sign as %%"),
    ("{service: ''}", ".service", "is empty, and would rewrite nothing; write what it becomes, or leave it out"),
    ("{host: '%upstream_host%'}", ".host", "%upstream_host% is not known here: no host is chosen yet; write one of:"),
]


@pytest.mark.parametrize(("given", "at", "said"), REWRITES, ids=[said for *_, said in REWRITES])
def test_one_mistake_in_a_rewrite(given: str, at: str, said: str) -> None:
    [found] = errors(route(f"rewrite: {given}", protocols="http1", match=PATH), load_registry)
    assert found.startswith(f"{R}rewrite{at}: {said}")


def test_a_prefix_needs_one_that_is_matched() -> None:
    said = "rewrite.prefix is instead of what match.path.prefix matched; write match: {path: {prefix: ...}}"
    assert errors(route("rewrite: {prefix: /v2/}")) == [f"8: routes.main[0]: {said}"]


def test_few_texts_of_each_request() -> None:
    values = ", ".join(f"a{n}: '%request_header(h{n})%%service%'" for n in range(15))
    assert errors(route(f"request_headers: {{set: {{{values}}}}}")) == []
    more = "response_headers: {set: {a: '%path%'}}"
    said = "its edits ask for 17 texts of each request; write at most 16 different ones"
    assert errors(route(f"request_headers: {{set: {{{values}}}}}", more)) == [f"8: routes.main[0]: {said}"]


LACKS = "leave it out, or give the protocols that have it a table of their own"


@pytest.mark.parametrize(
    ("line", "protocols", "said"),
    [
        ("request_headers: {set: {a: x}}", "thrift", f"request_headers: thrift has no headers that can be edited; {LACKS}"),
        (
            "request_headers: {set: {a: x}}",
            "[thrift, thrift-compact]",
            f"request_headers: thrift and thrift-compact have no headers that can be edited; {LACKS}",
        ),
        (
            "response_headers: {set: {a: x}}",
            "dubbo",
            f"response_headers: answers of dubbo have no headers that can be edited; {LACKS}",
        ),
        ("rewrite: {path: /a}", "bolt", f"rewrite.path: bolt has no path that can be rewritten; {LACKS}"),
        ("rewrite: {version: '2'}", "bolt", f"rewrite.version: bolt has no version that can be rewritten; {LACKS}"),
        (
            "request_headers: {set: {service: x}}",
            "bolt",
            "request_headers.set.service: bolt reads the service from service; write rewrite: {service: ...}",
        ),
        (
            "request_headers: {remove: [path]}",
            "dubbo",
            "request_headers.remove[0]: dubbo reads the service from path; write rewrite: {service: ...}",
        ),
        (
            "request_headers: {set: {grpc-timeout: 1S}}",
            "http2",
            "request_headers.set.grpc-timeout: grpc reads the timeout from grpc-timeout; write timeout",
        ),
        (
            "request_headers: {set: {'a:b': x}}",
            "http1",
            "request_headers.set.a:b: 'a:b' is no name of a field of HTTP; write letters, digits and dashes",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_what_a_protocol_has_not(line: str, protocols: str, said: str) -> None:
    assert errors(route(line, protocols=protocols), load_registry) == [f"{R}{said}"]


def test_where_some_protocols_have_it() -> None:
    text = route("request_headers: {set: {a: x}}", "rewrite: {path: /a, version: '2'}", protocols="auto")
    assert errors(text, load_registry) == []


def test_what_becomes_of_it() -> None:
    text = route(
        "request_headers: {set: {a: 'x %route%%%'}, add: {b: ''}, append: {c: '%request_header(d)%'}, remove: [e]}",
        "response_headers: {remove: [server]}",
        "rewrite: {prefix: /v2/, host: '%host%:81'}",
        protocols="http1",
        match=PATH,
    )
    [made] = snapshot(text, load_registry).routes["main"]
    assert made.edits == Edits(
        request=(
            HeaderEdit("remove", "e"),
            HeaderEdit("set", "a", (Piece("x "), Piece("", "route"), Piece("%"))),
            HeaderEdit("add", "b"),
            HeaderEdit("append", "c", (Piece("d", "request_header"),)),
        ),
        response=(HeaderEdit("remove", "server"),),
        rewrites=(Rewrite("host", (Piece("", "host"), Piece(":81"))), Rewrite("path", (Piece("/v2/"),), prefix="/api/")),
    )


def test_no_edits_are_none() -> None:
    [made] = snapshot(SMALLEST).routes["main"]
    assert made.edits is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain", (Piece("plain"),)),
        ("%%", (Piece("%"),)),
        ("%%route%%", (Piece("%route%"),)),
        ("%route%%host%", (Piece("", "route"), Piece("", "host"))),
        ("a%request_header(x-b)%c", (Piece("a"), Piece("x-b", "request_header"), Piece("c"))),
    ],
)
def test_parts_of_values(text: str, parts: tuple[Piece, ...]) -> None:
    assert pieces(text) == parts


def test_levels_are_merged_from_the_outermost_in() -> None:
    table = Edits(request=(HeaderEdit("set", "a", (Piece("table"),)),), response=(HeaderEdit("remove", "server"),))
    host = Edits(request=(HeaderEdit("append", "a", (Piece("host"),)),))
    own = Edits(request=(HeaderEdit("remove", "a"),), rewrites=(Rewrite("host", (Piece("x"),)),))
    assert merge(table, host, own) == Edits((*table.request, *host.request, *own.request), table.response, own.rewrites)
    assert merge(None, host, None) is host
    assert merge(None, None) is None
    assert merge() is None


def test_the_snapshot_and_the_kernel_have_the_same_words() -> None:
    assert get_args(shapes.EditOp) == OPS
    assert set(get_args(shapes.RoleName)) == set(ROLES)
