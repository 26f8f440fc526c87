-- Reads a page of a conversation's messages, and where the conversation stands.
--
-- KEYS[1]  prefix of the conversation's partition
-- ARGV     conversation, reader id or '' (whose base is looked up), direction: 'after', 'before' or 'base'; seq; limit
--          'base' reads what that reader has to be shown: after its cursor, and, where nobody answers yet, after the
--          last answer
-- Reply    nil when there is no such conversation, else
--          {customer, channel, state, assignee or '', generation, survived, seq, base, {seq, record, seq, record …}}
--          ascending by seq
local prefix = KEYS[1]
local conversation, reader, direction, seq, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'customer', 'channel', 'state', 'assignee',
    'generation', 'survived', 'seq', 'answered')
if not fields[1] then
    return false
end
if direction == 'base' then
    seq = tonumber(redis.call('HGET', prefix .. 'cursors:' .. conversation, reader) or 0)
    if fields[3] == 'waiting' and reader ~= fields[1] then
        seq = math.max(seq, tonumber(fields[8] or 0))
    end
end

local log = prefix .. 'log:' .. conversation
local page = {}
if direction == 'before' then
    local entries = redis.call('XREVRANGE', log, '(' .. string.format('%.0f', seq) .. '-0', '-', 'COUNT', limit)
    for i = #entries, 1, -1 do
        page[#page + 1] = tonumber(string.match(entries[i][1], '^%d+'))
        page[#page + 1] = entries[i][2][2]
    end
else
    local entries = redis.call('XRANGE', log, '(' .. string.format('%.0f', seq) .. '-0', '+', 'COUNT', limit)
    for _, entry in ipairs(entries) do
        page[#page + 1] = tonumber(string.match(entry[1], '^%d+'))
        page[#page + 1] = entry[2][2]
    end
end
return {
    fields[1], fields[2], fields[3], fields[4] or '', tonumber(fields[5]), tonumber(fields[6] or 0),
    tonumber(fields[7] or 0), seq, page,
}
