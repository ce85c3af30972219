-- Hessian2: texts and the pairs of a map are read, other values are passed over and shown in short. Nothing is made of
-- them. Maps, open lists and what a class has are levels of a stack, so that no nesting can exhaust Lua's own.

local MAX_OPEN, MAX_CLASSES = 512, 1024

local WIDTHS = {}
local function widths(size, ...)
    for _, range in ipairs({...}) do
        for lead = range[1], range[2] do WIDTHS[lead] = size end
    end
end
widths(0, {0x4e, 0x4e}, {0x54, 0x54}, {0x46, 0x46}, {0x5b, 0x5c}, {0x80, 0xbf}, {0xd8, 0xef})
widths(1, {0x5d, 0x5d}, {0xc0, 0xcf}, {0xf0, 0xff})
widths(2, {0x5e, 0x5e}, {0x38, 0x3f}, {0xd0, 0xd7})
widths(4, {0x49, 0x49}, {0x59, 0x59}, {0x4b, 0x4b}, {0x5f, 0x5f})
widths(8, {0x4c, 0x4c}, {0x44, 0x44}, {0x4a, 0x4a})

local function is_text(lead)
    return lead < 0x20 or (lead >= 0x30 and lead < 0x34) or lead == 0x52 or lead == 0x53
end

function Reader:peek(path)
    self:want(1, path)
    return self.data:byte(self.at + 1)
end

function Reader:big(size, path)
    local value = self:number(size, path)
    return value
end

-- Characters that count as so many units of UTF-16.
function Reader:units(count, path)
    local from = self.at
    while count > 0 do
        local lead = self:byte(path)
        local more, worth = 0, 1
        if lead >= 0xf0 and lead < 0xf5 and count > 1 then
            more, worth = 3, 2
        elseif lead >= 0xe0 and lead < 0xf0 then
            more = 2
        elseif lead >= 0xc2 and lead < 0xe0 then
            more = 1
        elseif lead >= 0x80 then
            self:bad(path, "a text that is not UTF-8")
        end
        local at = self:take(more, path)
        if not continuation(self.data, at + 1, at + more) then self:bad(path, "a text that is not UTF-8") end
        count = count - worth
    end
    return self.data:sub(from + 1, self.at)
end

-- A string, its chunks joined; nil for null.
function Reader:hessian_string(path)
    local pieces, lead = {}, self:byte(path)
    if lead == 0x4e then return nil end
    while true do
        local size
        if lead < 0x20 then
            size = lead
        elseif lead >= 0x30 and lead < 0x34 then
            size = (lead - 0x30) * 256 + self:byte(path)
        elseif lead == 0x52 or lead == 0x53 then
            size = self:big(2, path)
        else
            self:bad(path, format("no Hessian2 string begins with %02x", lead))
        end
        pieces[#pieces + 1] = self:units(size, path)
        if lead ~= 0x52 then return table.concat(pieces) end
        lead = self:byte(path)
    end
end

function Reader:hessian_binary(lead, path)
    local total = 0
    while true do
        local size
        if lead >= 0x20 and lead < 0x30 then
            size = lead - 0x20
        elseif lead >= 0x34 and lead < 0x38 then
            size = (lead - 0x34) * 256 + self:byte(path)
        elseif lead == 0x41 or lead == 0x42 then
            size = self:big(2, path)
        else
            self:bad(path, format("no Hessian2 bytes begin with %02x", lead))
        end
        self:take(size, path)
        total = total + size
        if lead ~= 0x41 then return format("%d bytes", total) end
        lead = self:byte(path)
    end
end

function Reader:hessian_int(path)
    local lead = self:byte(path)
    if lead >= 0x80 and lead < 0xc0 then return lead - 0x90 end
    if lead >= 0xc0 and lead < 0xd0 then return (lead - 0xc8) * 256 + self:byte(path) end
    if lead >= 0xd0 and lead < 0xd8 then return (lead - 0xd4) * 65536 + self:big(2, path) end
    if lead == 0x49 then
        local value = self:number(4, path, false, true)
        return value
    end
    self:bad(path, format("no Hessian2 int begins with %02x", lead))
end

function Reader:hessian_count(path)
    local count = self:hessian_int(path)
    if count < 0 then self:bad(path, format("a count of %d", count)) end
    self:want(count, path)  -- every value takes a byte at least
    return count
end

function Reader:hessian_type(path)
    if is_text(self:peek(path)) then return readable(self:hessian_string(path) or "null") end
    return format("type #%d", self:hessian_int(path))
end

function Reader:hessian_definition(path)
    local name = self:hessian_string(path)
    local count = self:hessian_count(path)
    local names = {}
    for _ = 1, count do
        local field = self:hessian_string(path)
        if not field then self:bad(path, "a class with a field that has no name") end
        names[#names + 1] = readable(field)
    end
    if #self.classes >= MAX_CLASSES then self:bad(path, "too many classes") end
    self.classes[#self.classes + 1] = {name = readable(name or "null"), names = names}
end

function Reader:hessian_object(reference, path)
    local class = self.classes[reference + 1]
    if not class then self:bad(path, format("an object of class #%d, which was not defined", reference)) end
    return class
end

local function double(high, low)
    local sign = high >= 2147483648 and -1 or 1
    local exponent, mantissa = floor(high / 1048576) % 2048, high % 1048576 * 4294967296 + low
    if exponent == 2047 then return mantissa == 0 and sign * math.huge or 0 / 0 end
    if exponent == 0 then return sign * mantissa * 2 ^ -1074 end
    return sign * (1 + mantissa / 4503599627370496) * 2 ^ (exponent - 1023)
end

local function integer64(high, low)
    return tostring(Int64.new(low, high))
end

-- What a value of a fixed width is, in short; `from` is behind its first byte.
function Reader:hessian_plain(lead, path)
    local size = WIDTHS[lead]
    local value, high, low = self:number(size, path, false, true)
    if lead == 0x4e then return "null" end
    if lead == 0x54 or lead == 0x46 then return lead == 0x54 and "true" or "false" end
    if lead == 0x5b or lead == 0x5c then return lead == 0x5b and "0.0" or "1.0" end
    if lead == 0x5d or lead == 0x5e then return format("%.1f", value) end
    if lead == 0x5f then return format("%.14g", value / 1000) end
    if lead == 0x44 then return format("%.17g", double(high, low)) end
    if lead == 0x4a then return "date, ms " .. integer64(high, low) end
    if lead == 0x4b then return format("date, minutes %d", value) end
    if lead == 0x4c then return integer64(high, low) end
    if lead == 0x49 or lead == 0x59 then return format("%d", value) end
    local rest = size == 0 and 0 or low
    if lead < 0x40 then return format("%d", (lead - 0x3c) * 65536 + rest) end
    if lead < 0xc0 then return format("%d", lead - 0x90) end
    if lead < 0xd0 then return format("%d", (lead - 0xc8) * 256 + rest % 256) end
    if lead < 0xd8 then return format("%d", (lead - 0xd4) * 65536 + rest) end
    if lead < 0xf0 then return format("%d", lead - 0xe0) end
    return format("%d", (lead - 0xf8) * 256 + rest % 256)
end

-- The own bytes of one value: what it is, then how many values follow that belong to it (-1: until Z), a map's or a
-- class's names of them, and its text if it is one.
function Reader:hessian_one(path)
    local lead = self:byte(path)
    while lead == 0x43 do
        self:hessian_definition(path)
        lead = self:byte(path)
    end
    if WIDTHS[lead] then return self:hessian_plain(lead, path), 0 end
    if is_text(lead) then
        self.at = self.at - 1
        local text = self:hessian_string(path) or ""
        return '"' .. readable(text) .. '"', 0, nil, text
    end
    if lead >= 0x20 and lead < 0x38 or lead == 0x41 or lead == 0x42 then return self:hessian_binary(lead, path), 0 end
    if lead == 0x48 then return "map", -1, "map" end
    if lead == 0x57 then return "list", -1 end
    if lead == 0x4d then return "map " .. self:hessian_type(path), -1, "map" end
    if lead == 0x55 then return "list " .. self:hessian_type(path), -1 end
    if lead == 0x56 or lead >= 0x70 and lead < 0x78 then
        local type_name = self:hessian_type(path)
        return "list " .. type_name, lead == 0x56 and self:hessian_count(path) or lead - 0x70
    end
    if lead == 0x58 then return "list", self:hessian_count(path) end
    if lead >= 0x78 and lead < 0x80 then return "list", lead - 0x78 end
    if lead == 0x4f or lead >= 0x60 and lead < 0x70 then
        local class = self:hessian_object(lead == 0x4f and self:hessian_int(path) or lead - 0x60, path)
        return class.name, #class.names, class.names
    end
    if lead == 0x51 then return format("reference #%d", self:hessian_int(path)), 0 end
    self:bad(path, format("no Hessian2 value begins with %02x", lead))
end

-- So many values, shown under `node`; returns what the first is, and its text.
function Reader:hessian_values(path, count, node)
    local field, opened, first, first_text = path .. ".value", 0, nil, nil
    local stack = {{node = node, left = count, index = 0}}
    while #stack > 0 do
        local top = stack[#stack]
        if top.left == 0 then
            stack[#stack] = nil
        elseif top.left < 0 and self:peek(path) == 0x5a then
            self.at = self.at + 1
            stack[#stack] = nil
            opened = opened - 1
        else
            local from = self.at
            local said, more, names, text = self:hessian_one(path)
            if not first then first, first_text = said, text end
            top.index, top.left = top.index + 1, top.left - 1
            local label = said
            if top.names == "map" then
                label = top.index % 2 == 0 and top.name and top.name .. " = " .. said or said
                top.name = top.index % 2 == 1 and said or nil
            elseif top.names then
                label = (top.names[top.index] or "?") .. " = " .. said
            end
            local shown
            if not (top.names == "map" and top.name and more == 0) then
                shown = self:inside(top.node, field, from, label)
            end
            if top.left == 0 then stack[#stack] = nil end
            if more < 0 then
                opened = opened + 1
                if opened > MAX_OPEN then self:bad(path, "values too deep inside each other") end
            else
                self:want(more, path)
            end
            if more ~= 0 then stack[#stack + 1] = {node = shown, left = more, index = 0, names = names} end
        end
    end
    return first, first_text
end

-- Primitives --------------------------------------------------------------------------------------------------------

function Reader:hessian_text(path)
    local from = self.at
    local text = self:hessian_string(path)
    self.texts[path] = text
    self:add(path, from, {value = text and readable(text) or "(null)", text = true})
end

local function count_types(descriptor)
    local count, at = 0, 1
    while at <= #descriptor do
        local _, last = descriptor:find("^%[*[VZBCDFIJS]", at)
        if not last then
            local name
            _, last, name = descriptor:find("^%[*L([%w_$/]+);", at)
            if not last or name:find("^[%d/]") or name:find("/[%d/]") or name:find("/$") then return nil end
        end
        count, at = count + 1, last + 1
    end
    return count
end

function Reader:hessian_arguments(path, types)
    local count = count_types(self.texts[types] or "")
    if not count then self:bad(path, types .. " is no descriptor") end
    local node = self:add(path, self.at, {children = {}})
    local _, text = self:hessian_values(path, count, node)
    self.texts[path] = text
    node.to = self.at
end

function Reader:hessian_map(path)
    local node, lead = self:block(path, self.at), self:byte(path)
    if lead == 0x4d then
        self:hessian_type(path)
    elseif lead ~= 0x48 and lead ~= 0x4e then
        self:bad(path, format("no Hessian2 map begins with %02x", lead))
    end
    while lead ~= 0x4e and self:peek(path) ~= 0x5a do
        local from, both, said, inner = self.at, {}, {}, {children = {}, level = 2}
        for index = 1, 2 do
            if is_text(self:peek(path)) then
                both[index] = self:hessian_string(path)
            else
                said[index] = self:hessian_values(path, 1, inner)
            end
        end
        local item = self:pair(node, path, from, both[1] or "", both[2] or "", said[1], said[2])
        for _, each in ipairs(item and inner.children or {}) do item.children[#item.children + 1] = each end
    end
    if lead ~= 0x4e then self:take(1, path) end
    node.to = self.at
end
