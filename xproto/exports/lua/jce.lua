-- jce, the serialization of Tars: fields with a tag and a type in front. All of them stand in a section.

local MAX_LEVELS_JCE = 64
local J_WIDTHS = {[0] = 1, [1] = 2, [2] = 4, [3] = 8, [4] = 4, [5] = 8, [12] = 0}
local J_NAMES = {[0] = "i8", "i16", "i32", "i64", "float", "double", "string", "string", "map", "list", "struct", "end", "0",
    "bytes"}

-- A field's tag and type.
function Reader:jce_head(path)
    local first = self:byte(path)
    if first < 240 then return floor(first / 16), first % 16 end
    local tag = self:byte(path)
    if tag < 15 then self:bad(path, format("the tag %d in the form for tags from 15 on", tag)) end
    return tag, first % 16
end

function Reader:jce_expect(path, tag)
    local found, kind = self:jce_head(path)
    if found ~= tag then self:bad(path, format("is field %d instead of %d", found, tag)) end
    return kind
end

function Reader:jce_number(path, kind)
    if kind > 3 and kind ~= 12 then self:bad(path, format("type %d is no integer", kind)) end
    if kind == 12 then return 0, 0, 0 end
    return self:number(J_WIDTHS[kind], path, false, true)
end

function Reader:jce_count(path)
    local count = self:jce_number(path, self:jce_expect(path, 0))
    if count < 0 or count > self:left() then self:bad(path, format("a count of %d", count)) end
    return count
end

function Reader:jce_string(path, kind)
    if kind ~= 6 and kind ~= 7 then self:bad(path, format("type %d is no text", kind)) end
    local size = self:number(kind == 6 and 1 or 4, path)
    return self:string(size, path)
end

function Reader:jce_blob(path)
    if self:jce_expect(path, 0) ~= 0 then self:bad(path, "a list of something else than bytes") end
    return self:string(self:jce_count(path), path)
end

-- Past one value; it is shown under `node`.
function Reader:jce_value(path, tag, kind, level, node, from)
    local field, label = path .. ".value", format("%d: %s", tag, J_NAMES[kind] or "?")
    if level == MAX_LEVELS_JCE and kind >= 8 and kind <= 10 then self:bad(path, "values too deep inside each other") end
    if kind == 4 or kind == 5 then
        self:take(J_WIDTHS[kind], path)
        self:inside(node, field, from, label)
    elseif J_WIDTHS[kind] then
        local _, high, low = self:jce_number(path, kind)
        self:inside(node, field, from, label .. " = " .. tostring(Int64.new(low, high)))
    elseif kind == 6 or kind == 7 then
        local text = self:jce_string(path, kind)
        self:inside(node, field, from, label .. " = " .. readable(text))
    elseif kind == 13 then
        local bytes = self:jce_blob(path)
        self:inside(node, field, from, format("%s, %d", label, #bytes))
    elseif kind == 8 or kind == 9 then
        local item = self:inside(node, field, from, label)
        for _ = 1, self:jce_count(path) * (kind == 8 and 2 or 1) do
            local start = self.at
            local inner_tag, inner = self:jce_head(path)
            self:jce_value(path, inner_tag, inner, level + 1, item, start)
        end
        if item then item.to = self.at end
    elseif kind == 10 then
        local item = self:inside(node, field, from, label)
        repeat
            local start = self.at
            local inner_tag, inner = self:jce_head(path)
            if inner ~= 11 then self:jce_value(path, inner_tag, inner, level + 1, item, start) end
        until inner == 11
        if item then item.to = self.at end
    else
        self:bad(path, format("there is no type %d", kind))
    end
end

-- Primitives --------------------------------------------------------------------------------------------------------

function Reader:jce_integer(path, tag, options)
    local from = self.at
    local value, high, low = self:jce_number(path, self:jce_expect(path, tag))
    self.v[options.key or path] = value
    self:add(path, from, {value = value, high = high, low = low})
    check(self, path, value, options.lo, options.hi)
end

function Reader:jce_text(path, tag)
    local from = self.at
    local text = self:jce_string(path, self:jce_expect(path, tag))
    self.texts[path] = text
    self:add(path, from, {value = readable(text), text = true})
end

function Reader:jce_bytes(path, tag)
    local from = self.at
    local kind = self:jce_expect(path, tag)
    if kind == 13 then
        local bytes = self:jce_blob(path)
        self.texts[path] = bytes
        self:add(path, from, {bytes = true, of = self.at - #bytes, note = printable(bytes) and bytes})
    elseif kind == 9 then
        local node = self:add(path, from, {bytes = true, children = {}})
        self:jce_value(path, tag, kind, 0, node, from)
        node.to, self.texts[path] = self.at, ""
    else
        self:bad(path, format("type %d is no list of bytes", kind))
    end
end

function Reader:jce_map(path, tag)
    local from = self.at
    local node = self:block(path, from)
    if self:left() == 0 then return end
    local next_tag = self:jce_head(path)
    self.at = from
    if next_tag > tag then return end
    if self:jce_expect(path, tag) ~= 8 then self:bad(path, "is no map") end
    for _ = 1, self:jce_count(path) do
        local start, both = self.at, {}
        for index = 1, 2 do
            local kind = self:jce_expect(path, index - 1)
            if kind == 6 or kind == 7 then
                both[index] = self:jce_string(path, kind)
            else
                self:jce_value(path, index - 1, kind, 0, node, start)
            end
        end
        if both[1] and both[2] then self:pair(node, path, start, both[1], both[2]) end
    end
    node.to = self.at
end

function Reader:jce_rest(path)
    local node = self:add(path, self.at, {children = {}})
    while self:left() > 0 do
        local from = self.at
        local tag, kind = self:jce_head(path)
        self:jce_value(path, tag, kind, 0, node, from)
    end
    node.to = self.at
end
