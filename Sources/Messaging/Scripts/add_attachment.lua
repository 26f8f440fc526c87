-- Records an attachment within its customer's quota.
--
-- KEYS[1]  prefix of the customer's partition
-- ARGV     attachment id, customer id, name, content type, size, what it counts as in the quota, the quota, ms, how many
--          bytes Redis may keep in this partition ('0': this one is kept elsewhere), the bytes to keep
-- Reply    'added', or 'unknown' (no such customer), 'quota', 'full' (Redis may not keep so much)
local prefix = KEYS[1]
local id, customer, name, content_type, size, charge, quota, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5],
    tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local most_kept, data = tonumber(ARGV[9]), ARGV[10]

if redis.call('EXISTS', prefix .. 'customer:' .. customer) == 0 then
    return 'unknown'
end
local used = prefix .. 'attachment-bytes:' .. customer
if tonumber(redis.call('GET', used) or 0) + charge > quota then
    return 'quota'
end
if most_kept > 0 then
    local kept = prefix .. 'attachment-data-bytes'
    if tonumber(redis.call('GET', kept) or 0) + #data > most_kept then
        return 'full'
    end
    redis.call('INCRBY', kept, #data)
    redis.call('SET', prefix .. 'attachment-data:' .. id, data)
end
redis.call('INCRBY', used, charge)
redis.call('SADD', prefix .. 'customer-attachments:' .. customer, id)
redis.call('HSET', prefix .. 'attachment:' .. id,
    'customer', customer, 'name', name, 'contentType', content_type, 'size', size, 'createdAt', now)
return 'added'
