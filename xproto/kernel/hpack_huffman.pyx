"""The Huffman code of HPACK's strings: a few symbols' bits are looked up at once, long codes are found by their length.

Source: RFC 7541 section 5.2 and Appendix B. The code is canonical: within a length the codes ascend with the symbols, and
the first code of a length is what follows the last shorter one. So the lengths say all of it.

What always holds: no byte is read outside of the code, or written outside of the room; padding that is longer than seven
bits or has a zero, and the end-of-string symbol, are no text.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from xproto.kernel.integers cimport xp_load, xp_store

BY_LENGTH = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: b'!"()?',
    11: b"'+|",
    12: b"#>",
    13: b"\0$@[]~",
    14: b"^}",
    15: b"<`{",
    19: bytes.fromhex("5cc3d0"),
    20: bytes.fromhex("808283a2b8c2e0e2"),
    21: bytes.fromhex("99a1a7acb0b1b3d1d8d9e3e5e6"),
    22: bytes.fromhex("8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9"),
    23: bytes.fromhex("0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef"),
    24: bytes.fromhex("098e9091949fabced7e1eced"),
    25: bytes.fromhex("c7cfeaeb"),
    26: bytes.fromhex("c0c1c8c9cacdd2d5dadbeef0f2f3ff"),
    27: bytes.fromhex("cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe"),
    28: bytes.fromhex("020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9"),
    30: b"\n\r\x16",
}
"""The symbols whose codes have so many bits; the one that is left, of thirty ones, is the end of the string."""

cdef enum:
    SHORTEST = 5              # bits of a code
    LONGEST = 30
    PEEK = 11                 # bits that are looked up at once
    PADDING = 7

cdef struct peek_t:           # what the next bits begin with; count 0: a code that is longer than they are
    uint8_t[2] symbols
    uint8_t count
    uint8_t first             # bits of the first symbol
    uint8_t bits              # of all

cdef peek_t[1 << PEEK] PEEKS
cdef uint32_t[256] CODES
cdef uint8_t[256] BITS
cdef uint64_t[LONGEST + 1] PAST        # of each length: behind its last code, from the top of 32 bits
cdef uint32_t[LONGEST + 1] FIRST       # its first code
cdef uint16_t[LONGEST + 1] RANK        # and that code's place among all
cdef uint8_t[256] SYMBOLS


cdef int fill_codes() except -1:
    cdef uint32_t code = 0
    cdef int length, rank = 0
    for length in range(SHORTEST, LONGEST + 1):
        FIRST[length], RANK[length] = code, <uint16_t>rank
        for symbol in BY_LENGTH.get(length, b""):
            CODES[symbol], BITS[symbol], SYMBOLS[rank] = code, length, symbol
            code += 1
            rank += 1
        PAST[length] = <uint64_t>code << 32 - length
        code <<= 1
    if rank != 256 or code != (<uint32_t>1 << LONGEST + 1) - 2:
        raise ImportError("hpack: a code for each byte, and one for the end")
    return 0


cdef void fill_peeks() noexcept:
    cdef peek_t* peek
    cdef uint32_t bits, left
    cdef int symbol, known
    for bits in range(1 << PEEK):
        peek = &PEEKS[bits]
        peek.count = peek.bits = 0
        while peek.count < 2:
            known = PEEK - peek.bits
            left = bits & (<uint32_t>1 << known) - 1
            for symbol in range(256):
                if BITS[symbol] <= known and left >> known - BITS[symbol] == CODES[symbol]:
                    break
            else:
                break
            peek.symbols[peek.count] = <uint8_t>symbol
            peek.bits += BITS[symbol]
            if peek.count == 0:
                peek.first = peek.bits
            peek.count += 1


fill_codes()
fill_peeks()


cdef int64_t huffman_size(const uint8_t* text, int64_t size) noexcept nogil:
    cdef int64_t i, bits = 0
    for i in range(size):
        bits += BITS[text[i]]
    return (bits + 7) >> 3


cdef uint8_t* huffman_put(uint8_t* into, const uint8_t* text, int64_t size) noexcept nogil:
    cdef uint64_t bits = 0
    cdef int64_t i
    cdef int held = 0
    for i in range(size):
        bits = bits << BITS[text[i]] | CODES[text[i]]
        held += BITS[text[i]]
        if held >= 32:
            held -= 32
            xp_store(into, 4, False, bits >> held)
            into += 4
    if held:
        xp_store(into, 4, False, bits << 32 - held | (<uint64_t>1 << 32 - held) - 1)
        into += (held + 7) >> 3
    return into


cdef inline int long_code(uint64_t bits, uint8_t* symbol) noexcept nogil:
    """The length of a code that begins the 64 `bits` and is longer than is looked up; 0: the end of the string."""
    cdef uint32_t top = <uint32_t>(bits >> 32)
    cdef int length = PEEK + 1
    while length <= LONGEST and top >= PAST[length]:
        length += 1
    if length > LONGEST:
        return 0
    symbol[0] = SYMBOLS[RANK[length] + (top >> 32 - length) - FIRST[length]]
    return length


cdef int64_t take_end(const uint8_t* code, const uint8_t* stop, uint64_t bits, int held, uint8_t* into, int64_t size,
                      int64_t room) noexcept nogil:
    """One symbol after the other from the `held` first `bits` on, with no look past `stop` or `room`."""
    cdef const peek_t* peek
    cdef uint8_t symbol
    cdef int length
    while True:
        while held <= 56 and code < stop:
            bits |= <uint64_t>code[0] << 56 - held
            held += 8
            code += 1
        if held == 0:
            return size
        if held < LONGEST:
            bits |= (<uint64_t>1 << 64 - held) - 1      # as if padding went on
        peek = &PEEKS[bits >> 64 - PEEK]
        symbol, length = peek.symbols[0], peek.first
        if peek.count == 0:
            length = long_code(bits, &symbol)
        if length == 0 or length > held:
            return size if held <= PADDING and bits == ~<uint64_t>0 else -1
        if size < room:
            into[size] = symbol
        size += 1
        bits <<= length
        held -= length


cdef int64_t huffman_take(const uint8_t* code, int64_t size, uint8_t* into, int64_t room) noexcept nogil:
    cdef const uint8_t* stop = code + size
    cdef const peek_t* peek
    cdef uint64_t bits = 0
    cdef int64_t at = 0
    cdef int held = 0, length
    if room < size * 8 // SHORTEST + 2:
        return take_end(code, stop, 0, 0, into, 0, room)
    while True:
        if held < 32:
            if stop - code < 4:
                break
            bits |= xp_load(code, 4, False) << 32 - held
            held += 32
            code += 4
        peek = &PEEKS[bits >> 64 - PEEK]
        if peek.count == 0:
            length = long_code(bits, &into[at])
            if length == 0:
                return -1
            bits <<= length
            held -= length
            at += 1
        else:
            into[at] = peek.symbols[0]
            into[at + 1] = peek.symbols[1]
            at += peek.count
            bits <<= peek.bits
            held -= peek.bits
    return take_end(code, stop, bits, held, into, at, room)
