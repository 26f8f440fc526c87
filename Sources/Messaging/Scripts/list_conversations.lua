-- Scans a bounded part of one of a partition's sorted sets of conversations, newest first, for those that match.
--
-- KEYS[1]  prefix of the partition
-- ARGV     name of the sorted set after the prefix, rank to begin at, how many to look at,
--          states (comma list, each between commas, or ''), assignee or '', channel or ''
-- Reply    {how many were looked at, id, last message's ms, id, ms …}
local prefix = KEYS[1]
local set, from, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local states, assignee, channel = ARGV[4], ARGV[5], ARGV[6]

local ids = redis.call('ZREVRANGE', prefix .. set, from, from + count - 1)
local reply = {#ids}
for _, id in ipairs(ids) do
    local fields = redis.call('HMGET', prefix .. 'conversation:' .. id, 'state', 'assignee', 'channel', 'lastMessageAt')
    if fields[1] and (states == '' or string.find(states, ',' .. fields[1] .. ',', 1, true))
        and (assignee == '' or fields[2] == assignee) and (channel == '' or fields[3] == channel) then
        reply[#reply + 1] = id
        reply[#reply + 1] = tonumber(fields[4] or 0)
    end
end
return reply
