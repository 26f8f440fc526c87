-- Ends one token of an agent (logout). audit.lua and agent_tokens.lua stand before this.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  agent id
-- ARGV[2]  SHA-256 of the token, hex
--
-- Reply    1 if there was such a token, 0 if not
local prefix, agent, hash = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HGET', prefix .. 'token:' .. hash, 'id') ~= agent then
    return 0
end
endToken(prefix, agent, hash)
audit(prefix)
return 1
