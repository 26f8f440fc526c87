-- Counts a login attempt before the password is looked at, so that attempts at the same moment all count.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  login, lower case
-- ARGV[2]  how many failures are free
-- ARGV[3]  how long after the last failure all are forgotten, ms; also the longest wait
--
-- Reply    0 the attempt may be made; otherwise the ms to wait
local key = KEYS[1] .. 'login-failures:' .. ARGV[1]
local free, memory = tonumber(ARGV[2]), tonumber(ARGV[3])

local failures = tonumber(redis.call('GET', key) or '0')
if failures >= free then
    local sinceLast = memory - redis.call('PTTL', key)
    local wait = math.min(2 ^ failures * 1000, memory)
    if sinceLast < wait then
        return wait - sinceLast
    end
end
redis.call('SET', key, string.format('%d', failures + 1), 'PX', memory)
return 0
