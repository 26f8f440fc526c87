-- Reads whom a token stands for. An agent is read from the agent's record, so that a new role counts at once.
--
-- KEYS[1]  what every key of the token's partition begins with, such as '{p07g}:'
-- ARGV[1]  SHA-256 of the token, hex
--
-- Reply    {'customer', id, expiry in ms, channel}
--          {'agent', id, expiry in ms, role, name}
--          {'unknown'}
local prefix = KEYS[1]
local token = redis.call('HMGET', prefix .. 'token:' .. ARGV[1], 'kind', 'id', 'expiresAt', 'channel')
if not token[1] then
    return {'unknown'}
end
if token[1] == 'customer' then
    return token
end
local agent = redis.call('HMGET', prefix .. 'agent:' .. token[2], 'role', 'name', 'active')
if agent[3] ~= '1' then
    return {'unknown'}
end
return {'agent', token[2], token[3], agent[1], agent[2]}
