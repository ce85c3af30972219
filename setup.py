"""The compiled parts: xproto.kernel and proxy.datapath. Everything else is in pyproject.toml.

XPROTO_SANITIZE=1 builds them with the address and undefined-behaviour sanitizers (see `make sanitize`).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZE = os.environ.get("XPROTO_SANITIZE") == "1"
COMPILE = (
    ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-fno-sanitize-recover=undefined"]
    if SANITIZE
    else ["-O2"]
)
LINK = ["-fsanitize=address,undefined"] if SANITIZE else []


def extensions() -> list[Extension]:
    """One extension for each .pyx in the two folders of compiled code."""
    return [
        Extension(
            str(path.with_suffix("")).replace("/", "."),
            [str(path)],
            extra_compile_args=[*COMPILE, "-Wall", "-Wno-unused-function"],
            extra_link_args=LINK,
            depends=[str(p) for folder in ("xproto/kernel", "proxy/datapath") for p in Path(folder).glob("*.[ph]*")
                     if p.suffix in {".h", ".pxd"}],
        )
        for folder in ("xproto/kernel", "proxy/datapath")
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
