-- Drops entries of an audit log that are older than they are kept. (XTRIM MINID would do it, from Redis 6.2 on.)
--
-- KEYS[1]  the log
-- ARGV[1]  ms since 1970: older ones are dropped
-- ARGV[2]  how many at most
--
-- Reply    how many were dropped
local old = redis.call('XRANGE', KEYS[1], '-', string.format('%.0f-18446744073709551615', ARGV[1] - 1), 'COUNT', ARGV[2])
local ids = {}
for i, entry in ipairs(old) do
    ids[i] = entry[1]
end
return #ids > 0 and redis.call('XDEL', KEYS[1], unpack(ids)) or 0
