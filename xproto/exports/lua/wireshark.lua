-- How a declaration hangs on Wireshark: its fields, its place below TCP, and one frame after the other.

local ONE_MORE_SEGMENT, UNTIL_FIN = DESEGMENT_ONE_MORE_SEGMENT or 0x0fffffff, DESEGMENT_UNTIL_FIN or 0x0ffffffe
local STATUS = {[0] = "Bad", [1] = "Good", [2] = "Unverified"}
local tcp_stream = Field.new("tcp.stream")
local tcp_fin = Field.new("tcp.flags.fin")

local function make_fields(protocol, proto)
    local made, types, list = {}, {}, {}
    for _, field in ipairs(protocol.fields) do
        local path, kind, labels, mask = field[1], field[2], field[3], field[4]
        local abbreviation, name = protocol.filter .. "." .. path:gsub("[^%w_.]", "_"), path:match("[^.]*$")
        local each
        if kind == "none" or kind == "bytes" or kind == "string" then
            each = ProtoField[kind](abbreviation, name)
        elseif kind == "checksum" then
            each = ProtoField.uint32(abbreviation, name, base.HEX)
            made[path .. ".status"] = ProtoField.uint8(abbreviation .. ".status", name .. " status", base.DEC, STATUS)
            list[#list + 1] = made[path .. ".status"]
        else
            each = ProtoField[kind](abbreviation, name, base.DEC, labels, mask)
        end
        made[path], types[path] = each, kind == "checksum" and "uint32" or kind
        list[#list + 1] = each
    end
    proto.fields = list
    return made, types
end

local function extent(item)
    if item.to then return end
    for _, child in ipairs(item.children) do
        extent(child)
        if not child.generated then
            item.from = math.min(item.from or child.from, child.from)
            item.to = math.max(item.to or child.to, child.to)
        end
    end
    if not item.to then  -- nothing of it is on the wire
        local first = item.children[1]
        item.from, item.to = first and first.from or 0, first and first.from or 0
    end
end

local function integer(item, kind)
    local high, low = item.high, item.low
    if item.word then high, low = item.word.high, item.word.low end
    if kind ~= "uint64" and kind ~= "int64" then return item.word and low or item.value end
    if not high then high, low = floor(item.value / 4294967296) % 4294967296, item.value % 4294967296 end
    return kind == "int64" and Int64.new(low, high) or UInt64.new(low, high)
end

local function show(protocol, tree, tvb, children)
    for _, item in ipairs(children) do
        extent(item)
        local kind, field = protocol.types[item.field], protocol.made[item.field]
        local range = tvb(item.of or item.from, item.to - (item.of or item.from))
        local shown
        if item.text and item.value ~= nil then
            shown = tree:add(field, range, item.value)
        elseif item.value ~= nil and kind:find("int") then
            shown = tree:add(field, range, integer(item, kind))
        else
            shown = tree:add(field, range)
        end
        if item.note then shown:append_text(' "' .. item.note .. '"') end
        if item.generated then shown:set_generated(true) end
        if item.status then
            local status = shown:add(protocol.made[item.field .. ".status"], range, item.status)
            status:set_generated(true)
            if item.status == 0 then
                status:add_proto_expert_info(protocol.experts.checksum, format("Checksum must be 0x%08x", item.computed))
            end
        end
        if item.children then show(protocol, shown, tvb, item.children) end
    end
end

-- The first source that has a text.
local function pick(reader, sources)
    for _, source in ipairs(sources) do
        local text
        if source.key then text = (reader.pairs[source.path] or {})[source.key] else text = reader.texts[source.path] end
        for _, other in ipairs(source.unless or {}) do
            if text == other then text = nil end
        end
        if text and source.separator then
            local at = text:find(source.separator, 1, true)
            if source.behind then text = at and text:sub(at + 1) or text else text = at and text:sub(1, at - 1) end
        end
        if text then return readable(text) end
    end
end

local function add_roles(protocol, reader, tree, tvb, kind)
    local said = {kind}
    local function role(name, value, is_text)
        if not value then return end
        local path = protocol.roles .. "." .. name
        tree:add(protocol.made[path], tvb(reader.start, 0), value):set_generated(true)
        if value ~= "" then said[#said + 1] = is_text and value or name .. "=" .. tostring(value) end
    end
    tree:add(protocol.made[protocol.roles .. ".kind"], tvb(reader.start, 0), kind):set_generated(true)
    if protocol.id then
        local item = reader.items[protocol.id]
        local id = item and item.word and UInt64.new(item.value)  -- some bits of the word that they stand in
        role("id", id or item and integer(item, protocol.types[protocol.roles .. ".id"]))
    end
    role("service", pick(reader, protocol.service), true)
    role("method", pick(reader, protocol.method), true)
    if reader.title then said[#said + 1] = reader.title end
    return table.concat(said, " ")
end

-- Reads one frame: nil, or the fault, which is what is missing or what is wrong.
local function run(protocol, reader)
    local whole, fault = pcall(protocol.read, reader)
    if not whole and type(fault) == "table" and fault.untranslated then
        whole = true
        if reader:left() > 0 then reader:bytes(protocol.unread, nil, {}) end
    end
    if whole then
        if reader.at - reader.start > protocol.limit then
            return {bad = "frame", why = format("is longer than %d bytes", protocol.limit), at = reader.at}
        end
        reader.kind = protocol.kind(reader.v)
        if not reader.kind then return {bad = "frame", why = "is of no kind", at = reader.at} end
        return nil
    end
    if type(fault) ~= "table" then error(fault, 0) end
    return fault
end

local function say(protocol, pinfo, text)
    pinfo.cols.protocol = protocol.title
    if pinfo.private[protocol.filter] then text = "; " .. text end
    pinfo.private[protocol.filter] = "1"
    pinfo.cols.info:set(text)
    pinfo.cols.info:fence()
end

local function show_frame(protocol, reader, tvb, pinfo, tree, fault, last)
    local top = tree:add(protocol.proto, tvb(reader.start, last - reader.start))
    show(protocol, top, tvb, reader.root.children)
    if reader.hidden > 0 then
        top:add_proto_expert_info(protocol.experts.hidden, format("%d more values are not shown", reader.hidden))
    end
    local text
    if fault then
        text = fault.bad and format("malformed: %s %s", fault.bad, fault.why) or "not all of this frame is there"
        top:add_proto_expert_info(fault.bad and protocol.experts.malformed or protocol.experts.cut, text)
    else
        text = add_roles(protocol, reader, top, tvb, reader.kind)
    end
    top:append_text(", " .. text)
    say(protocol, pinfo, text)
end

local streams = {}  -- by protocol, then by TCP stream

local function stream_of(protocol)
    local known = streams[protocol.filter]
    local number = tcp_stream()
    local key = number and number.value or 0
    if not known[key] then known[key] = {client = false, methods = {}, known = {}} end
    return known[key]
end

local function source_of(pinfo) return tostring(pinfo.src) .. " " .. pinfo.src_port end
local function target_of(pinfo) return tostring(pinfo.dst) .. " " .. pinfo.dst_port end

-- 1 where the frame comes from the server: from the port that the user named, else not from who spoke first.
local function direction_of(stream, pinfo)
    if not stream.client then
        local from_server = pinfo.match_uint == pinfo.src_port and pinfo.match_uint ~= pinfo.dst_port
        stream.client = from_server and target_of(pinfo) or source_of(pinfo)
    end
    return int(source_of(pinfo) ~= stream.client)
end

local function dissect(protocol, tvb, pinfo, tree)
    local data, offset = tvb:raw(0, tvb:len()), 0
    local stream = stream_of(protocol)
    local direction = direction_of(stream, pinfo)
    local fin = tcp_fin()
    while offset < #data do
        local reader = new_reader(protocol, data, offset, direction)
        reader.stream, reader.place = stream, pinfo.number .. ":" .. offset
        stream.ended = fin and fin.value or pinfo.can_desegment == 0
        local fault = run(protocol, reader)
        if fault and fault.need and pinfo.can_desegment > 0 then
            pinfo.desegment_offset = offset
            if fault.forever then
                pinfo.desegment_len = UNTIL_FIN
            else
                pinfo.desegment_len = fault.exact and fault.need or ONE_MORE_SEGMENT
            end
            return #data
        end
        local last = fault and #data or reader.at
        show_frame(protocol, reader, tvb, pinfo, tree, fault, last)
        if not fault and protocol.exchanged and not pinfo.visited then protocol.exchanged(reader) end
        offset = last
    end
    return #data
end

-- A signature: at each offset the bytes that may stand there, as hexadecimal ranges or * for any.
local function parse_signature(text)
    local offsets = {}
    for set in text:gmatch("%S+") do
        local allowed = set == "*"
        if set ~= "*" then
            allowed = {}
            for first, last in set:gmatch("(%x%x)%-?(%x?%x?)") do
                for byte = tonumber(first, 16), tonumber(last ~= "" and last or first, 16) do allowed[byte] = true end
            end
        end
        offsets[#offsets + 1] = allowed
    end
    return offsets
end

local function begins(data, offsets)
    if #data < #offsets then return false end
    for at, allowed in ipairs(offsets) do
        if allowed ~= true and not allowed[data:byte(at)] then return false end
    end
    return true
end

local function looks_like(protocol, tvb, pinfo)
    local data = tvb:raw(0, tvb:len())
    for _, offsets in ipairs(protocol.signatures) do
        if begins(data, offsets) then
            for direction = 0, 1 do
                local reader = new_reader(protocol, data, 0, direction)
                reader.stream, reader.place = {methods = {}, known = {}}, ""
                local fault = run(protocol, reader)
                if not (fault and fault.bad) then
                    local stream = stream_of(protocol)
                    stream.client = stream.client or direction == 0 and source_of(pinfo) or target_of(pinfo)
                    return true
                end
            end
            return false
        end
    end
    return false
end

-- Of dissectors in different files Wireshark asks any first, so those that go before others are known to all of them.
-- Each file has globals of its own; _G is that of all.
_G.xproto_dissectors = _G.xproto_dissectors or {}
local dissectors = _G.xproto_dissectors

local function is_anothers(protocol, tvb, pinfo)
    for _, other in pairs(dissectors) do
        if other.before[protocol.title] and other.looks_like(tvb, pinfo) then return true end
    end
    return false
end

local function register(protocol)
    local proto = Proto(protocol.filter, protocol.title .. " (xproto)")
    protocol.proto = proto
    protocol.made, protocol.types = make_fields(protocol, proto)
    local function problem(name, text, group, severity)
        return ProtoExpert.new(protocol.filter .. ".expert." .. name, text, group, severity)
    end
    protocol.experts = {
        malformed = problem("malformed", "Malformed frame", expert.group.MALFORMED, expert.severity.ERROR),
        checksum = problem("checksum", "Bad checksum", expert.group.CHECKSUM, expert.severity.ERROR),
        hidden = problem("hidden", "Values that are not shown", expert.group.UNDECODED, expert.severity.NOTE),
        cut = problem("cut", "Not all of the frame is there", expert.group.REASSEMBLE, expert.severity.WARN),
    }
    proto.experts = {protocol.experts.malformed, protocol.experts.checksum, protocol.experts.hidden, protocol.experts.cut}
    protocol.signatures = {}
    for _, text in ipairs(protocol.signature) do
        protocol.signatures[#protocol.signatures + 1] = parse_signature(text)
    end
    streams[protocol.filter] = {}

    function proto.init() streams[protocol.filter] = {} end
    function proto.dissector(tvb, pinfo, tree) return dissect(protocol, tvb, pinfo, tree) end
    dissectors[protocol.filter] = {
        before = protocol.before,
        looks_like = function(tvb, pinfo) return looks_like(protocol, tvb, pinfo) end,
    }
    proto:register_heuristic("tcp", function(tvb, pinfo, tree)
        if not looks_like(protocol, tvb, pinfo) or is_anothers(protocol, tvb, pinfo) then return false end
        pinfo.conversation = proto
        dissect(protocol, tvb, pinfo, tree)
        return true
    end)

    local ports, set = DissectorTable.get("tcp.port"), ""
    ports:add_for_decode_as(proto)
    proto.prefs.ports = Pref.range("TCP ports", "", "Ports of its servers, such as 9100,9200-9210", 65535)
    function proto.prefs_changed()
        if set ~= "" then ports:remove(set, proto) end
        set = proto.prefs.ports
        if set ~= "" then ports:add(set, proto) end
    end
end
