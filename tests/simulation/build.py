"""``python build.py MODULE.pyx``: compile one module of the datapath, in the current folder, as quickly as can be."""

from __future__ import annotations

import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

DIRECTIVES = {"boundscheck": True, "wraparound": False, "cdivision": True, "initializedcheck": True}


def main(path: str) -> None:
    name = path.removesuffix(".pyx").replace("/", ".")
    made = Extension(name, [path], extra_compile_args=["-O0", "-w"])
    setup(
        script_args=["--quiet", "build_ext", "--inplace"],
        ext_modules=cythonize([made], language_level=3, compiler_directives=DIRECTIVES, quiet=True, force=True),
    )


if __name__ == "__main__":
    main(sys.argv[1])
