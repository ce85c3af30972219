"""Values as Java's implementations of Hessian2 write them: the original, and Dubbo's."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from harness.processes import PEERS, PeerError
from harness.programs import run
from harness.vectors import Hex, hexadecimal, written

if TYPE_CHECKING:
    from pathlib import Path

HOME = PEERS / "hessian"
WRITERS = {
    "caucho": ("com.caucho.hessian", "com.caucho:hessian 4.0.66"),
    "hessian-lite": ("com.alibaba.com.caucho.hessian", "com.alibaba:hessian-lite 3.2.13"),
}
OPENED = ("java.lang", "java.math", "java.util")


def write(folder: Path) -> int:
    """Writes the files and returns how many values are in them."""
    classes = HOME / "target" / "classes"
    if not classes.is_dir():
        raise PeerError("the Java peers of Hessian are not built; run tests/interop/setup.sh")
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for file, (package, software) in WRITERS.items():
        argv = ["java", *(f"--add-opens=java.base/{each}=ALL-UNNAMED" for each in OPENED)]
        argv += ["-cp", f"{classes}{os.pathsep}{HOME / 'target' / 'lib'}/*", "com.test.HessianWriter", package]
        entries = [json.loads(line) for line in run(argv).stdout.splitlines()]
        for entry in entries:
            entry["hex"] = Hex(hexadecimal(bytes.fromhex(entry["hex"])))
        shape = {"protocol": "hessian", "source": f"{software}, Hessian2Output, by tests/interop/record.py hessian"}
        order = ("name", "meaning", "value", "hex")
        vectors = [{key: entry[key] for key in order} for entry in entries]
        (folder / f"{file}.yaml").write_text(written({**shape, "vectors": vectors}))
        count += len(entries)
    return count
