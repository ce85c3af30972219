"""Bytes in a block of malloc of exactly their size: the address sanitizer guards both ends of it."""

from __future__ import annotations

import ctypes
from types import TracebackType

_C = ctypes.CDLL(None)
_C.malloc.restype, _C.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_C.free.restype, _C.free.argtypes = None, [ctypes.c_void_p]
_READ_ONLY = 0x100
view_of = ctypes.pythonapi.PyMemoryView_FromMemory
view_of.restype, view_of.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)


def view(address: int, size: int) -> memoryview:
    """Memory that is somebody else's, read only."""
    found: memoryview = view_of(address, size, _READ_ONLY)
    return found


class Block:
    """A copy of the bytes, as a view within `with`. `bytes` have a NUL behind them, which would hide a read too far."""

    __slots__ = ("_address", "_view")

    def __init__(self, data: bytes) -> None:
        address: int | None = _C.malloc(len(data))
        if address is None:
            raise MemoryError
        ctypes.memmove(address, data, len(data))
        self._address, self._view = address, view(address, len(data))

    def __enter__(self) -> memoryview:
        return self._view

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._view.release()
        _C.free(self._address)
