"""The compiled parts: xproto.kernel and proxy.datapath. Everything else is in pyproject.toml.

XPROTO_SANITIZE=1 builds them with the address and undefined-behaviour sanitizers (see `make sanitize`);
XPROTO_SANITIZE=fuzz the kernel alone, by clang, with coverage and the address sanitizer (see `make fuzz`).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

MODE = os.environ.get("XPROTO_SANITIZE", "")
COUNTED = "conformance/fuzz/allow.txt"
WATCHED = ["-O1", "-g", "-fno-omit-frame-pointer"]
COMPILE = {
    "": ["-O2"],
    "1": [*WATCHED, "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "fuzz": [
        *WATCHED,
        "-fsanitize=fuzzer-no-link,address",
        f"-fsanitize-coverage-allowlist={COUNTED}",
    ],
}
LINK = {"1": ["-fsanitize=address,undefined"]}
FOLDERS = ("xproto/kernel",) if MODE == "fuzz" else ("xproto/kernel", "proxy/datapath")


def extensions() -> list[Extension]:
    """One extension for each .pyx in the two folders of compiled code."""
    return [
        Extension(
            str(path.with_suffix("")).replace("/", "."),
            [str(path)],
            extra_compile_args=[*COMPILE[MODE], "-Wall", "-Wno-unused-function"],
            extra_link_args=LINK.get(MODE, []),
            depends=[
                *(str(p) for folder in FOLDERS for p in Path(folder).glob("*.[ph]*") if p.suffix in {".h", ".pxd"}),
                *([COUNTED] if MODE == "fuzz" else []),
            ],
        )
        for folder in FOLDERS
        for path in sorted(Path(folder).glob("*.pyx"))
    ]


setup(
    ext_modules=cythonize(
        extensions(),
        language_level=3,
        compiler_directives={
            "boundscheck": True,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": True,
            "freethreading_compatible": False,
        },
    ),
)
