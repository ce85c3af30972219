"""One mistake each in what routes match and in virtual hosts, and the one line that is said about it."""

from __future__ import annotations

from tests.config.cases import HOST, MATCH, edited, http

ROUTES = '    - match: {headers: {service: "com.test.EchoService:1.0"}}\n      cluster: echo\n'
DOMAIN = "write a name (shop.example.com), *.example.com, shop.* or *, each with a port or without"
WRITE_CEL = "write as service == 'com.test.Echo' && headers['env'] == 'gray'"
LEAVE = "write what calls say, or leave the route out"
NUMBER = "write text in quotes, and int(...) around text that is a number"
NAMES = (
    "write one of: service, method, path, host, http_method, source.address, protocol, tls.sni, tls.san, headers, query,"
    " metadata, startsWith, endsWith, contains, matches, size, has, int, uint, double, string, bool"
)
NESTED = "(" * 40 + "true" + ")" * 40
LONG = "service == 'a' || " * 300 + "true"
MANY_KEYS = ", ".join(f"k{number}: a" for number in range(49))
MANY_NAMES = "/".join(f"{{a{number}}}" for number in range(11))

_MATCHES = [
    ("headers: {':path': /a}", "headers.:path: ':path' is no header; write path, host or http_method beside headers"),
    ("headers: {metadata.m: x}", "headers[\"metadata.m\"]: no header can be called 'metadata.m'; write metadata: {m: ...}"),
    (
        "headers: {source.address: 10.0.0.1}",
        "headers[\"source.address\"]: no header can be called 'source.address'; write it under variables",
    ),
    (
        "variables: {tls.foo: x}",
        "variables[\"tls.foo\"]: there is no variable 'tls.foo'; write one of: source.address, protocol, tls.sni, tls.san",
    ),
    ("variables: {metadata.m: x}", "variables[\"metadata.m\"]: 'metadata.m' is metadata; write metadata: {m: ...}"),
    (
        "variables: {env: x}",
        "variables.env: there is no variable 'env'; write one of: source.address, protocol, tls.sni, tls.san",
    ),
    ("metadata: {'a b': x}", "metadata[\"a b\"]: 'a b' is no name of metadata; write letters, digits, _, - and ."),
    ("expression: 1", "expression: must be an expression, not the number 1; write it in quotes"),
    ("expression: \"servic == 'a'\"", "expression: there is no 'servic' (character 1); did you mean service?"),
    ('expression: "foo(service)"', f"expression: there is no 'foo' (character 4); {NAMES}"),
    ('expression: "service == 1"', f"expression: == is not for (string, int) (character 9); {NUMBER}"),
    ('expression: "service"', "expression: is of the type string; write what is true or false, as service == 'x'"),
    ('expression: "service =="', f"expression: is no CEL: syntax error: mismatched input '<EOF>' (character 11); {WRITE_CEL}"),
    (f'expression: "{NESTED}"', "expression: is nested too deeply; write less in one expression, or a route more"),
    ("expression: \"headers[service] == 'a'\"", "expression: an index of headers must be a constant; write headers['x']"),
    ('expression: "size(headers) > 1"', "expression: headers as a whole is not known; write headers['x'] or 'x' in headers"),
    ('expression: "service in headers"', "expression: an index of headers must be a constant; write headers['x']"),
    ('expression: "service.matches(method)"', "expression: the regex of matches must be a constant; write it in quotes"),
    ("expression: \"service.matches('(')\"", "expression: RE2 refuses the regex '(': missing ): (; write RE2's syntax"),
    (
        "expression: \"service.matches('[a-z]{1,200}')\"",
        "expression: the regex '[a-z]{1,200}' is too large to be compiled each time; write it as a condition",
    ),
    ("expression: \"headers['tls.sni'] == 'a'\"", "expression: no header can be called 'tls.sni'; write tls.sni"),
    (
        "expression: \"headers[':path'] == '/'\"",
        "expression: no header can be called ':path'; write what the proxy knows, as source.address or metadata['x']",
    ),
    ("expression: \"headers[''] == '/'\"", "expression: headers has no entry without a name; write headers['x']"),
    (f'expression: "{LONG}"', "expression: the expression has 5404 characters; write at most 4096"),
    (
        "headers: {n: {range: {start: 5, end: 5}}}",
        "headers.n.range: no number is from 5 on and below 5; write an end over the start",
    ),
    ("headers: {n: {range: {start: 5}}}", "headers.n.range.end: is missing; write end: 600"),
    (
        "headers: {n: {range: {start: 0, end: 9223372036854775808}}}",
        "headers.n.range.end: 9223372036854775808 is out of range; write -9223372036854775808 to 9223372036854775807",
    ),
    ("headers: {n: {range: }}", "headers.n.range: has no value; write one, or leave the key out"),
    ("headers: {n: {range: 5}}", "headers.n.range: must be a mapping, not the number 5; write a mapping with start, end"),
    ("headers: {n: {contains: ''}}", "headers.n: an empty contains matches every value; write present: true"),
    ("headers: {n: {regex: a, ignore_case: true}}", "headers.n: ignore_case is not for a regex; write (?i) at its beginning"),
    ("headers: {n: {present: true, ignore_case: true}}", "headers.n: present knows no case; leave ignore_case out"),
    ("path: {regex: /a, ignore_case: true}", "path: ignore_case is not for a regex; write (?i) at its beginning"),
    ("method: POST", "method: is the method of a call, and POST is one of HTTP; write http_method: POST"),
    ("method: {exact: PUT}", "method: is the method of a call, and PUT is one of HTTP; write http_method: PUT"),
    ("service: 1", "service: must be text, not the number 1; write text, in quotes if it looks like anything else"),
    ("domains: [a]", "domains: belong to a virtual host; write host here"),
    ("sources: [10.0.0.1]", "sources: may be several under source; write source: [...]"),
    ("path: {template: a}", "path: a path begins with /; write /a"),
    ("path: {template: '/{'}", "path: { stands alone; write {name}"),
    ("path: {template: '/{a b}'}", "path: 'a b' is no name; write letters, digits and _"),
    ("path: {template: '/{a}/{a}'}", "path: 'a' is there twice; write another name"),
    ("path: {template: '/{a=}'}", "path: {a=} takes nothing; write {a} for one segment, {a=**} for the rest"),
    ("path: {template: '/***'}", "path: *** means nothing; write * for one segment, ** for the rest"),
    ("path: {template: '/**/a'}", "path: ** takes all that follows; write it last"),
    ("path: {template: '/a b'}", "path: 'a b' is never sent so; write it percent-encoded"),
    (f"path: {{template: '/{MANY_NAMES}'}}", "path: there are over 10 names; write * where the name is not needed"),
    ("source: lan", "source: 'lan' is no network; write a network (10.0.0.0/8), an address (10.0.0.1), or unix"),
    ("source: []", "source: the list is empty; write a network, or leave it out"),
    ("source: 5", "source: must be a network, not the number 5; write one network, or a list of them"),
    ("source: 10.0.0.1/8", "source: '10.0.0.1/8' has bits beyond its prefix; write 10.0.0.0/8"),
    ("sni: a:443", "sni: 'a:443' has a port, and hosts are compared without; write a"),
    ("sni: []", "sni: the list is empty; write a host, or leave it out"),
    ("protocol: gprc", "protocol: there is no protocol 'gprc'; did you mean grpc?"),
    ("protocol: [bolt, auto]", "protocol[1]: there is no protocol 'auto'; write one of: dubbo, bolt, grpc"),
    ("protocol: []", "protocol: the list is empty; write a protocol, or leave it out"),
    ("expression: ''", f"expression: is no CEL: syntax error: mismatched input '<EOF>' (character 1); {WRITE_CEL}"),
    ("expression: 'true'", "expression: looks at nothing of the call, and always holds; leave it out"),
    ('expression: "1 == 2"', f"expression: looks at nothing of the call, and never holds; {LEAVE}"),
    ('expression: "1/0 == 1"', f"expression: looks at nothing of the call, and never holds; {LEAVE}"),
    (
        "expression: \"['a'].all(x, ['b'].exists(y, y == service))\"",
        (
            "expression: all, exists, exists_one, map and filter are not asked inside one another, since that may take too long"
            " to be answered; write the inner one out, as x == 'a' || x == 'b'"
        ),
    ),
    ("expression: ~", "expression: has no value; write one, or leave the key out"),
    ("source: ~", "source: has no value; write one, or leave the key out"),
]
MATCHING = [(http(match), MATCH + said) for match, said in _MATCHES]
"""What a route matches."""

_HOSTS = [
    (["{name: a, domains: [1], routes: []}"], 8, f"[0].domains[0]: must be a domain, not the number 1; {DOMAIN}"),
    (
        ['{name: a, domains: ["a.test:x"], routes: []}'],
        8,
        "[0].domains[0]: 'a.test:x' has no port behind its colon; write 1 to 65535 there",
    ),
    (
        ['{name: a, domains: ["a.test:0"], routes: []}'],
        8,
        "[0].domains[0]: 'a.test:0' has no port behind its colon; write 1 to 65535 there",
    ),
    (
        ['{name: a, domains: ["a.*.b"], routes: []}'],
        8,
        "[0].domains[0]: 'a.*.b' has an asterisk in its midst; write it at the beginning or at the end",
    ),
    (
        ['{name: a, domains: ["*.a.*"], routes: []}'],
        8,
        "[0].domains[0]: '*.a.*' has two asterisks; write one, at the beginning or at the end",
    ),
    (['{name: a, domains: ["*/a"], routes: []}'], 8, f"[0].domains[0]: '*/a' is no domain; {DOMAIN}"),
    (['{name: a, domains: ["*.a."], routes: []}'], 8, "[0].domains[0]: '*.a.' ends with a dot; write *.a"),
    (['{name: a, domains: ["http://a"], routes: []}'], 8, f"[0].domains[0]: 'http://a' is a URL; {HOST}"),
    (
        ['{name: a, domains: ["::1"], routes: []}'],
        8,
        "[0].domains[0]: '::1' is an IPv6 address; write it in brackets and quotes: '[::1]'",
    ),
    (
        ['{name: a, domains: ["[::1"], routes: []}'],
        8,
        "[0].domains[0]: '[::1' is no IPv6 address; write it in brackets, as '[::1]'",
    ),
    (['{name: a, domains: ["a b"], routes: []}'], 8, f"[0].domains[0]: 'a b' is no host; {HOST}"),
    (["{name: a, domains: []}"], 8, "[0].domains: the list is empty; write the domains, or * for every one"),
    (["{name: a}"], 8, '[0].domains: is missing; write domains: ["shop.example.com", "*.shop.example.com"]'),
    (["{domains: a}"], 8, "[0].name: is missing; write name: shop"),
    (["{name: a/b, domains: a}"], 8, "[0].name: 'a/b' has a /, behind which metrics have the route's name; write another name"),
    (
        ["{name: a, domains: [a.test, A.test], routes: [{cluster: echo}]}"],
        8,
        "[0].domains[1]: a.test is also a domain of routes.main.virtual_hosts[0]; write it once",
    ),
    (
        ["{name: a, domains: a.test, routes: [{cluster: echo}]}",
         '{name: b, domains: ["*", a.test], routes: [{cluster: echo}]}'],
        9,
        "[1].domains[1]: a.test is also a domain of routes.main.virtual_hosts[0]; write it once",
    ),
    (
        ['{name: a, domains: "*", routes: [{cluster: echo}]}', '{name: a, domains: "b", routes: [{cluster: echo}]}'],
        9,
        "[1].name: 'a' is also the name of routes.main.virtual_hosts[0]; write another",
    ),
    (
        ["{name: a, domains: a, routes: [{cluster: ecco}]}"],
        8,
        "[0].routes[0].cluster: there is no cluster 'ecco'; did you mean echo?",
    ),
    (
        ["{name: a, domains: a, routes: [{match: {path: /}, cluster: echo, name: x}, {cluster: echo, name: x}]}"],
        8,
        "[0].routes[1].name: 'x' is also the name of routes.main.virtual_hosts[0].routes[0]; write another",
    ),
    (
        ["{name: a, domains: a, routes: [{cluster: echo, match: {paht: /}}]}"],
        8,
        "[0].routes[0].match.paht: there is no such key; did you mean path?",
    ),
    (["{name: a, domains: a, route: []}"], 8, "[0].route: there is no such key; did you mean routes?"),
    (
        ["5"],
        8,
        ("[0]: must be a mapping, not the number 5; "
         "write a mapping with name, domains, routes, request_headers, response_headers, timeout, retry, filters"),
    ),
    (["{name: a, domains: {}}"], 8, "[0].domains: must be a list, not a mapping; write one item a line, each after a dash"),
]


def hosted(hosts: list[str]) -> str:
    """The smallest file with virtual hosts instead of its routes (from line 8 on)."""
    return edited(ROUTES, "    virtual_hosts:\n" + "".join(f"      - {host}\n" for host in hosts))


HOSTED = [
    *((hosted(hosts), f"{line}: routes.main.virtual_hosts{said}") for hosts, line, said in _HOSTS),
    (http(f"headers: {{{MANY_KEYS}}}"), "6: routes.main: looks at 49 keys of each call; write at most 48 in one table"),
    (
        edited(ROUTES, "    virtual_hosts: []\n"),
        "7: routes.main.virtual_hosts: the list is empty; write a virtual host, or a list of routes instead of virtual_hosts",
    ),
]
"""Virtual hosts."""
