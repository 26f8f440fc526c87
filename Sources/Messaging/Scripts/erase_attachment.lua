-- Forgets an attachment of a customer who is erased, whose file is gone already.
--
-- KEYS[1]  prefix of the partition
-- ARGV     attachment, customer
-- Reply    1, or 0 if the customer has no such attachment
local prefix, attachment, customer = KEYS[1], ARGV[1], ARGV[2]

redis.call('SREM', prefix .. 'customer-attachments:' .. customer, attachment)
local record = prefix .. 'attachment:' .. attachment
if redis.call('HGET', record, 'customer') ~= customer then
    return 0
end
local data = prefix .. 'attachment-data:' .. attachment
local size = redis.call('STRLEN', data)
if size > 0 then
    redis.call('DECRBY', prefix .. 'attachment-data-bytes', size)
end
redis.call('UNLINK', record, data)
return 1
