"""Records the golden vectors again: real peers talk through a relay that keeps each frame.

Usage: python tests/interop/record.py [bolt] [dubbo] [thrift] [thrift-twitter] [tars] [http1] [http2] [hessian] [facts]; all of
them without an argument. Needs setup.sh.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parents[1] / "conformance" / "vectors"
FACTS = HERE.parent / "vectors" / "facts.json"
sys.path.insert(0, str(HERE))

from harness.vectors import Vectors  # noqa: E402  (the path comes first)
from recording import (  # noqa: E402  # noqa: E402
    bolt_anthunder,
    bolt_java,
    bolt_node,
    bolt_sofa,
    dubbo_java,
    facts,
    hessian,
    http1,
    http2,
    tars,
    thrift,
    twitter,
)

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDERS: dict[str, tuple[Callable[[Vectors, Path], None], ...]] = {
    "bolt": (bolt_java.record, bolt_sofa.record, bolt_node.record, bolt_anthunder.record),
    "dubbo": (dubbo_java.record,),
    "thrift": (thrift.record, thrift.record_dubbo),
    "thrift-twitter": (twitter.record,),
    "tars": (tars.record,),
    "http1": (http1.record,),
    "http2": (http2.record,),
}


def main(wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as logs:
        for name in wanted or [*RECORDERS, "hessian", "facts"]:
            if name in {"hessian", "facts"}:
                count = facts.write(FACTS, Path(logs)) if name == "facts" else hessian.write(VECTORS / "hessian")
                sys.stdout.write(f"{name}: {count}\n")
                continue
            vectors = Vectors(VECTORS)
            for recorder in RECORDERS[name]:
                recorder(vectors, Path(logs))
            vectors.save()
            sys.stdout.write(f"{name}: {len(vectors.frames)} vectors\n")


if __name__ == "__main__":
    main(sys.argv[1:])
