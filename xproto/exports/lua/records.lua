-- Records of a few integers, one behind the other. columns: of each integer {width, {name, little, signed, labels}}.
function Reader:records(path, size, columns)
    if size < 0 then self:bad(path, "has a negative length") end
    self:want(size, path)
    local last = self.at + size
    local node = self:add(path, self.at, {children = {}})
    while self.at < last do
        local from, said = self.at, {}
        for _, column in ipairs(columns) do
            local options = column[2]
            local value, high, low = self:number(column[1], path, options.little, options.signed)
            local text = options.labels and options.labels[value]
            if not text then
                text = tostring(options.signed and Int64.new(low, high) or UInt64.new(low, high))
            end
            said[#said + 1] = options.name and options.name .. "=" .. text or text
        end
        self:inside(node, path .. ".record", from, table.concat(said, " "))
    end
    node.to = self.at
end

