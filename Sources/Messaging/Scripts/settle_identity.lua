-- Confirms, frees or releases a channel identity, if it still is what the caller saw.
--
-- KEYS[1]  what every key of the identity's partition begins with, such as '{p07g}:'
-- ARGV[1]  'CHANNEL:CHANNELID'
-- ARGV[2]  the value seen: 'ID' (claimed) or 'ID@MS' (reserved at MS, ms since 1970)
-- ARGV[3]  the value to put there; '' deletes it
-- ARGV[4]  the least age of a reservation, ms; 0 for any
-- ARGV[5]  the identity's digest, to forget that it was proved; '' otherwise
--
-- Reply    1 done; 0 it is something else by now; -1 the reservation is too young
local key = KEYS[1] .. 'identity:' .. ARGV[1]
local seen, value, leastAge, forgotten = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

if redis.call('GET', key) ~= seen then
    return 0
end
local reservedAt = string.match(seen, '@(%d+)$')
if reservedAt and leastAge > 0 then
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    if now - tonumber(reservedAt) < leastAge then
        return -1
    end
end
if value == '' then
    redis.call('DEL', key)
else
    redis.call('SET', key, value)
end
if forgotten ~= '' then
    redis.call('DEL', KEYS[1] .. 'proved:' .. forgotten)
end
return 1
