-- Ends all tokens of a customer or an agent, and tells the gateways that hold connections of theirs: 'x COUNT ID *'. The
-- proofs of identity that a customer's tokens were given for end as well. audit.lua, publish.lua and proofs.lua stand before
-- this.
--
-- KEYS[1]  prefix of the customer's partition, or of the agents'
-- ARGV[1]  'customer' or 'agent'
-- ARGV[2]  customer or agent id
--
-- Reply    how many live tokens ended; -1 if there is no such customer or agent
local prefix, kind, id = KEYS[1], ARGV[1], ARGV[2]
local record = prefix .. kind .. ':' .. id
if redis.call('EXISTS', record) == 0 then
    return -1
end

local tokens = prefix .. kind .. '-tokens:' .. id
local revoked = 0
for _, hash in ipairs(redis.call('ZRANGE', tokens, 0, -1)) do
    revoked = revoked + redis.call('DEL', prefix .. 'token:' .. hash)
end
redis.call('DEL', tokens)
-- Written also when there was nothing to end: a repetition must have something that a replica can confirm.
local time = redis.call('TIME')
redis.call('HSET', record, 'tokensRevokedAt', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))

local boxes = {}
if kind == 'customer' then
    end_proofs(prefix, id)
    add_customer(prefix, id, boxes, false)
else
    add_agent(prefix, id, boxes, false)
end
publish(prefix, boxes, 'x', id .. ' *', kind == 'customer' and id or '')
audit(prefix)
return revoked
