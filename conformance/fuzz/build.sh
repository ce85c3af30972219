#!/usr/bin/env bash
# Builds what fuzzing needs in build/fuzz: the kernel with coverage and the address sanitizer, libFuzzer as a library, and
# the driver. Does nothing where nothing has changed. Debian's clang is installed where it is absent and root may.
#
#   bash conformance/fuzz/build.sh [folder, default build/fuzz]
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${1:-build/fuzz}
PYTHON=${PYTHON:-$PWD/.venv/bin/python}
PACKAGES="clang libclang-rt-dev llvm"

runtime() { clang -print-file-name="libclang_rt.$1-$(uname -m).$2" 2>/dev/null || true; }
ready() { [ -f "$(runtime fuzzer_no_main a)" ] && [ -f "$(runtime asan so)" ] && command -v llvm-symbolizer >/dev/null; }

if ! ready; then
    # shellcheck disable=SC2086
    { apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES; } >/dev/null ||
        { echo "fuzzing needs clang with libFuzzer: as root, apt-get install $PACKAGES" >&2; exit 1; }
    ready || { echo "this clang comes without libFuzzer or the address sanitizer: $(command -v clang)" >&2; exit 1; }
fi

mkdir -p "$OUT"
ln -sfn "$(runtime asan so)" "$OUT/libasan.so"
if [ ! "$OUT/libfuzzer.so" -nt "$(runtime fuzzer_no_main a)" ]; then
    clang -shared -o "$OUT/libfuzzer.so" -Wl,--whole-archive "$(runtime fuzzer_no_main a)" -Wl,--no-whole-archive -lstdc++ -lm
fi
if [ ! "$OUT/driver.so" -nt conformance/fuzz/driver.c ]; then
    clang -O2 -Wall -Wextra -shared -fPIC -o "$OUT/driver.so" conformance/fuzz/driver.c
fi
CC=clang LDSHARED="clang -shared" XPROTO_SANITIZE=fuzz "$PYTHON" setup.py --quiet build_ext --parallel 2 \
    --build-lib "$OUT/lib" --build-temp "$OUT/temp" >"$OUT/build.log" 2>&1 || { cat "$OUT/build.log" >&2; exit 1; }
