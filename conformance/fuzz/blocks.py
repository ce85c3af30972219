"""Bytes in a block of malloc of exactly their size: the address sanitizer guards both ends of it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_C = ctypes.CDLL(None)
_C.malloc.restype, _C.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_C.free.restype, _C.free.argtypes = None, [ctypes.c_void_p]
_VIEW = ctypes.pythonapi.PyMemoryView_FromMemory
_VIEW.restype, _VIEW.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_READ_ONLY = 0x100


@contextmanager
def placed(data: bytes | memoryview) -> Iterator[memoryview]:
    """A view of a copy of the bytes. `bytes` have a NUL behind them, which would hide a read of one byte too many."""
    address = _C.malloc(len(data))
    if not address:
        raise MemoryError
    try:
        ctypes.memmove(address, bytes(data), len(data))
        view: memoryview = _VIEW(address, len(data), _READ_ONLY)
        with view:
            yield view
    finally:
        _C.free(address)
