-- Reserves a channel identity for a customer who lives in another partition, before that customer's record lists it.
--
-- KEYS[1]  what every key of the identity's partition begins with, such as '{p07g}:'
-- ARGV[1]  'CHANNEL:CHANNELID'
-- ARGV[2]  customer id
--
-- Reply    {'reserved', ms since 1970 at which it was reserved}
--          {'taken', value}  another customer's claim ('ID') or reservation ('ID@MS')
local key, id = KEYS[1] .. 'identity:' .. ARGV[1], ARGV[2]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local holder = redis.call('GET', key)
if holder and string.sub(holder, 1, #id) ~= id then
    return {'taken', holder}
end
redis.call('SET', key, id .. '@' .. string.format('%d', now))
return {'reserved', now}
