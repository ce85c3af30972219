"""HPACK's representations, written byte by byte for tests (RFC 7541 sections 5 and 6)."""

KINDS = {"indexed": (0x80, 7), "enters": (0x40, 6), "update": (0x20, 5), "never": (0x10, 4), "literal": (0x00, 4)}
"""The first byte's bits, and how many bits of it the integer has."""


def integer(value, bits=7, first=0):
    mask = (1 << bits) - 1
    if value < mask:
        return bytes([first | value])
    rest = bytearray([first | mask])
    value -= mask
    while value >= 0x80:
        rest.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*rest, value])


def string(text):
    return integer(len(text)) + text


def indexed(index):
    return integer(index, 7, 0x80)


def update(size):
    return integer(size, 5, 0x20)


def literal(name, value, kind="enters"):
    """`name` is an index or bytes."""
    first, bits = KINDS[kind]
    return (integer(name, bits, first) if isinstance(name, int) else bytes([first]) + string(name)) + string(value)
