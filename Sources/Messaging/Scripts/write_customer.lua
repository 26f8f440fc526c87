-- Creates or changes a customer together with the identity claims of its own partition, as one atomic step.
-- audit.lua and customer_rows.lua stand before this.
--
-- KEYS[1]  what every key of the partition begins with, such as '{p07g}:'
-- ARGV     customer id
--          version the change was computed from; '' creates the customer
--          ms since 1970 after which the reservations in other partitions no longer hold; '' without any
--          number of identities to claim, and each as 'CHANNEL:CHANNELID'
--          number of identities to release, and each
--          number of fields to delete, and each
--          then field, value, field, value …
--
-- Reply    {'written', field, value, field, value …}  the whole record
--          {'unknown'}         there is no such customer
--          {'changed'}         somebody else changed it in between: read it again and repeat
--          {'late'}            the reservations have become too old: make them again
--          {'taken', position, value}  that identity (1 is the first to claim) is claimed or reserved by another
local prefix = KEYS[1]
local position = 0
local function take()
    position = position + 1
    return ARGV[position]
end
local function takeList()
    local list = {}
    for i = 1, tonumber(take()) do
        list[i] = take()
    end
    return list
end

local id, version, deadline = take(), take(), take()
local claims, releases, deletions = takeList(), takeList(), takeList()
local key = prefix .. 'customer:' .. id
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local isNew = version == ''
local known = redis.call('HMGET', key, 'version', 'row')
local current, row = known[1], known[2]
if isNew and current then
    return {'changed'}
elseif not isNew and not current then
    return {'unknown'}
elseif not isNew and current ~= version then
    return {'changed'}
end
if deadline ~= '' and now > tonumber(deadline) then
    return {'late'}
end
for i, identity in ipairs(claims) do
    local holder = redis.call('GET', prefix .. 'identity:' .. identity)
    if holder and holder ~= id then
        return {'taken', i, holder}
    end
end

for _, identity in ipairs(claims) do
    redis.call('SET', prefix .. 'identity:' .. identity, id)
end
for _, identity in ipairs(releases) do
    if redis.call('GET', prefix .. 'identity:' .. identity) == id then
        redis.call('DEL', prefix .. 'identity:' .. identity)
    end
end
for _, field in ipairs(deletions) do
    redis.call('HDEL', key, field)
end
while position < #ARGV do
    local field, value = take(), take()
    redis.call('HSET', key, field, value)
end
redis.call('HSET', key, 'updatedAt', now)
redis.call('HINCRBY', key, 'version', 1)
if isNew then
    redis.call('HSET', key, 'createdAt', now, 'lastInteractionAt', now, 'row', add_customer_row(prefix, id, now))
elseif row then
    note_customer_edit(prefix, row)
end

audit(prefix)

local reply = redis.call('HGETALL', key)
table.insert(reply, 1, 'written')
return reply
