-- Ends one token of a customer, and tells the gateways that hold connections of theirs: 'x COUNT ID HASH'.
-- audit.lua and publish.lua stand before this.
--
-- KEYS[1]  prefix of the customer's partition
-- ARGV[1]  customer id
-- ARGV[2]  how the SHA-256 of the token begins, hex
--
-- Reply    1; 0 if the customer has no such token; -1 if there is no such customer
local prefix, id, beginning = KEYS[1], ARGV[1], ARGV[2]
local record = prefix .. 'customer:' .. id
if redis.call('EXISTS', record) == 0 then
    return -1
end

local tokens = prefix .. 'customer-tokens:' .. id
local revoked = 0
for _, hash in ipairs(redis.call('ZRANGE', tokens, 0, -1)) do
    if string.sub(hash, 1, #beginning) == beginning then
        revoked = redis.call('DEL', prefix .. 'token:' .. hash)
        redis.call('ZREM', tokens, hash)
        local boxes = {}
        add_customer(prefix, id, boxes, false)
        publish(prefix, boxes, 'x', id .. ' ' .. hash, id)
        audit(prefix)
        break
    end
end
-- Written also when there was nothing to end: a repetition must have something that a replica can confirm.
local time = redis.call('TIME')
redis.call('HSET', record, 'tokensRevokedAt', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return revoked
