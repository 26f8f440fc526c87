-- Counts a login attempt before the password is looked at, so that attempts at the same moment all count.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  login, lower case
-- ARGV[2]  how many failures of a login are free
-- ARGV[3]  how long after the last failure all are forgotten, ms; also the longest wait
-- ARGV[4]  the client's address; '' for none
-- ARGV[5]  how many failures an address may have in as long a time from the first; 0 for any number
--
-- Reply    0 the attempt may be made; otherwise the ms to wait
local prefix, login, address = KEYS[1], ARGV[1], ARGV[4]
local key, from = prefix .. 'login-failures:' .. login, prefix .. 'login-failures-from:' .. address
local free, memory, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5])

local has_limit = address ~= '' and most > 0
if has_limit and tonumber(redis.call('GET', from) or 0) >= most then
    return math.max(redis.call('PTTL', from), 1)
end
local failures = tonumber(redis.call('GET', key) or '0')
if failures >= free then
    local sinceLast = memory - redis.call('PTTL', key)
    local wait = math.min(2 ^ failures * 1000, memory)
    if sinceLast < wait then
        return wait - sinceLast
    end
end
redis.call('SET', key, string.format('%d', failures + 1), 'PX', memory)
if has_limit and redis.call('INCR', from) == 1 then
    redis.call('PEXPIRE', from, memory)
end
return 0
