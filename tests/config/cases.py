"""One mistake each, and the one line that is said about it."""

from __future__ import annotations

from tests.config.fakes import SMALLEST


def edited(old: str, new: str) -> str:
    assert old in SMALLEST
    return SMALLEST.replace(old, new, 1)


def cluster(line: str) -> str:
    """The smallest file with one line more in its cluster (line 12)."""
    return SMALLEST + f"    {line}\n"


def listener(line: str) -> str:
    """The smallest file with one line more in its listener (line 5)."""
    return edited("    routes: main\n", f"    routes: main\n    {line}\n")


def match(conditions: str) -> str:
    """The smallest file with other conditions on the key k (line 7)."""
    return edited('{service: "com.test.EchoService:1.0"}', f"{{k: {conditions}}}")


def http(conditions: str) -> str:
    """The smallest file with other conditions (line 7)."""
    return edited('match: {headers: {service: "com.test.EchoService:1.0"}}', f"match: {{{conditions}}}")


MATCH = "7: routes.main[0].match."
HOST = "write a name (shop.example.com), or *.example.com for all names below one"
ADDRESS = "write IP:PORT, [IPv6]:PORT or unix:/path"
DURATION = "write seconds (1.5) or a number with us, ms, s, m or h (250ms)"
SIZE = "write bytes (65536) or a number with KiB, MiB, GiB, kB, MB or GB (64KiB)"
NETWORK = "write a network (10.0.0.0/8), an address (10.0.0.1), or unix"
KINDS = "exact, prefix, suffix, contains, regex, range, present"
VARIABLE = "write ${VAR}, ${VAR:-default}, or $${ for a plain ${"

ONE = [
    # what YAML says
    ("", "1: the file is empty; write listeners, routes and clusters"),
    (
        "- 1",
        (
            "1: must be a mapping, not a list; write a mapping with listeners, routes, clusters, secrets, protocol_specs,"
            " protocol_options, admin, workers, drain_timeout"
        ),
    ),
    (
        "a: 1\n---\nb: 2\n",
        "2: not YAML: expected a single document in the stream, but found another document; write one document, without ---",
    ),
    (
        "a: 'x",
        (
            "1: not YAML: while scanning a quoted scalar, found unexpected end of stream; check the indentation,"
            " and quote text that contains : # [ { or $"
        ),
    ),
    (
        "a:\n\tb: 1\n",
        (
            "2: not YAML: while scanning for the next token, found character that cannot start any token;"
            " indent with spaces, not tabs"
        ),
    ),
    (
        "a: [::1]:80",
        (
            "1: not YAML: while parsing a flow node, did not find expected node content;"
            " write an IPv6 address in quotes: '[::1]:9200'"
        ),
    ),
    # keys
    (SMALLEST + "clusters: {}\n", "12: clusters: written twice (first in line 9); write it once"),
    (cluster("hosts: []"), "12: clusters.echo.hosts: written twice (first in line 11); write it once"),
    (SMALLEST + "worker: 2\n", "12: worker: there is no such key; did you mean workers?"),
    (
        cluster("zzz: 1"),
        (
            "12: clusters.echo.zzz: there is no such key; write one of: lb, subsets, hosts, pool, http, grpc_web, timeout,"
            " connect_timeout, idle_timeout, max_connections, max_pending, max_in_flight, out_buffer_limit,"
            " health_check, tls, tls_matches, keepalive, backoff, retry_budget"
        ),
    ),
    (SMALLEST + "servers: []\n", "12: servers: this is MOSN's configuration; write listeners, routes and clusters"),
    (
        SMALLEST + "static_resources: {}\n",
        "12: static_resources: this is Envoy's configuration; write listeners, routes and clusters",
    ),
    (edited("    routes: main\n", ""), "2: listeners[0].routes: is missing; write routes: main"),
    (
        edited("    hosts: [127.0.0.1:9100]\n", "    lb: random\n"),
        '10: clusters.echo.hosts: is missing; write hosts: ["127.0.0.1:9100", {"address": "unix:/run/echo.sock"}]',
    ),
    (SMALLEST + "? [a]\n: 1\n", "12: ?: a key must be text; write key: value"),
    # types
    (
        edited("  main:\n", "  main: 3\n  other:\n"),
        "6: routes.main: must be a list, not the number 3; write one item a line, each after a dash",
    ),
    (
        cluster("keepalive:"),
        "12: clusters.echo.keepalive: must be a mapping, not nothing; write a mapping with interval, timeout, misses",
    ),
    (
        edited("[127.0.0.1:9100]", "[9100]"),
        "11: clusters.echo.hosts[0]: must be text, not the number 9100; write text, in quotes if it looks like anything else",
    ),
    (cluster("max_connections: two"), "12: clusters.echo.max_connections: must be a whole number, not 'two'; write 1 to 1024"),
    (cluster("max_connections: 0"), "12: clusters.echo.max_connections: 0 is out of range; write 1 to 1024"),
    (
        cluster("max_in_flight: true"),
        "12: clusters.echo.max_in_flight: must be a whole number, not true (true or false); write 1 to 1000000",
    ),
    (SMALLEST + "workers: 1000\n", "12: workers: 1000 is out of range; write 1 to 64"),
    (
        cluster("http: auto"),
        "10: clusters.echo: http: auto asks by ALPN, which is part of TLS; write tls, or http1 or http2",
    ),
    (
        cluster("grpc_web: false"),
        "10: clusters.echo: grpc_web is for hosts that speak HTTP/2; write http: http2, or leave grpc_web out",
    ),
    (
        cluster("http: http2\n    grpc_web: 1"),
        "13: clusters.echo.grpc_web: must be true or false, not the number 1; write true or false",
    ),
    (cluster("lb: round_robbin"), "12: clusters.echo.lb: 'round_robbin' is none of the choices; did you mean round_robin?"),
    (cluster("timeout: 3 s"), f"12: clusters.echo.timeout: '3 s' is no duration; {DURATION}"),
    (cluster("timeout: []"), f"12: clusters.echo.timeout: must be a duration, not a list; {DURATION}"),
    (cluster("timeout: 0"), "12: clusters.echo.timeout: 0 is out of range; write between 0.001s and 604800s"),
    (cluster("timeout: .inf"), "12: clusters.echo.timeout: inf is out of range; write between 0.001s and 604800s"),
    (cluster("out_buffer_limit: 12 KB"), f"12: clusters.echo.out_buffer_limit: '12 KB' is no size; {SIZE}"),
    (cluster("out_buffer_limit: 1.5"), f"12: clusters.echo.out_buffer_limit: must be a size, not the number 1.5; {SIZE}"),
    (
        cluster("out_buffer_limit: 9GiB"),
        "12: clusters.echo.out_buffer_limit: 9GiB is out of range; write between 1 and 2147483648 bytes",
    ),
    (
        cluster("backoff: {base: 2s, max: 1s}"),
        "12: clusters.echo.backoff: base (2s) is over max (1s); write a base of at most max",
    ),
    # whether hosts are well
    (
        cluster("health_check: {grpc: {}}"),
        "10: clusters.echo: health_check asks by gRPC, and the hosts do not speak it; write http: http2, or leave it out",
    ),
    (cluster("health_check: {}"), "12: clusters.echo.health_check: says no kind of check; write grpc: {}"),
    (cluster("health_check:"), "12: clusters.echo.health_check: has no value; write one, or leave the key out"),
    (cluster("health_check: {grpc: }"), "12: clusters.echo.health_check.grpc: has no value; write one, or leave the key out"),
    (
        cluster("health_check: {tcp: {}}"),
        ("12: clusters.echo.health_check.tcp: checks by connecting are not there yet; write grpc, for hosts that speak it"),
    ),
    (
        cluster("health_check: {http: {path: /healthz}}"),
        "12: clusters.echo.health_check.http: checks by HTTP are not there yet; write grpc, for hosts that speak it",
    ),
    (
        cluster("health_check: {heartbeat: {}}"),
        (
            "12: clusters.echo.health_check.heartbeat: checks by heartbeats are not there yet;"
            " those of keepalive close connections"
        ),
    ),
    (
        cluster("health_check: {grpc_health_check: {}}"),
        "12: clusters.echo.health_check.grpc_health_check: this is Envoy's; write grpc: {service: ..., authority: ...}",
    ),
    (
        cluster("health_checks: []"),
        "12: clusters.echo.health_checks: is one in number; write health_check: {grpc: {}}",
    ),
    (
        cluster("health_check: {grpc: {service_name: x}}"),
        "12: clusters.echo.health_check.grpc.service_name: is Envoy's; write service",
    ),
    (
        cluster("health_check: {grpc: {service: 1}}"),
        '12: clusters.echo.health_check.grpc.service: must be text, not the number 1; write it in quotes: "1"',
    ),
    (
        cluster(f"health_check: {{grpc: {{service: {'x' * 201}}}}}"),
        "12: clusters.echo.health_check.grpc.service: the name has 201 characters; write at most 200",
    ),
    (
        cluster("health_check: {grpc: {authority: a/b}}"),
        ("12: clusters.echo.health_check.grpc.authority: 'a/b' is no host; write carts.example.com or carts.example.com:443"),
    ),
    (
        cluster('health_check: {grpc: {authority: "a:65536"}}'),
        (
            "12: clusters.echo.health_check.grpc.authority: 'a:65536' is no host;"
            " write carts.example.com or carts.example.com:443"
        ),
    ),
    (
        cluster("health_check: {grpc: {authority: []}}"),
        "12: clusters.echo.health_check.grpc.authority: must be a host, not a list; write carts.example.com, or leave it out",
    ),
    (
        cluster("health_check: {grpc: {}, unhealthy_threshold: 0}"),
        "12: clusters.echo.health_check.unhealthy_threshold: 0 is out of range; write 1 to 100",
    ),
    (
        cluster("health_check: {grpc: {}, panic_threshold: 101}"),
        "12: clusters.echo.health_check.panic_threshold: 101 is out of range; write 0 to 100",
    ),
    # who may say where a connection comes from, and where strangers go
    (
        listener("proxy_protocol: []"),
        "5: listeners[0].proxy_protocol.trusted: the list is empty; write whom to trust, or leave proxy_protocol out",
    ),
    (
        listener("proxy_protocol: [10.0.0.1/8]"),
        "5: listeners[0].proxy_protocol.trusted[0]: '10.0.0.1/8' has bits beyond its prefix; write 10.0.0.0/8",
    ),
    (
        listener("proxy_protocol: {trusted: [lan]}"),
        f"5: listeners[0].proxy_protocol.trusted[0]: 'lan' is no network; {NETWORK}",
    ),
    (
        listener("proxy_protocol: [10]"),
        f"5: listeners[0].proxy_protocol.trusted[0]: must be a network, not the number 10; {NETWORK}",
    ),
    (
        listener("proxy_protocol: {required: true}"),
        '5: listeners[0].proxy_protocol.trusted: is missing; write trusted: ["10.0.0.0/8", "unix"]',
    ),
    (
        listener("proxy_protocol: 10.0.0.0/8"),
        "5: listeners[0].proxy_protocol: must be a mapping, not '10.0.0.0/8'; write a mapping with trusted, required",
    ),
    (listener("fallback: echo"), "5: listeners[0].fallback: 'echo' is no fallback; write close, or {cluster: echo}"),
    (
        listener("fallback: {cluster: ecco}"),
        "5: listeners[0].fallback.cluster: there is no cluster 'ecco'; did you mean echo?",
    ),
    (
        listener("access_log: ''"),
        "5: listeners[0].access_log: '' names no file; write a path, as /var/log/xproto/access.log",
    ),
    (
        listener("access_log: logs/"),
        "5: listeners[0].access_log: 'logs/' names no file; write a path, as /var/log/xproto/access.log",
    ),
    (
        listener("access_log: {path: x, format: xml}"),
        "5: listeners[0].access_log.format: 'xml' is none of the choices; write one of: json, text",
    ),
    (
        listener("access_log: {format: text}"),
        "5: listeners[0].access_log.path: is missing; write path: /var/log/xproto/access.log",
    ),
    (
        listener("access_log: true"),
        (
            "5: listeners[0].access_log: must be text, not true (true or false);"
            " write text, in quotes if it looks like anything else"
        ),
    ),
    (
        listener("access_log:"),
        "5: listeners[0].access_log: has no value; write one, or leave the key out",
    ),
    (
        edited(
            "    routes: main\n",
            "    routes: main\n    access_log: logs/x\n"
            "  - {name: b, address: 127.0.0.1:1, routes: main, access_log: {path: ./logs/../logs/x, format: text}}\n",
        ),
        (
            "6: listeners[1].access_log.format: text, but listeners[0] writes json to the same file;"
            " write one format, or another path"
        ),
    ),
    (listener("fallback: {}"), "5: listeners[0].fallback.cluster: is missing; write cluster: tcp"),
    # names
    (
        edited("name: mesh", "name: my mesh"),
        "2: listeners[0].name: 'my mesh' is no name; write one or more characters without spaces",
    ),
    (edited("name: mesh", "name: 5"), "2: listeners[0].name: must be a name, not the number 5; write it in quotes"),
    (
        edited("  echo:\n", "  e o: {hosts: []}\n  echo:\n"),
        "10: clusters[\"e o\"]: 'e o' is no name; write one or more characters without spaces",
    ),
    # addresses
    (
        edited("127.0.0.1:9100", "localhost:9100"),
        "11: clusters.echo.hosts[0]: 'localhost' is a name, and names are not resolved; write its IP address (127.0.0.1)",
    ),
    (
        edited("127.0.0.1:9100", "echo.svc:9100"),
        "11: clusters.echo.hosts[0]: 'echo.svc' is a name, and names are not resolved; write its IP address",
    ),
    (edited("127.0.0.1:9100", "10.0.0.1"), f"11: clusters.echo.hosts[0]: '10.0.0.1' has no port; {ADDRESS}"),
    (edited("127.0.0.1:9100", "10.0.0.1:0"), "11: clusters.echo.hosts[0]: port 0 is out of range; write 1 to 65535"),
    (edited("127.0.0.1:9100", "10.0.0.1:99999"), "11: clusters.echo.hosts[0]: port 99999 is out of range; write 1 to 65535"),
    (
        edited("127.0.0.1:9100", "10.0.0:9"),
        "11: clusters.echo.hosts[0]: '10.0.0' is no IPv4 address; write IP:PORT, as 127.0.0.1:9",
    ),
    (
        edited("127.0.0.1:9100", "'*:9'"),
        (
            "11: clusters.echo.hosts[0]: the address is missing before the port; write"
            " 127.0.0.1:9, or 0.0.0.0:9 for all interfaces"
        ),
    ),
    (
        edited("127.0.0.1:9100", "'[::g]:9'"),
        "11: clusters.echo.hosts[0]: '::g' is no IPv6 address; write [IPv6]:PORT, as [::1]:9",
    ),
    (
        edited("127.0.0.1:9100", "'[fe80::1%eth0]:9'"),
        "11: clusters.echo.hosts[0]: 'fe80::1%eth0' has a zone, which is not supported; write the address without %eth0",
    ),
    (
        edited("127.0.0.1:9100", "'::1:9'"),
        "11: clusters.echo.hosts[0]: '::1:9' is ambiguous; write an IPv6 address in brackets and quotes: '[::1]:9200'",
    ),
    (
        edited("127.0.0.1:9100", "http://10.0.0.1:9"),
        (
            "11: clusters.echo.hosts[0]: 'http://10.0.0.1:9' is ambiguous;"
            " write an IPv6 address in brackets and quotes: '[::1]:9200'"
        ),
    ),
    (edited("127.0.0.1:9100", "unix:run/x"), "11: clusters.echo.hosts[0]: 'run/x' is not an absolute path; write unix:/path"),
    (edited("127.0.0.1:9100", "unix:/" + "x" * 107), "11: clusters.echo.hosts[0]: the path has 108 bytes; write at most 107"),
    (edited("127.0.0.1:9100", "unix:/run/"), "11: clusters.echo.hosts[0]: '/run/' names no socket; write unix:/path"),
    (
        edited("[127.0.0.1:9100]", "[127.0.0.1:1, {address: 127.0.0.1:1}]"),
        "11: clusters.echo.hosts[1]: 127.0.0.1:1 is listed twice; write it once",
    ),
    # references
    (edited("routes: main", "routes: mian"), "4: listeners[0].routes: there is no route table 'mian'; did you mean main?"),
    (edited("cluster: echo", "cluster: web"), "8: routes.main[0].cluster: there is no cluster 'web'; write one of: echo"),
    (
        edited("routes:\n  main", "  - {name: mesh, address: 127.0.0.1:1, routes: main}\nroutes:\n  main"),
        "5: listeners[1].name: 'mesh' is also the name of listeners[0]; write another",
    ),
    (
        edited("routes:\n  main", "  - {name: b, address: 127.0.0.1:9200, routes: main}\nroutes:\n  main"),
        "5: listeners[1].address: 127.0.0.1:9200 is also the address of listeners[0]; write another",
    ),
    (
        SMALLEST + "admin: 127.0.0.1:9200\n",
        "3: listeners[0].address: 127.0.0.1:9200 is also the address of admin; write another",
    ),
    (
        edited("      cluster: echo\n", "      cluster: echo\n    - {cluster: echo, name: '0'}\n"),
        "9: routes.main[1].name: '0' is also the name of routes.main[0]; write another",
    ),
    (
        edited("      cluster: echo\n", "      cluster: echo\n      name: none\n"),
        "9: routes.main[0].name: 'none' is what metrics call no route at all; write another name",
    ),
    # matches
    (
        match("1.0"),
        (
            "7: routes.main[0].match.headers.k: must be text, not the number 1.0; write text, in quotes if it"
            " looks like anything else"
        ),
    ),
    (match("{exact: 1}"), '7: routes.main[0].match.headers.k.exact: must be text, not the number 1; write it in quotes: "1"'),
    (match("{}"), f"7: routes.main[0].match.headers.k: no condition; write one of {KINDS}"),
    (
        match("{exact: a, prefix: b}"),
        f"7: routes.main[0].match.headers.k: exact and prefix together; write one of {KINDS}",
    ),
    (match("{suffix: ''}"), "7: routes.main[0].match.headers.k: an empty suffix matches every value; write present: true"),
    (match("{regex: '('}"), "7: routes.main[0].match.headers.k: RE2 refuses the regex '(': missing ): (; write RE2's syntax"),
    (
        match("{regex: '(?=a)'}"),
        "7: routes.main[0].match.headers.k: RE2 refuses the regex '(?=a)': invalid perl operator: (?=; write RE2's syntax",
    ),
    (
        match("{present: yep}"),
        "7: routes.main[0].match.headers.k.present: must be true or false, not 'yep'; write true or false",
    ),
    (match("{prefixx: a}"), "7: routes.main[0].match.headers.k.prefixx: there is no such key; did you mean prefix?"),
    # matches of HTTP
    (http("path: api"), f"{MATCH}path: a path begins with /; write /api"),
    (http("path: {prefix: ''}"), f"{MATCH}path: a path begins with /; write /"),
    (http("path: {suffix: ''}"), f"{MATCH}path: an empty suffix matches every path; write prefix: /"),
    (http("path: /a?b=c"), f"{MATCH}path: '/a?b=c' is more than a path; write what follows the ? under query"),
    (http("path: /a b"), f"{MATCH}path: '/a b' is never sent so; write it percent-encoded"),
    (http("path: {}"), f"{MATCH}path: no condition; write one of exact, prefix, suffix, regex, template"),
    (
        http("path: {exact: /a, prefix: /b}"),
        f"{MATCH}path: exact and prefix together; write one of exact, prefix, suffix, regex, template",
    ),
    (http("path: {regex: '('}"), f"{MATCH}path: RE2 refuses the regex '(': missing ): (; write RE2's syntax"),
    (http("prefix: /"), f"{MATCH}prefix: belongs under path; write path: {{prefix: ...}}"),
    (http("host: a.test:80"), f"{MATCH}host: 'a.test:80' has a port, and hosts are compared without; write a.test"),
    (http("host: '[::1]:80'"), f"{MATCH}host: '[::1]:80' has a port, and hosts are compared without; write '[::1]'"),
    (http("host: '::1'"), f"{MATCH}host: '::1' is an IPv6 address; write it in brackets and quotes: '[::1]'"),
    (http("host: '[a]'"), f"{MATCH}host: '[a]' is no IPv6 address; write it in brackets, as '[::1]'"),
    (http("host: [a.test, '*']"), f"{MATCH}host[1]: * stands for every host; leave host out"),
    (http("host: 'a.*'"), f"{MATCH}host: 'a.*' is no host; {HOST}"),
    (http("host: http://a.test"), f"{MATCH}host: 'http://a.test' is a URL; {HOST}"),
    (http("host: a.test/b"), f"{MATCH}host: 'a.test/b' has a path, which is no part of a host; write it under path"),
    (http("host: A.test."), f"{MATCH}host: 'A.test.' ends with a dot; write a.test"),
    (http("host: bü.test"), f"{MATCH}host: 'bü.test' is not ASCII, and clients send ASCII; write it in its xn-- form"),
    (http("host: [5]"), f"{MATCH}host[0]: must be a host, not the number 5; {HOST}"),
    (http("host: []"), f"{MATCH}host: the list is empty; write a host, or leave it out"),
    (http("host: {}"), f"{MATCH}host: must be a host, not a mapping; write one host, or a list of them"),
    (http(f"host: {['a'] * 101}"), f"{MATCH}host: there are 101; write at most 100, and a route for the others"),
    (http("http_method: get"), f"{MATCH}http_method: 'get' is not the method GET, case counts; write GET"),
    (http("http_method: [GET, '']"), f"{MATCH}http_method[1]: '' is no method; write GET, or a list of methods"),
    (http("http_method: [1]"), f"{MATCH}http_method[0]: must be a method, not the number 1; write GET, or a list of methods"),
    (
        http("method: GET"),
        f"{MATCH}method: is the method of a call, and GET is one of HTTP; write http_method: GET",
    ),
    (
        http("query: {a=b: x}"),
        f"{MATCH}query.a=b: 'a=b' is no parameter's name; write it as it is sent, percent-encoded",
    ),
    (http("query: {a: {}}"), f"{MATCH}query.a: no condition; write one of {KINDS}"),
    # what a listener does with HTTP
    (listener("http: {trusted: [lan]}"), f"5: listeners[0].http.trusted[0]: 'lan' is no network; {NETWORK}"),
    (
        listener("http: {upgrades: [websocket, H2C]}"),
        "5: listeners[0].http.upgrades[1]: h2c would carry requests past all routes; leave it out",
    ),
    (
        listener("http: {upgrades: ['a b']}"),
        "5: listeners[0].http.upgrades[0]: 'a b' is no protocol's name; write websocket",
    ),
    (
        listener("http: {upgrades: [1]}"),
        "5: listeners[0].http.upgrades[0]: must be a protocol, not the number 1; write websocket",
    ),
    (
        listener("http: {via: my proxy}"),
        """5: listeners[0].http.via: 'my proxy' cannot stand in Via; write letters, digits, - and ., or "" for no Via""",
    ),
    (
        listener("http: {via: false}"),
        """5: listeners[0].http.via: must be a name, not false (true or false); write xproto, or "" for no Via""",
    ),
    (
        listener("http: {header_timeout: 0}"),
        "5: listeners[0].http.header_timeout: 0 is out of range; write between 0.001s and 604800s",
    ),
    # protocols
    (listener("protocols: [bolt, dubo]"), "5: listeners[0].protocols[1]: there is no protocol 'dubo'; did you mean dubbo?"),
    (listener("protocols: http1"), "5: listeners[0].protocols: there is no protocol 'http1'; write one of: auto, dubbo, bolt"),
    (listener("protocols: []"), "5: listeners[0].protocols: the list is empty; write auto, or the protocols to detect"),
    (
        listener("protocols: [auto, bolt]"),
        "5: listeners[0].protocols: auto stands for every protocol; write auto alone, or the list without it",
    ),
    (listener("protocols: [bolt, bolt]"), "5: listeners[0].protocols: 'bolt' is listed twice; write it once"),
    (
        listener("protocols: {}"),
        "5: listeners[0].protocols: must be protocols, not a mapping; write auto, one name, or a list of names",
    ),
    (
        SMALLEST + "protocol_options: {dubo: {}}\n",
        "12: protocol_options.dubo: there is no protocol 'dubo'; did you mean dubbo?",
    ),
    (SMALLEST + "protocol_options: {bolt: {wrong: 1}}\n", "12: protocol_options.bolt: no option 'wrong'; see xproto explain"),
    (
        SMALLEST + "protocol_options: {bolt: {a: [.nan]}}\n",
        "12: protocol_options.bolt: nan cannot be passed on; write a finite number",
    ),
    (
        SMALLEST + "protocol_specs: [./no.py]\n",
        "12: protocol_specs[0]: there is no file no.py; write a path relative to this file",
    ),
    # admin
    (
        SMALLEST + "admin: 0.0.0.0:9901\n",
        (
            "12: admin: 0.0.0.0:9901 can be reached from other machines; write"
            " 127.0.0.1:PORT, or {address: ..., allow_remote: true}"
        ),
    ),
    (SMALLEST + "admin: {allow_remote: true}\n", "12: admin.address: is missing; write address: 127.0.0.1:9901"),
    # variables
    (
        edited("[127.0.0.1:9100]", "['${HOST}']"),
        "11: clusters.echo.hosts[0]: the variable HOST is not set; set it, or write ${HOST:-default}",
    ),
    (edited("[127.0.0.1:9100]", "['${']"), f"11: clusters.echo.hosts[0]: '${{' is not closed; {VARIABLE}"),
    (edited("[127.0.0.1:9100]", "['${1}']"), f"11: clusters.echo.hosts[0]: '${{1}}' names no variable; {VARIABLE}"),
    (SMALLEST + "workers: ${WORKERS:-two}\n", "12: workers: must be a whole number, not 'two'; write 1 to 64"),
]
