"""The proxies to compare with, each as fast as it goes: one thread, no access log, kept-alive upstreams.

`relay` is no proxy: relay.c copies bytes with as few system calls as there can be, so no proxy costs less.

`haproxy-tcp`, `nginx-tcp` and `envoy-tcp` copy bytes and understand nothing; they are the yardstick, not rivals.
`-https` and `haproxy-tls` end TLS 1.3 in front of the same, with the run's certificate (P-256), and sessions, tickets
and caches as they come; `nginx-names` reads the pair of the name that is asked for, at each handshake. A cluster limit
or a timeout that a benchmark could run into is raised, since it would measure the limit; and nginx keeps bodies in
memory, whatever `--size` is, since its temporary files would measure the disk.

Of HTTP/2, HAProxy, nghttpx and Envoy put the streams of all clients on few connections to the backend, at most 100 on
each: so Envoy is told (it would send more before it has the backend's settings, which refuses them). nginx has a
connection for each stream in flight, and keeps them all. Larger buffers save nginx and HAProxy half of a long stream's
cost; nginx's calls cost the same with them, HAProxy's more, so `haproxy-stream` is another peer.
"""

from __future__ import annotations

from pathlib import Path

import certificates
from http2 import PREFIX
from processes import Ports, which

HAPROXY = """\
global
  nbthread 1
  maxconn 8192
  {buffers}
defaults
  mode {mode}
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  {extra}
listen l
  bind 127.0.0.1:{front} backlog 4096 {h2} {tls}
  {route}
  server s 127.0.0.1:{backend} {h2}
"""
HAPROXY_ROUTE = f"http-request deny deny_status 404 unless {{ path_beg {PREFIX} }}"
HAPROXY_BUFFERS = "tune.bufsize 65536"
HAPROXY_TLS = "ssl crt {pem} ssl-min-ver TLSv1.3"

NGINX = """\
{load}worker_processes 1; worker_rlimit_nofile 16384; daemon off; pid {dir}/nginx.pid; error_log stderr crit;
events {{ worker_connections 8192; }}
{body}
"""
NGINX_HTTP = """\
http {{ access_log off; keepalive_requests 10000000; http2_max_requests 100000000;
  client_body_temp_path {dir}/nginx-body; proxy_temp_path {dir}/nginx-proxy; fastcgi_temp_path {dir}/nginx-f;
  uwsgi_temp_path {dir}/nginx-u; scgi_temp_path {dir}/nginx-s;
  client_max_body_size 0; client_body_buffer_size 2m; proxy_max_temp_file_size 0; proxy_buffers 8 64k;
  upstream u {{ server 127.0.0.1:{backend}; keepalive 1024; keepalive_requests 10000000; }}
  server {{ listen 127.0.0.1:{front} backlog=4096 {kind}; {tls} location {path} {{ {location} }} }} }}
"""
NGINX_TLS = "ssl_certificate {pair.certificate}; ssl_certificate_key {pair.private_key}; ssl_protocols TLSv1.3;"
NGINX_TCP = """\
stream {{ server {{ listen 127.0.0.1:{front} backlog=4096; proxy_pass 127.0.0.1:{backend}; tcp_nodelay on; }} }}
"""
RELAY = Path(__file__).with_name("relay")
NGINX_STREAM_MODULES = ("/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so")

ENVOY = """\
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {front}}}}}
    filter_chains:
    - filters: [{{name: f, typed_config: {filter}}}]
      {tls}
  clusters:
  - name: u
    type: STATIC
    circuit_breakers:
      thresholds: [{{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}}]
    {options}
    load_assignment:
      cluster_name: u
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {backend}}}}}}}
"""
_NETWORK = "type.googleapis.com/envoy.extensions.filters.network"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_HTTP_MANAGER = (
    f'{{"@type": {_NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, codec_type: %s, '
    f'http_filters: [{{name: r, typed_config: {{"@type": {_ROUTER}}}}}], '
    'route_config: {virtual_hosts: [{name: v, domains: ["*"], '
    "routes: [{match: {prefix: %s}, route: {cluster: u}}]}]}}"
)
_H2_UPSTREAM = (
    f'typed_extension_protocol_options: {{{_HTTP_OPTIONS}: {{"@type": type.googleapis.com/{_HTTP_OPTIONS}, '
    "explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 100}}}}"
)
_THRIFT = (
    f'{{"@type": {_NETWORK}.thrift_proxy.v3.ThriftProxy, stat_prefix: t, transport: FRAMED, protocol: %s, '
    'route_config: {name: r, routes: [{match: {method_name: ""}, route: {cluster: u}}]}}'
)
ENVOY_FILTER = {
    "tcp": f'{{"@type": {_NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: u}}',
    "dubbo": f'{{"@type": {_NETWORK}.dubbo_proxy.v3.DubboProxy, stat_prefix: t, '
    "route_config: [{name: r, interface: com.test.EchoService, "
    "routes: [{match: {method: {name: {exact: echo}}}, route: {cluster: u}}]}]}",
    "thrift": _THRIFT % "BINARY",
    "compact": _THRIFT % "COMPACT",
    "http1": _HTTP_MANAGER % ("HTTP1", "/"),
    "h2": _HTTP_MANAGER % ("HTTP2", PREFIX),
}

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_TLS_1_3 = "tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}"
ENVOY_TLS = (
    f'transport_socket: {{name: t, typed_config: {{"@type": {_TLS}, common_tls_context: {{{_TLS_1_3}, '
    "tls_certificates: [{certificate_chain: {filename: %s}, private_key: {filename: %s}}]}}}"
)

PEERS = {
    "bolt": ("haproxy-tcp", "nginx-tcp", "envoy-tcp"),
    "boltv2": ("haproxy-tcp", "nginx-tcp", "envoy-tcp"),
    "dubbo": ("haproxy-tcp", "nginx-tcp", "envoy-tcp", "envoy-dubbo"),
    "thrift": ("haproxy-tcp", "nginx-tcp", "envoy-thrift"),
    "thrift-compact": ("haproxy-tcp", "nginx-tcp", "envoy-compact"),
    "thrift-header": ("haproxy-tcp", "nginx-tcp"),
    "tars": ("haproxy-tcp", "nginx-tcp"),
    "http1": ("haproxy-http", "nginx", "envoy-http1", "relay"),
    "http2": ("haproxy-h2", "nghttpx", "nginx-grpc", "envoy-h2", "relay"),
    "grpc": ("nginx-grpc", "haproxy-h2", "nghttpx", "envoy-h2", "relay"),
    "grpc-download": ("envoy-h2", "haproxy-stream", "nghttpx", "nginx-grpc", "relay"),
    "grpc-upload": ("envoy-h2", "haproxy-stream", "nghttpx", "nginx-grpc", "relay"),
}
"""By protocol; the first is what ratios are of."""
TLS_PEERS = {
    "http1": ("haproxy-https", "nginx-https", "envoy-https"),
    "bolt": ("haproxy-tls",),
}
"""The same, of clients that speak TLS."""


class MissingError(Exception):
    """The peer is not installed here."""


def command(name: str, ports: Ports, folder: Path) -> list[str]:
    """Writes the peer's configuration into the folder; the command that runs it. Raises MissingError."""
    kind, _, variant = name.partition("-")
    if kind == "relay":
        return [str(RELAY), str(ports.front), str(ports.backend)]
    program = which(kind)
    if program is None:
        raise MissingError(f"{kind} is not installed")
    make = {"haproxy": _haproxy, "nginx": _nginx, "nghttpx": _nghttpx, "envoy": _envoy}[kind]
    return [program, *make(variant, ports, folder)]


def _haproxy(variant: str, ports: Ports, folder: Path) -> list[str]:
    conf = folder / f"haproxy-{variant}.conf"
    tcp = variant in {"tcp", "tls"}
    h2 = variant in {"h2", "stream"}
    tls = ""
    if variant in {"https", "tls"}:
        pem = folder / "haproxy.pem"
        pem.write_bytes(b"".join(path.read_bytes() for path in certificates.of_run(folder)))
        tls = HAPROXY_TLS.format(pem=pem)
    conf.write_text(
        HAPROXY.format(
            mode="tcp" if tcp else "http",
            extra="" if tcp else "http-reuse always",
            buffers=HAPROXY_BUFFERS if variant == "stream" else "",
            h2="proto h2" if h2 else "",
            route=HAPROXY_ROUTE if h2 else "",
            tls=tls,
            **ports._asdict(),
        )
    )
    return ["-f", str(conf)]


def _nginx(variant: str, ports: Ports, folder: Path) -> list[str]:
    conf = folder / f"nginx-{variant or 'http'}.conf"
    load = ""
    if variant == "tcp":
        module = next((path for path in NGINX_STREAM_MODULES if Path(path).exists()), None)
        if module is None:
            raise MissingError("nginx's stream module is not installed")
        load = f"load_module {module};\n"
        body = NGINX_TCP.format(**ports._asdict())
    else:
        pair = {"https": certificates.of_run, "names": certificates.of_name}.get(variant)
        location = 'proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";'
        body = NGINX_HTTP.format(
            dir=folder,
            kind="http2" if variant == "grpc" else "ssl" if pair else "",
            tls=NGINX_TLS.format(pair=pair(folder)) if pair else "",
            path=PREFIX if variant == "grpc" else "/",
            location="grpc_buffer_size 64k; grpc_pass grpc://u;" if variant == "grpc" else location,
            **ports._asdict(),
        )
    conf.write_text(NGINX.format(load=load, dir=folder, body=body))
    return ["-c", str(conf)]


def _nghttpx(_: str, ports: Ports, __: Path) -> list[str]:
    front, backend = f"-f127.0.0.1,{ports.front};no-tls", f"-b127.0.0.1,{ports.backend};/:{PREFIX};proto=h2"
    return [front, backend, "-n1", "--no-ocsp"]


def _envoy(variant: str, ports: Ports, folder: Path) -> list[str]:
    conf = folder / f"envoy-{variant}.yaml"
    options = _H2_UPSTREAM if variant == "h2" else ""
    https = variant == "https"
    tls = ENVOY_TLS % certificates.of_run(folder) if https else ""
    chain = ENVOY_FILTER["http1" if https else variant]
    conf.write_text(ENVOY.format(filter=chain, tls=tls, options=options, **ports._asdict()))
    return ["-c", str(conf), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]
