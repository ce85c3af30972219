-- HTTP/1.1: a head, shown by its lines, and the body that it announces. Which body an answer has depends on what was
-- asked, so the methods of a connection's requests are kept until they are answered.

local MAX_HEAD, MAX_LINE = 65536, 8192
local H_NONE, H_COUNTED, H_CHUNKED, H_UNTIL_CLOSE = 0, 1, 2, 3
local H_METHODS = {GET = 1, HEAD = 2, POST = 3, PUT = 4, DELETE = 5, OPTIONS = 6, CONNECT = 7, PATCH = 8, TRACE = 9}

-- A line without its CRLF.
function Reader:http_line(path, most)
    local last = self.data:find("\r\n", self.at + 1, true)
    if not last or last - self.at > most then
        if #self.data - self.at > most then self:bad(path, format("a line of more than %d bytes", most)) end
        error({need = 1}, 0)
    end
    local from = self.at
    self.at = last + 1
    return self.data:sub(from + 1, last - 1)
end

local function words(value)
    local found = {}
    for word in value:lower():gmatch("[^,%s]+") do found[word] = true end
    return found
end

local function http_fields(self, path, node)
    local said, count = {}, 0
    while true do
        local from = self.at
        local line = self:http_line(path, MAX_HEAD)
        if line == "" then return said end
        count = count + 1
        if count > 128 then self:bad(path, "too many fields") end
        local name, value = line:match("^([!#$%%&'*+%-.^_`|~%w]+):[ \t]*(.-)[ \t]*$")
        if not name then self:bad(path, "a line that is no field: " .. readable(line:sub(1, 80))) end
        self:pair(node, path, from, name, value)
        name = name:lower()
        said[name] = said[name] and said[name] .. "," .. value or value
    end
end

local function http_facts(self, path, said, minor, status)
    local length, encoding = said["content-length"], said["transfer-encoding"]
    if length and not (length:match("^%d+$") and #length <= 15) then self:bad(path, "Content-Length: " .. readable(length)) end
    if encoding and (encoding:lower() ~= "chunked" or length) then self:bad(path, "Transfer-Encoding: " .. readable(encoding)) end
    local form = encoding and H_CHUNKED or length and H_COUNTED or status > 0 and H_UNTIL_CLOSE or H_NONE
    if status > 0 and status < 200 or status == 204 or status == 304 then form = H_NONE end
    local options = words(said["connection"] or "")
    local closes = options["close"] or minor == 0 and not options["keep-alive"]
    return form, tonumber(length or "0"), int(closes), int(options["upgrade"] and said["upgrade"] and minor == 1),
        int(said["expect"] and minor == 1)
end

-- What a head says, packed in the order of the declaration's facts; a counted body's length.
function Reader:http_head(path, facts, length)
    local from = self.at
    local ends = self.data:find("\r\n\r\n", from + 1, true)
    if not ends or ends - from > MAX_HEAD then
        if #self.data - from >= MAX_HEAD then self:bad(path, "a head of more than 65536 bytes") end
        if self.data:find("^\n", from + 1) or self.data:find("[^\r]\n", from + 1) then self:bad(path, "a bare LF") end
        error({need = 1}, 0)
    end
    local node = self:block(path, from)
    self.structs[path] = node
    local line = self:http_line(path, MAX_HEAD)
    self:inside(node, path .. ".line", from, readable(line))
    self.title = readable(line)
    local method, minor, status = 0, nil, 0
    if self.direction == 1 then
        minor, status = line:match("^HTTP/1%.([01]) ([1-5]%d%d)")
        if not minor then self:bad(path, "no status line: " .. self.title:sub(1, 80)) end
        status = tonumber(status)
    else
        local name
        name, minor = line:match("^([!#$%%&'*+%-.^_`|~%w]+) [!-~]+ HTTP/1%.([01])$")
        if not name then self:bad(path, "no request line: " .. self.title:sub(1, 80)) end
        method = H_METHODS[name] or 0
    end
    minor = tonumber(minor)
    local form, size, closes, upgrades, awaits = http_facts(self, path, http_fields(self, path, node), minor, status)
    node.to = self.at
    local high, low = 0, form + 4 * method + 64 * minor + 128 * closes + 256 * upgrades + 512 * awaits + 1024 * status
    self.v[facts], self.v[length] = low, size
    self.words[facts] = {from = from, to = self.at, high = high, low = low}
    self.http = {form = form, method = method, status = status}
end

-- The method of the request that this answers.
local function asked(self)
    local exchange = self.stream
    return exchange.known[self.place] or exchange.methods[1]
end

function Reader:http_body(path, _, length)
    local form, from = self.http.form, self.at
    if self.direction == 1 then
        local method = asked(self)
        if method == 2 or method == 7 and self.http.status < 300 then form = H_NONE end
    end
    if form == H_COUNTED then
        self:bytes(path, self.v[length], {rest = 0})
    elseif form == H_UNTIL_CLOSE then
        if not self.stream.ended then error({need = 1, forever = true}, 0) end
        self:bytes(path, self:left(), {})
    elseif form == H_CHUNKED then
        local node = self:add(path, from, {bytes = true, children = {}})
        local size
        repeat
            local start = self.at
            local line = self:http_line(path, MAX_LINE)
            local digits = line:match("^(%x+)$") or line:match("^(%x+);")
            if not digits or #digits > 12 then self:bad(path, "a chunk's size: " .. readable(line:sub(1, 40))) end
            size = tonumber(digits, 16)
            if size > 0 then
                self:take(size, path)
                if self:string(2, path) ~= "\r\n" then self:bad(path, "a chunk's end") end
            end
            self:inside(node, path .. ".chunk", start, format("%d bytes", size))
        until size == 0
        repeat
            local start = self.at
            local line = self:http_line(path, MAX_LINE)
            if line ~= "" then self:inside(node, path .. ".chunk", start, "trailer " .. readable(line)) end
        until line == ""
        node.to = self.at
    end
end

-- Called once for each whole message, in the order of the capture.
local function http_exchanged(self)
    local exchange = self.stream
    if self.direction == 0 then
        exchange.methods[#exchange.methods + 1] = self.http.method
    elseif self.http.status >= 200 or self.http.status == 101 then
        exchange.known[self.place] = table.remove(exchange.methods, 1)
    end
end
