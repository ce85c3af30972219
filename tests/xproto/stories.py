"""The stories in `hpack_stories`: the fields of a connection's header blocks, and the blocks that other encoders made."""

import gzip
import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "hpack_stories"
ENCODERS = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz") if path.name != "fields.json.gz")


def _load(name):
    return json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))


@cache
def fields():
    """Of each story, of each block, the fields as (name, value)."""
    return {
        story: [[(name.encode(), value.encode()) for name, value in block] for block in blocks]
        for story, blocks in _load("fields").items()
    }


@cache
def wires(encoder):
    """Of each story, of each block, the table size that is announced before it, or None, and its bytes."""
    return {story: [(size, bytes.fromhex(block)) for size, block in blocks] for story, blocks in _load(encoder).items()}
