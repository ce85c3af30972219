#!/usr/bin/env bash
# Builds every real peer of the interop tests. Does nothing where the sources have not changed since the last
# time. Results are in folders that git ignores: target and build of the Java and Go peers, node_modules of the Node
# peers, peers/python/build. Programs that are not built are installed where root may.
set -euo pipefail
cd "$(dirname "$0")/peers"

# Runs a command unless it already ran for these sources: changed STAMP SOURCE... -- COMMAND...
unless_done() {
    local stamp=$1 sources=()
    shift
    while [ "$1" != -- ]; do sources+=("$1"); shift; done
    shift
    local sum
    sum=$(find "${sources[@]}" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then return; fi
    "$@"
    printf '%s\n' "$sum" >"$stamp"
}

build_java() {
    (cd java && mvn -B -q -o clean package >/dev/null 2>&1 || mvn -B -q clean package)
}

build_finagle() {
    (cd finagle && mvn -B -q -o clean package >/dev/null 2>&1 || mvn -B -q clean package)
}

build_dubbothrift() {
    (cd dubbothrift && mvn -B -q -o clean package >/dev/null 2>&1 || mvn -B -q clean package)
}

build_hessian() {
    (cd hessian && mvn -B -q -o clean package >/dev/null 2>&1 || mvn -B -q clean package)
}

build_node() {
    (cd node && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
}

build_http() {
    (cd http && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
}

build_tars() {
    (cd tars && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
}

build_tarsgo() {
    (cd tarsgo && go build -o build/peer .)
}

build_python() {
    rm -rf python/build
    python3 -m venv python/build/venv
    python/build/venv/bin/python -m pip install --quiet --disable-pip-version-check -r python/requirements.txt
}

build_grpcgo() {
    (cd grpcgo && go build -o build/ . google.golang.org/grpc/interop/client)
}

build_grpcjava() {
    (cd grpcjava && mvn -B -q -o clean package >/dev/null 2>&1 || mvn -B -q clean package)
}

build_grpcjs() {
    (cd grpcjs && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
}

build_h2spec() {
    (cd h2spec && go build -o build/ github.com/summerwind/h2spec/cmd/h2spec)
}

build_go() {
    (cd go && go build -o build/peer .)
}

build_gotls() {
    (cd gotls && go build -o build/peer .)
}

# What is not built here: tool=package, as Debian calls it.
tools=(
    java=default-jdk-headless mvn=maven node=nodejs npm=npm go=golang-go
    curl=curl wrk=wrk nginx=nginx haproxy=haproxy chromium=chromium openssl=openssl tcpdump=tcpdump tshark=tshark
    nghttp=nghttp2-client h2load=nghttp2-client nghttpd=nghttp2-server
)
wanted=()
for pair in "${tools[@]}"; do
    command -v "${pair%%=*}" >/dev/null || wanted+=("${pair#*=}")
done
if [ ${#wanted[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # No package may start a service of its own: in runlevel 1 none does.
    export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
fi
for tool in "${tools[@]%%=*}" python3; do
    command -v "$tool" >/dev/null || { echo "interop peers: $tool is not installed" >&2; exit 1; }
done
unless_done java/target/built java/pom.xml java/src -- build_java
unless_done finagle/target/built finagle/pom.xml finagle/src java/src -- build_finagle
unless_done dubbothrift/target/built dubbothrift/pom.xml dubbothrift/src \
    java/src/main/java/com/test/{Lines,Burst}.java -- build_dubbothrift
unless_done hessian/target/built hessian/pom.xml hessian/src -- build_hessian
unless_done node/node_modules/built node/package.json node/package-lock.json -- build_node
unless_done http/node_modules/built http/package.json http/package-lock.json -- build_http
unless_done tars/node_modules/built tars/package.json tars/package-lock.json -- build_tars
unless_done go/build/built go/go.mod go/go.sum go/*.go -- build_go
unless_done tarsgo/build/built tarsgo/go.mod tarsgo/go.sum tarsgo/*.go -- build_tarsgo
unless_done gotls/build/built gotls/go.mod gotls/*.go -- build_gotls
unless_done grpcgo/build/built grpcgo/go.mod grpcgo/go.sum grpcgo/*.go -- build_grpcgo
unless_done grpcjava/target/built grpcjava/pom.xml grpcjava/src java/src/main/java/com/test/Lines.java -- build_grpcjava
unless_done grpcjs/node_modules/built grpcjs/package.json grpcjs/package-lock.json -- build_grpcjs
unless_done h2spec/build/built h2spec/go.mod h2spec/go.sum -- build_h2spec
unless_done python/build/built python/requirements.txt -- build_python
echo "interop peers: ready"
