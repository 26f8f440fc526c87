-- Counts a token that an agent is about to issue for a customer, for all customer-api together.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  agent id
-- ARGV[2]  how many within a minute from the first
--
-- Reply    0 it may be issued; otherwise the ms to wait
local key = KEYS[1] .. 'token-issues:' .. ARGV[1]
if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[2]) then
    return math.max(redis.call('PTTL', key), 1)
end
if redis.call('INCR', key) == 1 then
    redis.call('PEXPIRE', key, 60000)
end
return 0
