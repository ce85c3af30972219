-- Arithmetic that Lua 5.2 and later have in common, and bytes as text that can be shown.

local floor, format = math.floor, string.format
local xor32, and32, or32, shift32
if bit32 then
    xor32, and32, or32, shift32 = bit32.bxor, bit32.band, bit32.bor, bit32.rshift
else  -- Lua 5.3 has operators, which Lua 5.2 cannot even read
    xor32 = load("return function(a, b) return (a ~ b) & 0xffffffff end")()
    and32 = load("return function(a, b) return a & b end")()
    or32 = load("return function(a, b) return a | b end")()
    shift32 = load("return function(a, n) return a >> n end")()
end

-- Both halves of a number of up to 53 bits.
local function bitwise(op, a, b)
    return op(floor(a / 4294967296), floor(b / 4294967296)) * 4294967296 + op(a % 4294967296, b % 4294967296)
end
local function band(a, b) return bitwise(and32, a, b) end
local function bor(a, b) return bitwise(or32, a, b) end
local function bxor(a, b) return bitwise(xor32, a, b) end
local function int(holds) return holds and 1 or 0 end

local CRC = {}
for byte = 0, 255 do
    local value = byte
    for _ = 1, 8 do
        local odd = value % 2 == 1
        value = shift32(value, 1)
        if odd then value = xor32(value, 0xedb88320) end
    end
    CRC[byte] = value
end

local function crc32(data, first, last)
    local sum = 0xffffffff
    for at = first, last do
        sum = xor32(CRC[xor32(sum, data:byte(at)) % 256], shift32(sum, 8))
    end
    return xor32(sum, 0xffffffff)
end

-- Text --------------------------------------------------------------------------------------------------------------

local function continuation(text, first, last)
    for at = first, last do
        local byte = text:byte(at)
        if not byte or byte < 0x80 or byte > 0xbf then return false end
    end
    return true
end

local function utf8_of(code)
    return string.char(0xf0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
        0x80 + code % 64)
end

local function surrogate(text, at)
    local a, b, c = text:byte(at, at + 2)
    if a == 0xed and c and b >= 0xa0 and continuation(text, at + 1, at + 2) then
        return 0xd000 + (b % 64) * 64 + c % 64
    end
end

-- One character at `at`: how many bytes it takes and how it is written; bytes that are no text are escaped.
local function character(text, at)
    local byte = text:byte(at)
    if byte < 0x20 or byte == 0x7f then return 1, format("\\x%02x", byte) end
    if byte < 0x80 then return 1, string.char(byte) end
    local high = surrogate(text, at)
    if high then  -- Java writes a pair of surrogates, three bytes each
        local low = high < 0xdc00 and surrogate(text, at + 3)
        if low and low >= 0xdc00 then return 6, utf8_of(0x10000 + (high - 0xd800) * 1024 + low - 0xdc00) end
        return 1, format("\\x%02x", byte)
    end
    local size = byte >= 0xc2 and byte < 0xe0 and 2 or byte >= 0xe0 and byte < 0xf0 and 3
        or byte >= 0xf0 and byte < 0xf5 and 4 or 0
    if size > 0 and continuation(text, at + 1, at + size - 1) then return size, text:sub(at, at + size - 1) end
    return 1, format("\\x%02x", byte)
end

-- Bytes as text that Wireshark can show. A line break, a NUL or bytes that are no UTF-8 are escaped.
local function readable(text)
    if not text:find("[^\x20-\x7e]") then return text end
    local out, at = {}, 1
    while at <= #text do
        local size, written = character(text, at)
        out[#out + 1] = written
        at = at + size
    end
    return table.concat(out)
end

local function printable(text)
    return #text > 0 and #text <= 200 and not text:find("[^\x20-\x7e]")
end
