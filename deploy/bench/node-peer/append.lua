-- Stores a message and publishes it to the gateway that holds its recipient, as one step.
--
-- KEYS[1]  conversation id
-- ARGV     sender's id, 'c' (customer) or 'a' (agent), the message as JSON
-- Reply    the message's seq, or 0: the sender may not write here
local party = redis.call('HMGET', 'conversation:' .. KEYS[1], 'customer', 'agent')
if party[ARGV[2] == 'c' and 1 or 2] ~= ARGV[1] then
    return 0
end
local seq = redis.call('HINCRBY', 'conversation:' .. KEYS[1], 'seq', 1)
redis.call('XADD', 'log:' .. KEYS[1], 'MAXLEN', '~', 100000, seq .. '-0', 'm', ARGV[3])
local recipient = party[ARGV[2] == 'c' and 2 or 1]
local gateway = redis.call('HGET', 'routes', recipient)
if gateway then
    redis.call('PUBLISH', 'to:' .. gateway,
        '{"recipient":"' .. recipient .. '","seq":' .. seq .. ',"message":' .. ARGV[3] .. '}')
end
return seq
