"""One mistake each in what a route does, and the one line that is said about it."""

from __future__ import annotations

from tests.config.fakes import SMALLEST

ONE_OF = "write one of cluster, clusters, cluster_from, redirect, direct_response"
GRPC = "write 0 to 16, or a name (unavailable)"
PATH = "write one that begins with /, in ASCII, without spaces and #"
PARTS = "write 0 to 100, fractions too (0.5)"
NO_SHADOW = "there is no cluster 'shadow'; write one of: echo, other"


def route(action: str, match: str = "{}", protocols: str = "auto") -> str:
    """The smallest file with a second cluster, and another route: its match on line 8, its action on line 9."""
    return (
        SMALLEST.replace("    routes: main\n", f"    routes: main\n    protocols: {protocols}\n", 1)
        .replace('match: {headers: {service: "com.test.EchoService:1.0"}}', f"match: {match}", 1)
        .replace("cluster: echo", action, 1)
        + "  other:\n    hosts: [127.0.0.1:9101]\n"
    )


HERE = "8: routes.main[0]"
THERE = "9: routes.main[0]"

ONE = [
    (route("name: x"), f"{HERE}: nothing says where its calls go; {ONE_OF}"),
    (
        route("cluster: echo\n      redirect: {host: a}"),
        f"{HERE}: cluster and redirect together; {ONE_OF}",
    ),
    # weighted clusters
    (route("clusters: [{name: echo, weight: 0}]"), f"{HERE}: clusters: no cluster gets any call; write a weight above 0"),
    (route("clusters: []"), f"{HERE}: clusters: no cluster gets any call; write a weight above 0"),
    (route("clusters: [{name: echo}]"), f"{THERE}.clusters[0].weight: is missing; write weight: 90"),
    (route("clusters: [{name: echo, weight: -1}]"), f"{THERE}.clusters[0].weight: -1 is out of range; write 0 to 1000000"),
    (
        route("clusters: [{name: echo, weight: 1}, {name: echo, weight: 2}]"),
        f"{HERE}: clusters: 'echo' is listed twice; write it once",
    ),
    (route("clusters: [{name: shadow, weight: 1}]"), f"{THERE}.clusters[0].name: {NO_SHADOW}"),
    (
        route("weighted_clusters: []\n      cluster: echo"),
        f"{THERE}.weighted_clusters: are called clusters here; write clusters: [{{name: ..., weight: ...}}]",
    ),
    # a cluster that the call names
    (
        route("cluster_from: {default: echo}"),
        f"{THERE}.cluster_from: nothing names the cluster; write one of header, variable, metadata",
    ),
    (
        route("cluster_from: {header: x, variable: protocol}"),
        f"{THERE}.cluster_from: header and variable together; write one of header, variable, metadata",
    ),
    (
        route("cluster_from: {variable: protocl}"),
        f"{THERE}.cluster_from.variable: there is no variable 'protocl'; did you mean protocol?",
    ),
    (
        route("cluster_from: {metadata: a b}"),
        f"{THERE}.cluster_from.metadata: 'a b' is no name of metadata; write letters, digits, _, - and .",
    ),
    (route("cluster_from: {header: x, default: shadow}"), f"{THERE}.cluster_from.default: {NO_SHADOW}"),
    (
        route("cluster_from: tls.sn"),
        f"{THERE}.cluster_from: 'tls.sn' is nothing that is known of TLS; did you mean tls.sni?",
    ),
    # redirects
    (
        route("redirect: {status: 302}"),
        f"{THERE}.redirect: it leads to where the request came from; write one of scheme, host, port, path, prefix",
    ),
    (route("redirect: {path: /a, prefix: /b}"), f"{THERE}.redirect: path and prefix together; write one of them"),
    (
        route("redirect: {status: 300, path: /a}"),
        f"{THERE}.redirect.status: the number 300 is none of the choices; did you mean 308?",
    ),
    (route("redirect: {scheme: ftp}"), f"{THERE}.redirect.scheme: 'ftp' is none of the choices; write one of: http, https"),
    (route("redirect: {host: '*.a.b'}"), f"{THERE}.redirect.host: '*.a.b' is many hosts; write the one to go to"),
    (route("redirect: {host: 'a:1'}"), f"{THERE}.redirect.host: 'a:1' has a port, and hosts are compared without; write a"),
    (route("redirect: {port: 0}"), f"{THERE}.redirect.port: 0 is out of range; write 1 to 65535"),
    (
        route('redirect: {path: "/a b"}'),
        f"{THERE}.redirect.path: '/a b' is no path; {PATH}",
    ),
    (
        route(r'redirect: {path: "/a\r\nSet-Cookie: x"}'),
        f"{THERE}.redirect.path: '/a\\r\\nSet-Cookie: x' is no path; {PATH}",
    ),
    (
        route("redirect: {prefix: /v2/}", "{path: {exact: /v1/}}"),
        f"{HERE}: redirect.prefix stands for what match.path.prefix matched; write that, or redirect.path",
    ),
    (
        route("redirect: {response_code: 302, path: /a}"),
        f"{THERE}.redirect.response_code: is called status here; write status: 302",
    ),
    (
        route("redirect: {path: /a}", protocols="[bolt, dubbo]"),
        f"{THERE}.redirect: is HTTP's alone, and what has this table speaks bolt, dubbo; write direct_response",
    ),
    (
        route("redirect: {path: /a}\n      timeout: 1s"),
        f"{HERE}: timeout beside redirect, by which no call goes anywhere; leave it out",
    ),
    # direct responses
    (route("direct_response: {status: 100}"), f"{THERE}.direct_response.status: 100 is out of range; write 200 to 599"),
    (
        route("direct_response: {status: 204, body: x}"),
        f"{THERE}.direct_response: an answer with status 204 has no body; leave it out",
    ),
    (
        route("direct_response: {status: 503, body: x, body_file: LICENSE}"),
        f"{THERE}.direct_response: body and body_file together; write one of them",
    ),
    (
        route("direct_response: {status: 503, body: '" + "x" * 65537 + "'}"),
        f"{THERE}.direct_response: the body has over 65536 bytes; write a shorter one",
    ),
    (
        route("direct_response: {status: 503, body_file: nowhere.txt}"),
        (
            f"{THERE}.direct_response.body_file: nowhere.txt cannot be read (No such file or directory);"
            " write a path relative to this file"
        ),
    ),
    (
        route("direct_response: {status: 503, grpc_status: 17}"),
        f"{THERE}.direct_response.grpc_status: 17 is no status of gRPC; {GRPC}",
    ),
    (
        route("direct_response: {status: 503, grpc_status: gone}"),
        f"{THERE}.direct_response.grpc_status: 'gone' is no status of gRPC; {GRPC}",
    ),
    (
        route("direct_response: {status: 503, fault: busy}"),
        (
            f"{THERE}.direct_response.fault: 'busy' is none of the choices;"
            " write one of: no_route, no_host, connect, overload, timeout, closed, malformed"
        ),
    ),
    (
        route("direct_response: {status: 503}\n      mirror: [echo]"),
        f"{HERE}: mirror beside direct_response, by which no call goes anywhere; leave it out",
    ),
    # mirrors
    (route("cluster: echo\n      mirror: [shadow]"), f"10: routes.main[0].mirror[0]: {NO_SHADOW}"),
    (route("cluster: echo\n      mirror: [{cluster: shadow}]"), f"10: routes.main[0].mirror[0].cluster: {NO_SHADOW}"),
    (
        route("cluster: echo\n      mirror: [echo]"),
        f"{HERE}: mirror: 'echo' would get its own calls twice; write another cluster",
    ),
    (route("cluster: echo\n      mirror: [other, other]"), f"{HERE}: mirror: 'other' is listed twice; write it once"),
    (
        route("cluster: echo\n      mirror: [{cluster: other, percent: 101}]"),
        f"10: routes.main[0].mirror[0].percent: the number 101 is no part of the calls; {PARTS}",
    ),
    (
        route("cluster: echo\n      mirror: [{cluster: other, percent: .nan}]"),
        f"10: routes.main[0].mirror[0].percent: the number nan is no part of the calls; {PARTS}",
    ),
    (
        route("cluster: echo\n      request_mirror_policies: {cluster: other}"),
        "10: routes.main[0].request_mirror_policies: is called mirror here; write mirror: [{cluster: ..., percent: ...}]",
    ),
]
