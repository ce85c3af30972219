#!/usr/bin/env bash
# Builds the kernel with the address and undefined-behaviour sanitizers in a folder of its own, and runs its tests there:
# the conformance tests, those of xproto and of HTTP/1.1, and every vector in a block of malloc of exactly its size.
#
#   bash tests/conformance/sanitize.sh [mutated frames a protocol, default 4000]
set -euo pipefail
cd "$(dirname "$0")/../.."
ROOT=$PWD
PYTHON=${PYTHON:-$ROOT/.venv/bin/python}
OUT=$ROOT/build/sanitize
MUTATIONS=${1:-4000}

mkdir -p "$OUT/tests"
for folder in xproto conformance; do
    (find "$folder" -type f \( -name '*.py' -o -name '*.yaml' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.h' \) -print0 |
        tar --null --files-from=- --create) | tar --extract --directory "$OUT"
done
for folder in conformance protocols vectors xproto http1 conftest.py golden.py; do
    if [ -e "tests/$folder" ]; then cp -r "tests/$folder" "$OUT/tests/"; fi
done
for path in setup.py pyproject.toml README.md LICENSE docs examples; do
    if [ -e "$path" ]; then cp -r "$path" "$OUT/"; fi
done

cd "$OUT"
XPROTO_SANITIZE=1 "$PYTHON" setup.py --quiet build_ext --inplace --parallel 2 2>build.log || { cat build.log >&2; exit 1; }

export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export PYTHONMALLOC=malloc PYTHONPATH=$OUT PYTHONDONTWRITEBYTECODE=1 XPROTO_SANITIZED=1

"$PYTHON" - "$OUT" <<'EOF'
import sys
import xproto.kernel.codec as codec, xproto.kernel.program as program
assert codec.__file__.startswith(sys.argv[1]) and program.__file__.startswith(sys.argv[1]), codec.__file__
maps = open("/proc/self/maps").read()
assert "libasan" in maps and "libubsan" in maps, "the sanitizers are not loaded"
EOF
# The sanitizer must see what it is for: one byte behind a block of malloc.
if "$PYTHON" -c "from tests.conformance.exact import *; v = Malloced().place(b'abcdefgh'); ctypes.string_at(v.obj, 8); ctypes.memmove(ctypes.create_string_buffer(64), ctypes.addressof(v.obj), 9)" 2>/dev/null; then
    echo "the sanitizer does not see a read past the end" >&2
    exit 1
fi
"$PYTHON" -m pytest -q -p no:cacheprovider --rootdir "$OUT" tests/conformance ${SANITIZE_ALSO-tests/xproto tests/http1}
"$PYTHON" -m tests.conformance.exact malloc "$MUTATIONS" 1
