-- Issues a token to an active agent. audit.lua and agent_tokens.lua stand before this.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  agent id
-- ARGV[2]  SHA-256 of the token, hex
-- ARGV[3]  lifetime of the token, ms
-- ARGV[4]  how many live tokens an agent may have; the oldest beyond that end
--
-- Reply    {'issued', expiry in ms}
--          {'unknown'}  there is no such agent, or it is not active
local prefix, agent, hash = KEYS[1], ARGV[1], ARGV[2]
local lifetime, maxTokens = tonumber(ARGV[3]), tonumber(ARGV[4])

if redis.call('HGET', prefix .. 'agent:' .. agent, 'active') ~= '1' then
    return {'unknown'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = now + lifetime

local token = prefix .. 'token:' .. hash
redis.call('HSET', token, 'kind', 'agent', 'id', agent, 'issuedAt', now, 'expiresAt', expiry)
redis.call('PEXPIREAT', token, expiry)

local tokens = prefix .. 'agent-tokens:' .. agent
redis.call('ZREMRANGEBYSCORE', tokens, '-inf', now)
redis.call('ZADD', tokens, expiry, hash)
local surplus = redis.call('ZCARD', tokens) - maxTokens
if surplus > 0 then
    for _, oldest in ipairs(redis.call('ZRANGE', tokens, 0, surplus - 1)) do
        endToken(prefix, agent, oldest)
    end
end
local latest = redis.call('ZRANGE', tokens, -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', tokens, latest[2])
audit(prefix)
return {'issued', expiry}
