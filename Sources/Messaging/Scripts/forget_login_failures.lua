-- A password was right: earlier failures of this login don't count any more, and this attempt is none of its address's.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  login, lower case
-- ARGV[2]  the client's address; '' for none
local prefix, login, address = KEYS[1], ARGV[1], ARGV[2]
redis.call('DEL', prefix .. 'login-failures:' .. login)
local from = prefix .. 'login-failures-from:' .. address
if address ~= '' and tonumber(redis.call('GET', from) or 0) > 0 then
    redis.call('DECR', from)
end
return 1
