"""Of TLS: one mistake each, and the one line that is said about it."""

from __future__ import annotations

SMALL = """\
secrets:
  web: {certificate: web.crt, private_key: web.key}
  roots: {ca: ca.pem}
  far: {provider: vault}
listeners:
  - name: mesh
    address: 127.0.0.1:9443
    routes: main
    tls: {certificates: web}
routes:
  main: [{cluster: echo}]
clusters:
  echo:
    hosts: [127.0.0.1:9100]
"""


def edited(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new, 1)


def secret(inside: str) -> str:
    """The small file with another secret (line 3)."""
    return edited("  far:", f"  own: {{{inside}}}\n  far:").replace("  roots: {ca: ca.pem}\n", "", 1)


def server(inside: str) -> str:
    """The small file with more in its listener's tls (line 9)."""
    return edited("{certificates: web}", f"{{certificates: web, {inside}}}")


def client(inside: str) -> str:
    """The small file with something wanted of clients (line 9)."""
    return server(f"client: {{{inside}}}")


def san(condition: str) -> str:
    """The small file with a condition on clients' names (line 9)."""
    return client(f"ca: roots, san: [{condition}]")


def chains(*inside: str, tls: str = "") -> str:
    """The small file with filter chains, one a line (from line 10 on), and perhaps a tls (line 8)."""
    listed = "".join(f"      - {{{each}}}\n" for each in inside)
    return edited("    tls: {certificates: web}\n", f"    # {tls}\n    filter_chains:\n{listed}".replace("# tls", "tls"))


def match(inside: str) -> str:
    """The small file with a filter chain that matches (line 11)."""
    return chains(f"match: {{{inside}}}, tls: {{certificates: web}}")


def cluster(*lines: str) -> str:
    """The small file with lines more in its cluster (from line 15 on)."""
    return SMALL + "".join(f"    {line}\n" for line in lines)


def upstream(inside: str) -> str:
    """The small file with a cluster's tls (line 15)."""
    return cluster(f"tls: {{{inside}}}")


CERTIFIED = "tls: {certificates: web}"
SECRET = "3: secrets.own"
TLS = "9: listeners[0].tls"
CLIENT = "9: listeners[0].tls.client"
SAN = "9: listeners[0].tls.client.san[0]"
CHAIN = "11: listeners[0].filter_chains[0]"
SECOND = "12: listeners[0].filter_chains[1]"
NAMES = "11: listeners[0].filter_chains[0].match.server_names"
UPSTREAM = "15: clusters.echo.tls"
EXCEPTION = "16: clusters.echo.tls_matches[0]"
NO_VALUE = "has no value; write one, or leave the key out"
UNCERTIFIED = "the secret 'roots' has no certificate; name one that has, or write certificate and private_key in it"
SECTION = "write a mapping with certificates, client, alpn, min_version, max_version, ciphers, session_tickets"
CIPHERS = "write OpenSSL's names of TLS 1.2's, as ECDHE+AESGCM"
UNNAMED = "no name is given that a host's certificate must have; write server_name or san, or verify: false"
EXACT = "write a name (a.example.com), an address (10.0.0.1) or a mailbox"
URI = "write spiffe://domain/path, or spiffe://domain/* for all that begins so"
WILDCARD = "write a name (api.example.com), or *.example.com for all names below one"
ORDER = "min_version (1.3) is over max_version (1.2); write a min_version of at most max_version"
OTHER = "write another match for one of them"
ITEMS = "write one item a line, each after a dash"

ONE_TLS = [
    # secrets
    (secret(""), f"{SECRET}: there is nothing in it; write certificate and private_key, or ca"),
    (secret("certificate: a"), f"{SECRET}: certificate is of no use without private_key; write both"),
    (secret("private_key: a"), f"{SECRET}: private_key is of no use without certificate; write both"),
    (secret("crl: a"), f"{SECRET}: crl is of no use without ca; write both"),
    (secret("certificate: a, private_key: b, crl: c"), f"{SECRET}: crl is of no use without ca; write both"),
    (secret("ca: ''"), f"{SECRET}: ca names no file; write a path relative to this file"),
    (secret("ca: 5"), f'{SECRET}.ca: must be text, not the number 5; write it in quotes: "5"'),
    (secret("ca: ~"), f"{SECRET}.ca: {NO_VALUE}"),
    (secret("ca: [a]"), f"{SECRET}.ca: must be text, not a list; write text"),
    (
        secret("ca: a, settings: {b: c}"),
        f"{SECRET}: settings are for other providers; write which as provider, or files as certificate, private_key, ca, crl",
    ),
    (secret("provider: vault, ca: a"), f"{SECRET}: ca is a file's, not of provider vault; write it under settings"),
    (secret("provider: 5"), f"{SECRET}.provider: must be a name, not the number 5; write it in quotes"),
    (secret("provider: vault, settings: {a: .inf}"), f"{SECRET}.settings: inf cannot be passed on; write a finite number"),
    (
        secret("cert: a"),
        f"{SECRET}.cert: there is no such key; write one of: certificate, private_key, ca, crl, provider, settings",
    ),
    (
        edited("far: {provider: vault}", "far: ca.pem"),
        (
            "4: secrets.far: must be a mapping, not 'ca.pem';"
            " write a mapping with certificate, private_key, ca, crl, provider, settings"
        ),
    ),
    (
        edited("far: {provider: vault}", "'f r': {provider: vault}"),
        """4: secrets["f r"]: 'f r' is no name; write one or more characters without spaces""",
    ),
    # what secrets are named for
    (edited("certificates: web", "certificates: wep"), f"{TLS}.certificates: there is no secret 'wep'; did you mean web?"),
    (
        edited("certificates: web", "certificates: [web, wep]"),
        f"{TLS}.certificates[1]: there is no secret 'wep'; did you mean web?",
    ),
    (edited("certificates: web", "certificates: roots"), f"{TLS}.certificates: {UNCERTIFIED}"),
    (edited("certificates: web", "certificates: []"), f"{TLS}.certificates: the list is empty; write a secret's name"),
    (edited("certificates: web", "certificates: [web, web]"), f"{TLS}.certificates: 'web' is listed twice; write it once"),
    (
        edited("certificates: web", "certificates: 5"),
        f"{TLS}.certificates: must be a secret's name, not the number 5; write one secret's name, or a list of them",
    ),
    (
        edited("certificates: web", "certificates: [5]"),
        f"{TLS}.certificates[0]: must be a name, not the number 5; write it in quotes",
    ),
    (server("certificate: web"), f"{TLS}.certificate: there is no such key; did you mean certificates?"),
    (client("ca: root"), f"{CLIENT}.ca: there is no secret 'root'; did you mean roots?"),
    (client("ca: web"), f"{CLIENT}.ca: the secret 'web' has no ca; name one that has, or write ca in it"),
    (upstream("ca: root, server_name: a.test"), f"{UPSTREAM}.ca: there is no secret 'root'; did you mean roots?"),
    (
        upstream("ca: web, server_name: a.test"),
        f"{UPSTREAM}.ca: the secret 'web' has no ca; name one that has, or write ca in it",
    ),
    (upstream("certificate: roots, server_name: a.test"), f"{UPSTREAM}.certificate: {UNCERTIFIED}"),
    (
        cluster("tls_matches:", "  - {metadata: {a: b}, tls: {certificate: roots, server_name: a.test}}"),
        f"{EXCEPTION}.tls.certificate: {UNCERTIFIED}",
    ),
    (
        SMALL.partition("listeners:")[1] + SMALL.partition("listeners:")[2],
        "5: listeners[0].tls.certificates: there is no secret 'web'; there is none to choose from",
    ),
    # a listener's tls
    (edited("tls: {certificates: web}", "tls:"), f"{TLS}: {NO_VALUE}"),
    (edited("tls: {certificates: web}", "tls: web"), f"{TLS}: must be a mapping, not 'web'; {SECTION}"),
    (edited("tls: {certificates: web}", "tls: {}"), f"{TLS}.certificates: is missing; write certificates: web"),
    (
        edited("tls: {certificates: web}", "plaintext: false"),
        "9: listeners[0].plaintext: without TLS nothing else is taken; write tls or filter_chains, or leave it out",
    ),
    (edited("tls: {certificates: web}", "plaintext:"), f"9: listeners[0].plaintext: {NO_VALUE}"),
    (
        edited("tls: {certificates: web}", "filter_chains: []\n    plaintext: false"),
        "10: listeners[0].plaintext: without TLS nothing else is taken; write tls or filter_chains, or leave it out",
    ),
    (
        edited("tls: {certificates: web}", "tls: {certificates: web}\n    plaintext: no way"),
        "10: listeners[0].plaintext: must be true or false, not 'no way'; write true or false",
    ),
    (
        edited("tls: {certificates: web}", "tls: {certificates: web}\n    handshake_timeout: 0"),
        "10: listeners[0].handshake_timeout: 0 is out of range; write between 0.001s and 604800s",
    ),
    (
        server("private_key: web.key"),
        f"{TLS}.private_key: belongs to a secret; write it there, and the secret's name in certificates",
    ),
    (server("ca: roots"), f"{TLS}.ca: is for clients; write client: {{ca: ...}}"),
    (server("verify: required"), f"{TLS}.verify: is wanted of clients; write client: {{verify: ...}}"),
    (server("san: [a.test]"), f"{TLS}.san: is wanted of clients; write client: {{san: ...}}"),
    (server("alpn: []"), f"{TLS}.alpn: the list is empty; write a protocol, or leave it out"),
    (server("alpn: 5"), f"{TLS}.alpn: must be a protocol, not the number 5; write one protocol, or a list of them"),
    (server("alpn: [http/1.1, '']"), f"{TLS}.alpn[1]: '' is no protocol's name; write http/1.1"),
    (server("alpn: [http/1.1, 1]"), f"{TLS}.alpn[1]: must be a protocol, not the number 1; write http/1.1"),
    (server("alpn: [http/1.1, http/1.1]"), f"{TLS}.alpn: 'http/1.1' is listed twice; write it once"),
    (server("alpn: ~"), f"{TLS}.alpn: {NO_VALUE}"),
    (server("min_version: 1.1"), f"{TLS}.min_version: TLS 1.1 is deprecated and not spoken here; write 1.2 or 1.3"),
    (server("min_version: TLSv1.2"), f"{TLS}.min_version: 'TLSv1.2' is no version of TLS; write 1.2 or 1.3"),
    (server("max_version: [1.3]"), f"{TLS}.max_version: a list is no version of TLS; write 1.2 or 1.3"),
    (server("max_version: ~"), f"{TLS}.max_version: {NO_VALUE}"),
    (server("min_version: 1.3, max_version: 1.2"), f"{TLS}: {ORDER}"),
    (server("ciphers: 5"), f"{TLS}.ciphers: must be a list in one text, not the number 5; {CIPHERS}"),
    (server("ciphers: 'ECDHE+AESGCM:ECDHE+AESGMC'"), f"{TLS}.ciphers: OpenSSL has no cipher 'ECDHE+AESGMC'; {CIPHERS}"),
    (server("ciphers: TLS_AES_128_GCM_SHA256"), f"{TLS}.ciphers: OpenSSL has no cipher 'TLS_AES_128_GCM_SHA256'; {CIPHERS}"),
    (server("ciphers: '!aNULL'"), f"{TLS}.ciphers: no cipher is left of '!aNULL'; {CIPHERS}"),
    (
        server("ciphers: HIGH"),
        f"{TLS}.ciphers: ADH-AES256-GCM-SHA384 among them proves or hides nothing; write HIGH:!aNULL:!eNULL",
    ),
    (
        server("ciphers: 'HIGH:!aNULL:eNULL'"),
        f"{TLS}.ciphers: ECDHE-ECDSA-NULL-SHA among them proves or hides nothing; write HIGH:!aNULL:eNULL:!aNULL:!eNULL",
    ),
    (server("session_tickets: yep"), f"{TLS}.session_tickets: must be true or false, not 'yep'; write true or false"),
    # what is wanted of clients
    (server("client: ~"), f"{CLIENT}: {NO_VALUE}"),
    (
        server("client: required"),
        f"{CLIENT}: must be a mapping, not 'required'; write a mapping with verify, ca, san, verifiers",
    ),
    (client(""), f"{CLIENT}: verify: required needs roots to judge by; write ca, the name of a secret"),
    (client("verify: required"), f"{CLIENT}: verify: required needs roots to judge by; write ca, the name of a secret"),
    (client("verify: optional"), f"{CLIENT}: verify: optional needs roots to judge by; write ca, the name of a secret"),
    (
        client("verify: on, ca: roots"),
        f"{CLIENT}.verify: true (true or false) is none of the choices; write one of: off, optional, required",
    ),
    (client("verify: requird, ca: roots"), f"{CLIENT}.verify: 'requird' is none of the choices; did you mean required?"),
    (
        client("verify: off, san: [a.test]"),
        f"{CLIENT}: san has no effect with verify: off; write verify: required, or leave san out",
    ),
    (
        client("verify: off, verifiers: [spiffe]"),
        f"{CLIENT}: verifiers has no effect with verify: off; write verify: required, or leave verifiers out",
    ),
    (client("ca: ~"), f"{CLIENT}.ca: {NO_VALUE}"),
    (client("ca: roots, san: []"), f"{CLIENT}.san: the list is empty; write whom to accept, or leave san out"),
    (client("ca: roots, san: a.test"), f"{CLIENT}.san: must be a list, not 'a.test'; {ITEMS}"),
    (client("ca: roots, sans: [a.test]"), f"{CLIENT}.sans: there is no such key; did you mean san?"),
    (san("{}"), f"{SAN}: no condition; write one of exact, suffix, uri"),
    (san("{exact: a.test, uri: 'a:b'}"), f"{SAN}: exact and uri together; write one of exact, suffix, uri"),
    (san("5"), f"{SAN}: must be text, not the number 5; write text, in quotes if it looks like anything else"),
    (san("{exact: 5}"), f"{SAN}.exact: must be a name, not the number 5; {EXACT}"),
    (san("{exact: ~}"), f"{SAN}.exact: {NO_VALUE}"),
    (san("'*.a.test'"), f"{SAN}: '*.a.test' is not one name; write suffix: .a.test"),
    (san("spiffe://a/b"), f"{SAN}: 'spiffe://a/b' is a URI; write uri: spiffe://a/b"),
    (san("a b"), f"{SAN}: 'a b' is no name of a certificate; {EXACT}"),
    (san("bü.test"), f"{SAN}: 'bü.test' is no name of a certificate; {EXACT}"),
    (san("{suffix: a.test}"), f"{SAN}.suffix: 'a.test' does not begin with a dot; write .a.test"),
    (san("{suffix: '*.a.test'}"), f"{SAN}.suffix: '*.a.test' does not begin with a dot; write .a.test"),
    (san("{suffix: .}"), f"{SAN}.suffix: '.' is no end of a name; write .example.com"),
    (san("{suffix: 5}"), f"{SAN}.suffix: must be the end of a name, not the number 5; write .example.com"),
    (san("{suffix: ''}"), f"{SAN}.suffix: '' is no end of a name; write .example.com"),
    (san("{uri: a.test}"), f"{SAN}.uri: 'a.test' is no URI; {URI}"),
    (san("{uri: 'spiffe://a/*/b'}"), f"{SAN}.uri: 'spiffe://a/*/b' is no URI; {URI}"),
    (san("{uri: 'spiffe://a*'}"), f"{SAN}.uri: 'spiffe://a*' stands for other domains too; write spiffe://a/*"),
    (san("{uri: '*'}"), f"{SAN}.uri: '*' is no URI; {URI}"),
    (san("{uri: 5}"), f"{SAN}.uri: must be a URI, not the number 5; {URI}"),
    (
        client("ca: roots, verifiers: [5]"),
        f"{CLIENT}.verifiers[0]: must be text, not the number 5; write text, in quotes if it looks like anything else",
    ),
    (client("ca: roots, verifiers: [{settings: {}}]"), f"{CLIENT}.verifiers[0].name: is missing; write name: spiffe"),
    (
        client("ca: roots, verifiers: [{name: a, settings: {b: .nan}}]"),
        f"{CLIENT}.verifiers[0].settings: nan cannot be passed on; write a finite number",
    ),
    (client("ca: roots, verifiers: spiffe"), f"{CLIENT}.verifiers: must be a list, not 'spiffe'; {ITEMS}"),
    # filter chains
    (chains("match: {}"), f'{CHAIN}.tls: is missing; write tls: {{"certificates": ["web"]}}'),
    (chains("tls: "), f"{CHAIN}.tls: must be a mapping, not nothing; {SECTION}"),
    (chains(f"routes: mian, {CERTIFIED}"), f"{CHAIN}.routes: there is no route table 'mian'; did you mean main?"),
    (chains(f"routes: ~, {CERTIFIED}"), f"{CHAIN}.routes: {NO_VALUE}"),
    (chains("tls: {certificates: wep}"), f"{CHAIN}.tls.certificates: there is no secret 'wep'; did you mean web?"),
    (
        chains(f"protocols: [bolt, dubo], {CERTIFIED}"),
        f"{CHAIN}.protocols[1]: there is no protocol 'dubo'; did you mean dubbo?",
    ),
    (chains(f"protocols: [], {CERTIFIED}"), f"{CHAIN}.protocols: the list is empty; write auto, or the protocols to detect"),
    (
        chains(f"name: my chain, {CERTIFIED}"),
        f"{CHAIN}.name: 'my chain' is no name; write one or more characters without spaces",
    ),
    (
        chains(f"name: default, {CERTIFIED}"),
        f"{CHAIN}.name: 'default' is the chain of the listener's own tls; write another name",
    ),
    (
        chains(f"match: {{server_names: a.test}}, {CERTIFIED}", f"name: '0', {CERTIFIED}"),
        f"{SECOND}.name: '0' is also the name of filter_chains[0]; write another",
    ),
    (
        chains(f"name: a, match: {{server_names: a.test}}, {CERTIFIED}", f"name: a, {CERTIFIED}"),
        f"{SECOND}.name: 'a' is also the name of filter_chains[0]; write another",
    ),
    (chains(CERTIFIED, CERTIFIED), f"{SECOND}: filter_chains[1] takes every connection, and so does filter_chains[0]; {OTHER}"),
    (chains(CERTIFIED, tls=CERTIFIED), f"{CHAIN}: filter_chains[0] takes every connection, and so does tls; {OTHER}"),
    (
        chains(f"name: a, match: {{}}, {CERTIFIED}", f"name: b, {CERTIFIED}"),
        f"{SECOND}: 'b' (filter_chains[1]) takes every connection, and so does 'a' (filter_chains[0]); {OTHER}",
    ),
    (
        chains(
            f"name: a, match: {{server_names: [a.test, b.test]}}, {CERTIFIED}", f"match: {{server_names: B.test}}, {CERTIFIED}"
        ),
        f"{SECOND}.match: filter_chains[1] takes b.test, and so does 'a' (filter_chains[0]); {OTHER}",
    ),
    (
        chains(f"name: a, match: {{alpn: [x, y]}}, {CERTIFIED}", f"name: b, match: {{alpn: y}}, {CERTIFIED}"),
        f"{SECOND}.match: 'b' (filter_chains[1]) takes every server name with y, and so does 'a' (filter_chains[0]); {OTHER}",
    ),
    (
        chains(
            f"match: {{server_names: a.test, alpn: [x]}}, {CERTIFIED}",
            f"match: {{server_names: a.test, alpn: [y, x]}}, {CERTIFIED}",
        ),
        f"{SECOND}.match: filter_chains[1] takes a.test with x, and so does filter_chains[0]; {OTHER}",
    ),
    (match("server_name: a.test"), f"{CHAIN}.match.server_name: there is no such key; did you mean server_names?"),
    (match("server_names: []"), f"{NAMES}: the list is empty; write a name, or leave it out"),
    (match("server_names: 5"), f"{NAMES}: must be a name, not the number 5; write one name, or a list of them"),
    (match("server_names: [5]"), f"{NAMES}[0]: must be a server's name, not the number 5; {WILDCARD}"),
    (match("server_names: '*'"), f"{NAMES}: * stands for every name; leave server_names out"),
    (match("server_names: 'a.*'"), f"{NAMES}: 'a.*' is no server's name; {WILDCARD}"),
    (match("server_names: '*a.test'"), f"{NAMES}: '*a.test' is no server's name; {WILDCARD}"),
    (match("server_names: '*.*.test'"), f"{NAMES}: '*.*.test' is no server's name; {WILDCARD}"),
    (
        match("server_names: [a.test, 10.0.0.1]"),
        f"{NAMES}[1]: '10.0.0.1' is an address, and no client asks for one by name; {WILDCARD}",
    ),
    (match("server_names: '::1'"), f"{NAMES}: '::1' is an address, and no client asks for one by name; {WILDCARD}"),
    (match("server_names: a.test:443"), f"{NAMES}: 'a.test:443' is no server's name; {WILDCARD}"),
    (match("server_names: bü.test"), f"{NAMES}: 'bü.test' is not ASCII, and clients send ASCII; write it in its xn-- form"),
    (match("server_names: a.test."), f"{NAMES}: 'a.test.' ends with a dot; write a.test"),
    (match("server_names: ~"), f"{NAMES}: {NO_VALUE}"),
    (match("alpn: []"), f"{CHAIN}.match.alpn: the list is empty; write a protocol, or leave it out"),
    (
        edited("tls: {certificates: web}", "filter_chains: {}"),
        f"9: listeners[0].filter_chains: must be a list, not a mapping; {ITEMS}",
    ),
    # a cluster's tls
    (cluster("tls:"), f"{UPSTREAM}: {NO_VALUE}"),
    (
        cluster("tls: true"),
        (
            f"{UPSTREAM}: must be a mapping, not true (true or false); write a mapping with ca, verify, server_name, san,"
            " certificate, alpn, min_version, max_version, ciphers, session_reuse, verifiers"
        ),
    ),
    (upstream(""), f"{UPSTREAM}: {UNNAMED}"),
    (upstream("ca: roots"), f"{UPSTREAM}: {UNNAMED}"),
    (
        upstream("verify: false, san: [a.test]"),
        f"{UPSTREAM}: san has no effect with verify: false; write verify: true, or leave san out",
    ),
    (
        upstream("verify: false, verifiers: [spiffe]"),
        f"{UPSTREAM}: verifiers has no effect with verify: false; write verify: true, or leave verifiers out",
    ),
    (
        upstream("verify: required, server_name: a.test"),
        f"{UPSTREAM}.verify: must be true or false, not 'required'; write true or false",
    ),
    (upstream("server_name: ''"), f"{UPSTREAM}.server_name: '' is no server's name; write a name (api.example.com)"),
    (
        upstream("server_name: 10.0.0.1"),
        f"{UPSTREAM}.server_name: '10.0.0.1' is an address, and no client asks for one by name; write a name (api.example.com)",
    ),
    (
        upstream("server_name: '*.a.test'"),
        f"{UPSTREAM}.server_name: '*.a.test' is no server's name; write a name (api.example.com)",
    ),
    (
        upstream("server_name: a.test:443"),
        f"{UPSTREAM}.server_name: 'a.test:443' is no server's name; write a name (api.example.com)",
    ),
    (upstream("server_name: ~"), f"{UPSTREAM}.server_name: {NO_VALUE}"),
    (upstream("ca: ~, server_name: a.test"), f"{UPSTREAM}.ca: {NO_VALUE}"),
    (
        upstream("certificates: web, server_name: a.test"),
        f"{UPSTREAM}.certificates: there is no such key; did you mean certificate?",
    ),
    (upstream("server_name: a.test, san: []"), f"{UPSTREAM}.san: the list is empty; write whom to accept, or leave san out"),
    (upstream("server_name: a.test, alpn: h2 c"), f"{UPSTREAM}.alpn: 'h2 c' is no protocol's name; write http/1.1"),
    (upstream("server_name: a.test, min_version: 1.3, max_version: 1.2"), f"{UPSTREAM}: {ORDER}"),
    (upstream("server_name: a.test, ciphers: NONE"), f"{UPSTREAM}.ciphers: OpenSSL has no cipher 'NONE'; {CIPHERS}"),
    (cluster("tls_matches: {}"), f"{UPSTREAM}_matches: must be a list, not a mapping; {ITEMS}"),
    (cluster("tls_matches:", "  - {metadata: {a: b}}"), f"{EXCEPTION}.tls: is missing; write tls: plaintext"),
    (cluster("tls_matches:", "  - {tls: plaintext}"), f'{EXCEPTION}.metadata: is missing; write metadata: {{"tls": "legacy"}}'),
    (
        cluster("tls_matches:", "  - {metadata: {}, tls: plaintext}"),
        f"{EXCEPTION}.metadata: every host would match; write the metadata of some, or tls for all",
    ),
    (
        cluster("tls_matches:", "  - {metadata: {a: 1}, tls: plaintext}"),
        f'{EXCEPTION}.metadata.a: must be text, not the number 1; write it in quotes: "1"',
    ),
    (
        cluster("tls_matches:", "  - {metadata: {a: b}, tls: plain}"),
        f"{EXCEPTION}.tls: must be plaintext or a mapping, not 'plain'; write plaintext, or how TLS is spoken",
    ),
    (
        cluster("tls_matches:", "  - {metadata: {a: b}, tls: ~}"),
        f"{EXCEPTION}.tls: must be plaintext or a mapping, not nothing; write plaintext, or how TLS is spoken",
    ),
    (cluster("tls_matches:", "  - {metadata: {a: b}, tls: {}}"), f"{EXCEPTION}.tls: {UNNAMED}"),
    (
        edited("[127.0.0.1:9100]", "[{address: 127.0.0.1:1, metadata: {a: 1}}]"),
        '14: clusters.echo.hosts[0].metadata.a: must be text, not the number 1; write it in quotes: "1"',
    ),
    (
        edited("[127.0.0.1:9100]", "[{address: 127.0.0.1:1, metadata: [a]}]"),
        "14: clusters.echo.hosts[0].metadata: must be a mapping, not a list; write a mapping of names to values",
    ),
    (
        edited("[{cluster: echo}]", "[{match: {headers: {tls.sans: a}}, cluster: echo}]"),
        "11: routes.main[0].match.headers[\"tls.sans\"]: 'tls.sans' is nothing that is known of TLS; did you mean tls.san?",
    ),
    (
        edited("tls: {certificates: web}", "http: {client_certificate: 1}"),
        "9: listeners[0].http.client_certificate: must be true or false, not the number 1; write true or false",
    ),
]
