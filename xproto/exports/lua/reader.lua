-- What every dissector made from a declaration needs: a bounds-checked reader of one frame, the tree that it fills, and
-- how both hang on Wireshark. A frame is read before anything is shown. Bytes that end too early or are wrong leave the
-- reader by error{...}, which run() catches, so that no bytes of a peer can raise an error in Wireshark; any other error
-- is a fault of the script and is passed on.

local MAX_SHOWN = 2000       -- values inside blocks of one frame; Wireshark gives up at a million items
local MAX_NESTED = 24        -- levels that are shown; Wireshark gives up at five hundred
local MAX_SUMMED = 1048576   -- bytes: a longer frame's checksum is not computed, since that would take seconds

local Reader = {}
Reader.__index = Reader
local ZERO = {__index = function() return 0 end}  -- a field that is not there counts as zero

local function new_reader(protocol, data, start, direction)
    return setmetatable({
        protocol = protocol, data = data, start = start, at = start, direction = direction, stop = false,
        v = setmetatable({}, ZERO), words = {}, texts = {}, pairs = {}, root = {children = {}}, structs = {}, shown = 0,
        hidden = 0, classes = {}, items = {}, title = false,
    }, Reader)
end

function Reader:bad(path, why)
    error({bad = path, why = why, at = self.at}, 0)
end

-- Makes sure of `size` more bytes: in a section they must be there, at the root they may still come. `rest` is how many
-- bytes the frame has behind them, where that is known already.
function Reader:want(size, path, rest)
    local last = self.at + size
    if self.stop then
        if last > self.stop then self:bad(path, "runs past the end of its section") end
    elseif last - self.start > self.protocol.limit then
        self:bad(path, format("makes the frame longer than %d bytes", self.protocol.limit))
    elseif last > #self.data then
        error({need = last + (rest or 0) - #self.data, exact = rest ~= nil}, 0)
    end
end

function Reader:take(size, path)
    self:want(size, path)
    local from = self.at
    self.at = from + size
    return from
end

function Reader:string(size, path, rest)
    local from = self.at
    self:want(size, path, rest)
    self.at = from + size
    return self.data:sub(from + 1, from + size)
end

function Reader:byte(path)
    return self.data:byte(self:take(1, path) + 1)
end

-- How many bytes there are: to the section's end, or to that of what came so far.
function Reader:left()
    return (self.stop or #self.data) - self.at
end

-- An integer; its upper and lower 32 bits as well, since numbers hold no more than 53 bits exactly.
function Reader:number(width, path, little, signed)
    local from = self:take(width, path)
    local high, low = 0, 0
    for index = 0, width - 1 do
        local byte = self.data:byte(from + 1 + (little and width - 1 - index or index))
        high = (high * 256 + floor(low / 16777216)) % 4294967296
        low = low % 16777216 * 256 + byte
    end
    if signed and self.data:byte(from + 1 + (little and width - 1 or 0)) > 127 then
        if width > 4 then
            high = high + 4294967296 - floor(2 ^ (8 * width - 32))
            return (high - 4294967296) * 4294967296 + low, high, low
        end
        local least = floor(2 ^ (8 * width))
        return low - least, 4294967295, low + 4294967296 - least
    end
    return high * 4294967296 + low, high, low
end

function Reader:varint(most, path)
    local high, low = 0, 0
    for index = 0, most - 1 do
        local byte = self:byte(path)
        if index < 5 then
            low = low + byte % 128 * floor(2 ^ (7 * index))
            high, low = high + floor(low / 4294967296), low % 4294967296
        else
            high = high + byte % 128 * floor(2 ^ (7 * index - 32))
        end
        if byte < 128 then return high * 4294967296 + low, high, low end
    end
    self:bad(path, format("a varint of more than %d bytes", most))
end

-- What was read -----------------------------------------------------------------------------------------------------

function Reader:struct(path)
    local found = self.structs[path]
    if not found then
        found = {field = path, children = {}}
        self.structs[path] = found
        local siblings = self:parent(path).children
        siblings[#siblings + 1] = found
    end
    return found
end

function Reader:parent(path)
    local outer = path:match("^(.*)%.[^.]*$")
    if outer and self.protocol.structs[outer] then return self:struct(outer) end
    return self.root
end

function Reader:add(path, from, item)
    item.field, item.from, item.to = item.field or path, from, self.at
    local siblings = self:parent(path).children
    siblings[#siblings + 1] = item
    self.items[path] = item
    return item
end

-- A value inside a block; nil once there are more than can be shown.
function Reader:inside(node, field, from, text)
    self.shown = self.shown + 1
    if not node or (node.level or 0) >= MAX_NESTED or self.shown > MAX_SHOWN then
        self.hidden = self.hidden + 1
        return nil
    end
    local item = {field = field, from = from, to = self.at, value = text, text = true, level = (node.level or 0) + 1}
    node.children = node.children or {}
    node.children[#node.children + 1] = item
    return item
end

function Reader:pair(node, path, from, name, value, name_text, value_text)
    local item = self:inside(node, path .. ".pair", from, readable(name_text or name) .. "=" .. readable(value_text or value))
    if item then
        self:inside(item, path .. ".name", from, readable(name_text or name))
        self:inside(item, path .. ".value", from, readable(value_text or value))
    end
    self.pairs[path] = self.pairs[path] or {}
    if not name_text and not value_text then self.pairs[path][name] = value end
    return item
end

function Reader:block(path, from)
    self.pairs[path] = self.pairs[path] or {}
    return self:add(path, from, {children = {}})
end

-- The steps of a layout ---------------------------------------------------------------------------------------------

local function check(self, path, value, lo, hi, members)
    if lo and (value < lo or value > hi) then self:bad(path, format("is %d, which is not in %d..%d", value, lo, hi)) end
    if members and not members[value] then self:bad(path, format("is %d, which is none of its values", value)) end
end

-- options: lo, hi, members (checked); little, signed; key (of its value, if not its path); hidden (not shown by itself)
function Reader:integer(path, width, options)
    local from = self.at
    local value, high, low = self:number(width, path, options.little, options.signed)
    self.v[options.key or path] = value
    self.words[options.key or path] = {from = from, to = self.at, high = high, low = low}
    if not options.hidden then self:add(path, from, {value = value, high = width > 6 and high, low = low}) end
    check(self, path, value, options.lo, options.hi, options.members)
end

function Reader:variable(path, most, options)
    local from = self.at
    local value, high, low = self:varint(most, path)
    self.v[options.key or path] = value
    self:add(path, from, {value = value, high = high, low = low})
    check(self, path, value, options.lo, options.hi, options.members)
end

-- A field of some bits of the word that was read as `key`; `shift` counts from the lowest bit.
function Reader:bits(path, key, shift, width, options)
    local word, size, value = self.words[key], 2 ^ width, nil
    if shift >= 32 then
        value = floor(word.high / 2 ^ (shift - 32)) % size
    else
        value = (word.high * 2 ^ (32 - shift) % size + floor(word.low / 2 ^ shift)) % size
    end
    value = floor(value)
    self.v[path] = value
    if not options.hidden then
        local item = self:add(path, word.from, {value = value, word = not options.plain and word, generated = options.plain})
        item.to = word.to
    end
    check(self, path, value, options.lo, options.hi, options.members)
end

function Reader:literal(path, bytes, shown)
    local from = self.at
    local found = self:string(#bytes, path)
    if shown then self:add(path, from, {bytes = true}) end
    if found ~= bytes then self:bad(path, "is not the constant that must stand there") end
end

function Reader:computed(path, value, options)
    self.v[options.key or path] = value
    if not options.hidden then self:add(path, self.at, {value = value, generated = true}) end
end

function Reader:require(path, holds, what)
    if not holds then self:bad(path, "must hold: " .. what) end
end

-- size nil: all that the section still has
function Reader:bytes(path, size, options)
    local from = self.at
    if size and size < 0 then self:bad(path, "has a negative length") end
    local found = self:string(size or self:left(), path, options.rest)
    if options.text then
        self.texts[path] = found
        self:add(path, from, {value = readable(found), text = true})
    else
        self:add(path, from, {bytes = true, note = printable(found) and found, field = options.field})
    end
end

function Reader:section(path, size, rest, body)
    if size < 0 then self:bad(path, "has a negative length") end
    self:want(size, path, rest)
    local outer, from = self.stop, self.at
    self.stop = from + size
    if self.protocol.structs[path] then
        local node = self:struct(path)
        node.from, node.to = from, self.stop
    end
    local whole, fault = pcall(body, self)
    if not whole and not (type(fault) == "table" and fault.untranslated) then error(fault, 0) end
    if self.at < self.stop then
        local start = self.at
        self.at = self.stop
        self:add(path, start, {bytes = true, field = self.protocol.unread})
    end
    self.stop = outer
end

function Reader:ended(path)
    if self.at < self.stop then self:bad(path, "bytes are left over") end
end

function Reader:ahead(path, bytes, certain)
    if certain then self:want(#bytes, path) end
    local last = math.min(self.at + #bytes, self.stop or #self.data)
    self:computed(path, int(self.data:sub(self.at + 1, last) == bytes), {})
end

function Reader:key_values(path, width, little, signed)
    local node = self:block(path, self.at)
    while self:left() > 0 do
        local from, both = self.at, {}
        for index = 1, 2 do
            local size = self:number(width, path, little, signed)
            if size < -1 then self:bad(path, format("a length of %d", size)) end
            both[index] = size >= 0 and self:string(size, path) or false
        end
        if both[1] and both[2] then
            self:pair(node, path, from, both[1], both[2])
        else
            self:inside(node, path .. ".pair", from, "(null: this pair is dropped)")
        end
    end
    node.to = self.at
end

function Reader:chunks(path, width, little)
    local node = self:add(path, self.at, {children = {}})
    repeat
        local from = self.at
        local size = self:number(width, path, little)
        self:take(size, path)
        self:inside(node, path .. ".chunk", from, format("%d bytes", size))
    until size == 0
    node.to = self.at
end

-- Text until an ending, which is taken too; at most `most` bytes before it.
function Reader:delimited(path, ending, most)
    local from = self.at
    local last = math.min(self.stop or #self.data, from + most + #ending)
    local at = self.data:sub(from + 1, last):find(ending, 1, true)
    if not at then
        if last - from == most + #ending then self:bad(path, format("has no end within %d bytes", most)) end
        self:want(last - from + 1, path)
    end
    local found = self:string(at - 1, path)
    self.at = self.at + #ending
    self.texts[path] = found
    self:add(path, from, {value = readable(found), text = true})
end

function Reader:checksum(path, little)
    local from = self.at
    local value, high, low = self:number(4, path, little)
    local item = self:add(path, from, {value = value, high = high, low = low})
    if from - self.start > MAX_SUMMED then
        item.status = 2
    else
        local sum = crc32(self.data, self.start + 1, from)
        item.status = int(sum == value)
        item.computed = sum
    end
end

-- What cannot be translated, and so cannot be passed over: the rest of the section, or of what is there, stays bytes.
function Reader:untranslated()
    error({untranslated = true}, 0)
end
