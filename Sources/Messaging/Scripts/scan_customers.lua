-- Looks through a bounded number of a partition's customers, newest interaction first, for those that match.
--
-- KEYS[1]  what every key of the partition begins with, such as '{p07g}:'
-- ARGV[1]  how many customers to pass over
-- ARGV[2]  how many to look at
-- ARGV[3]  text that the folded name must contain; '' for any
-- ARGV[4]  primary channel; '' for any
-- ARGV[5]  '1' active, '0' not; '' for any
-- ARGV[6]  a tag that must be there; '' for any
--
-- Reply    {how many were looked at, id, lastInteractionAt in ms, id, lastInteractionAt …}
local prefix = KEYS[1]
local first, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local name, channel, active, tag = ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local rows = redis.call('ZREVRANGE', prefix .. 'customers', first, first + count - 1, 'WITHSCORES')
local reply = {#rows / 2}
for i = 1, #rows, 2 do
    local customer =
        redis.call('HMGET', prefix .. 'customer:' .. rows[i], 'nameFolded', 'primaryChannel', 'active', 'tags')
    if (name == '' or string.find(customer[1] or '', name, 1, true))
        and (channel == '' or customer[2] == channel)
        and (active == '' or customer[3] == active)
        and (tag == '' or string.find('\n' .. (customer[4] or '') .. '\n', '\n' .. tag .. '\n', 1, true))
    then
        reply[#reply + 1] = rows[i]
        reply[#reply + 1] = rows[i + 1]
    end
end
return reply
