-- Scans a bounded part of one of a partition's sorted sets of conversations, highest score first, for those that match.
--
-- KEYS[1]  prefix of the partition
-- ARGV     name of the sorted set after the prefix, rank to begin at, how many to look at,
--          states (comma list, each between commas, or ''), assignee or '', channel or '',
--          a folded text or '': in the customer's name, or, of 8 bytes or more, how the conversation's or the customer's
--          id begins,
--          how many rows to answer at most
-- Reply    {how many were looked at, how many match, id, last message's ms, score in ms, id, ms, score …}
local prefix = KEYS[1]
local set, from, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local states, assignee, channel, text, most = ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])

local function matches_text(id, customer)
    -- A shorter one is part of a name: so many ids begin with `ada`.
    if #text >= 8 and (string.find(id, text, 1, true) == 1 or string.find(customer, text, 1, true) == 1) then
        return true
    end
    local name = redis.call('HGET', prefix .. 'customer:' .. customer, 'nameFolded')
    return name and string.find(name, text, 1, true)
end

local rows = redis.call('ZREVRANGE', prefix .. set, from, from + count - 1, 'WITHSCORES')
local reply = {#rows / 2, 0}
for i = 1, #rows, 2 do
    local id = rows[i]
    local fields = redis.call('HMGET', prefix .. 'conversation:' .. id, 'state', 'assignee', 'channel', 'lastMessageAt',
        'customer')
    if fields[1] and (states == '' or string.find(states, ',' .. fields[1] .. ',', 1, true))
        and (assignee == '' or fields[2] == assignee) and (channel == '' or fields[3] == channel)
        and (text == '' or matches_text(id, fields[5])) then
        reply[2] = reply[2] + 1
        if reply[2] <= most then
            reply[#reply + 1] = id
            reply[#reply + 1] = tonumber(fields[4] or 0)
            reply[#reply + 1] = tonumber(rows[i + 1])
        end
    end
end
return reply
