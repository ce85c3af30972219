"""What docs/configuration.md says before it lists the keys."""

from __future__ import annotations

from proxy.config.values import MAX_DURATION

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

A table may have virtual hosts instead: of these a request's host chooses one, whose routes alone are tried (`routing.md`):

```yaml
routes:
  main:
    virtual_hosts:
      - name: shop
        domains: [shop.example.com, "*.shop.example.com", "shop.example.com:8443"]
        routes:
          - match: {{path: {{template: "/users/{{id}}/carts"}}, source: [10.0.0.0/8]}}
            cluster: echo
      - name: rest
        domains: "*"
        routes:
          - match: {{protocol: [bolt, dubbo], expression: "headers['env'] in ['gray', 'test']"}}
            cluster: echo
```

Certificates and keys are named under `secrets`, and used by these names. A listener whose clients show certificates, but
for one name that is open to everybody and has routes of its own; and a cluster to which TLS is spoken:

```yaml
secrets:
  web: {{certificate: tls/web.crt, private_key: tls/web.key}}
  public: {{certificate: tls/public.crt, private_key: tls/public.key}}
  mesh-ca: {{ca: tls/ca.pem}}
listeners:
  - name: mesh
    address: 127.0.0.1:9443
    routes: main
    tls:
      certificates: web
      client: {{verify: required, ca: mesh-ca, san: [{{uri: "spiffe://example.com/ns/*"}}]}}
    filter_chains:
      - match: {{server_names: public.example.com}}
        tls: {{certificates: public}}
        routes: public
routes:
  main:
    - cluster: echo
  public:
    - match: {{path: {{prefix: /public/}}}}
      cluster: echo
clusters:
  echo:
    hosts: [127.0.0.1:9100]
    tls: {{ca: mesh-ca, server_name: echo.example.com, certificate: web}}
```

- **Durations** are seconds (`1.5`) or a number with `us`, `ms`, `s`, `m` or `h` (`250ms`): from a millisecond to
  {MAX_DURATION / 86400:g} days. **Sizes** are bytes (`65536`) or a number with `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`.
- **Addresses** are `IP:PORT`, `[IPv6]:PORT` (in quotes: YAML takes `[` for a list) or `unix:/path`. Names are refused,
  because a host that is given here has one address; nothing resolves names yet.
- **Variables**: `${{VAR}}` and `${{VAR:-default}}` in any value; the default stands where VAR is unset or empty, and a
  variable without either is an error. `$${{` is a plain `${{`.
- A key that is not listed here is an error, and so is one that is written twice. YAML's anchors and `<<` work.
"""
