-- Thrift values in the binary and the compact protocol, and the blocks of headers that are made of them.

local MAX_LEVELS = 64
local T_BOOL, T_I8, T_DOUBLE, T_I16, T_I32, T_I64, T_STRING, T_STRUCT, T_MAP, T_SET, T_LIST, T_UUID =
    2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16
local T_FIXED = {[2] = 1, [3] = 1, [4] = 8, [6] = 2, [8] = 4, [10] = 8, [16] = 16}
local T_LEAST = {[2] = 1, [3] = 1, [4] = 8, [6] = 2, [8] = 4, [10] = 8, [16] = 16, [11] = 4, [12] = 1, [13] = 6, [14] = 5,
    [15] = 5}
local T_COMPACT = {2, 2, 3, 6, 8, 10, 4, 11, 15, 14, 13, 12, 16}
local T_COMPACT_FIXED = {[2] = 1, [3] = 1, [4] = 8, [16] = 16}
local T_NAMES = {[2] = "bool", [3] = "i8", [4] = "double", [6] = "i16", [8] = "i32", [10] = "i64", [11] = "string",
    [12] = "struct", [13] = "map", [14] = "set", [15] = "list", [16] = "uuid"}

local function thrift_double(high, low)
    local exponent, mantissa = floor(high / 1048576) % 2048, high % 1048576 * 4294967296 + low
    local sign = high >= 2147483648 and -1 or 1
    if exponent == 2047 then return mantissa == 0 and sign * math.huge or 0 / 0 end
    if exponent == 0 then return sign * mantissa * 2 ^ -1074 end
    return sign * (1 + mantissa / 4503599627370496) * 2 ^ (exponent - 1023)
end

-- A zigzag varint in decimal, of up to 64 bits.
function Reader:zigzag(most, path)
    local low, high, scale = 0, 0, 0
    for _ = 1, most do
        local byte = self:byte(path)
        for bit = 0, 6 do
            if floor(byte / 2 ^ bit) % 2 == 1 then
                if scale + bit < 32 then low = low + 2 ^ (scale + bit)
                elseif scale + bit < 64 then high = high + 2 ^ (scale + bit - 32) end
            end
        end
        scale = scale + 7
        if byte < 128 then
            local negative = low % 2 == 1
            low, high = floor(low / 2) + high % 2 * 2147483648, floor(high / 2)
            if negative then low, high = 4294967295 - low, 4294967295 - high end
            return tostring(Int64.new(floor(low), floor(high)))
        end
    end
    self:bad(path, format("a varint of more than %d bytes", most))
end

function Reader:thrift_size(path, compact)
    local size
    if compact then size = self:varint(5, path) else size = self:number(4, path) end
    if size >= 2147483648 then self:bad(path, format("a size of %d", size)) end
    return size
end

function Reader:thrift_container(path, compact, kind, level, node)
    local types, count = {}, nil
    if not compact then
        types = {self:byte(path), kind == T_MAP and self:byte(path) or nil}
        count = self:thrift_size(path, false)
    elseif kind == T_MAP then
        count = self:varint(5, path)
        if count > 0 then
            local both = self:byte(path)
            types = {T_COMPACT[floor(both / 16)] or 0, T_COMPACT[both % 16] or 0}
        end
    else
        local head = self:byte(path)
        types = {T_COMPACT[head % 16] or 0}
        count = head >= 240 and self:varint(5, path) or floor(head / 16)
    end
    if count == 0 then return end
    local least = 0
    for _, each in ipairs(types) do
        if not T_LEAST[each] then self:bad(path, format("there is no type %d", each)) end
        least = least + (compact and (T_COMPACT_FIXED[each] or 1) or T_LEAST[each])
    end
    self:want(count * least, path)
    local plain = compact and T_COMPACT_FIXED[types[1]] or not compact and T_FIXED[types[1]]
    if level == MAX_LEVELS and (kind == T_MAP or not plain) then self:bad(path, "values too deep inside each other") end
    for _ = 1, count do
        for index, each in ipairs(types) do
            self:thrift_value(path, compact, each, level + 1, node, #types == 2 and (index == 1 and "key" or "value") or "element")
        end
    end
end

function Reader:thrift_plain(path, compact, kind)
    if compact and (kind == T_I16 or kind == T_I32 or kind == T_I64) then
        return self:zigzag(kind == T_I64 and 10 or 5, path)
    end
    if kind == T_UUID then
        local hex = self:string(16, path):gsub(".", function(byte) return format("%02x", byte:byte()) end)
        return hex
    end
    local value, high, low = self:number(T_FIXED[kind], path, compact and kind == T_DOUBLE, true)
    if kind == T_DOUBLE then return format("%.17g", thrift_double(high, low)) end
    if kind == T_I64 then return tostring(Int64.new(low, high)) end
    if kind == T_BOOL then return value == 1 and "true" or "false" end
    return format("%d", value)
end

-- One value, shown under `node` behind its name; its item, if it is shown.
function Reader:thrift_value(path, compact, kind, level, node, name)
    local from, field, label = self.at, path .. ".value", name .. ": " .. (T_NAMES[kind] or "?")
    local item
    if T_FIXED[kind] then
        local said = self:thrift_plain(path, compact, kind)
        item = self:inside(node, field, from, label .. " = " .. said)
    elseif kind == T_STRING then
        local text = self:string(self:thrift_size(path, compact), path)
        item = self:inside(node, field, from, label .. " = " .. readable(text))
        if item then item.raw = text end
    elseif kind == T_STRUCT or kind == T_MAP or kind == T_SET or kind == T_LIST then
        item = self:inside(node, field, from, label)
        if kind == T_STRUCT then
            self:thrift_fields(path, compact, level, item)
        else
            self:thrift_container(path, compact, kind, level, item)
        end
        if item then item.to = self.at end
    else
        self:bad(path, format("there is no type %d", kind))
    end
    if item then item.kind = kind end
    return item
end

function Reader:thrift_fields(path, compact, level, node)
    if level == MAX_LEVELS then self:bad(path, "values too deep inside each other") end
    local number = 0
    while true do
        local from, head = self.at, self:byte(path)
        if head == 0 then return end
        local kind, bool = head, nil
        if compact then
            kind = T_COMPACT[head % 16]
            if not kind then self:bad(path, format("there is no type %d", head % 16)) end
            if head >= 16 then
                number = number + floor(head / 16)
            else
                number = floor(tonumber(self:zigzag(3, path)))
            end
            if head % 16 <= 2 then bool = head % 16 == 1 and "true" or "false" end
        else
            number = self:number(2, path, false, true)
        end
        local item
        if bool then
            item = self:inside(node, path .. ".value", from, format("%d: bool = %s", number, bool))
        else
            item = self:thrift_value(path, compact, kind, level + 1, node, format("%d", number))
        end
        if item then item.number, item.from = number, from end
    end
end

-- Primitives --------------------------------------------------------------------------------------------------------

function Reader:thrift_struct(path, compact)
    local node = self:add(path, self.at, {children = {}})
    self:thrift_fields(path, compact, 0, node)
    node.to = self.at
end

function Reader:thrift_info(path)
    local node = self:block(path, self.at)
    while self:left() > 0 do
        local number = self:varint(5, path)
        if number == 0 then
            self:take(self:left(), path)
            break
        end
        if number > 2 then self:bad(path, format("there is no info %d", number)) end
        local count = self:varint(5, path)
        if count > self:left() then self:bad(path, format("%d pairs", count)) end
        for _ = 1, count do
            local from = self.at
            local name = self:string(self:varint(5, path), path)
            self:pair(node, path, from, name, self:string(self:varint(5, path), path))
        end
    end
    node.to = self.at
end

local function find(item, number, kind)
    for _, each in ipairs(item and item.children or {}) do
        if each.number == number and each.kind == kind then return each end
    end
    return {}
end

-- Its contexts (8), its client's id (6.1) and its destination (9) become pairs.
function Reader:ttwitter_header(path)
    local from = self.at
    local node = self:block(path, from)
    self:thrift_fields(path, false, 0, node)
    node.to = self.at
    local client, dest = find(find(node, 6, T_STRUCT), 1, T_STRING).raw, find(node, 9, T_STRING).raw
    if client then self:pair(node, path, from, "client_id", client) end
    for _, context in ipairs(find(node, 8, T_LIST).children or {}) do
        local key, value = find(context, 1, T_STRING).raw, find(context, 2, T_STRING).raw
        if key and value then self:pair(node, path, context.from, key, value) end
    end
    if dest then self:pair(node, path, from, "dest", dest) end
end
