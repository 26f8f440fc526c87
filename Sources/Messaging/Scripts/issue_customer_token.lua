-- Issues a customer token as one atomic step: by channel identity, finding or creating the customer, or by customer id.
-- audit.lua, customer_rows.lua and proofs.lua stand before this.
--
-- KEYS[1]   what every key of the partition begins with, such as '{p07g}:'
-- ARGV[1]   'identity', or 'customer' for a customer known to live in this partition
-- ARGV[2]   customer id; for 'identity' the one that a new customer gets
-- ARGV[3]   channel of the token; '' (with 'customer' only) for the customer's primary channel
-- ARGV[4]   channel id; '' if the token is not asked for by identity
-- ARGV[5]   the customer's field that holds this channel id
-- ARGV[6]   the identity's digest; '' without one
-- ARGV[7]   name, used only when the customer is new
-- ARGV[8]   the name as it is searched
-- ARGV[9]   SHA-256 of the token, hex
-- ARGV[10]  lifetime of the token, ms
-- ARGV[11]  how many live tokens a customer may have; the oldest beyond that end
-- ARGV[12]  digest of the proof that the identity is theirs who ask; '' for none
-- ARGV[13]  with a proof, what stands for its user
-- ARGV[14]  with a proof, ms since 1970 at which it may be forgotten
-- ARGV[15]  the customer who had the identity, and turned out not to have it any more, when the same request was here before;
--           '' otherwise
-- ARGV[16]  how many proofs of a customer are remembered
-- ARGV[17]  how many tokens a customer may get within a minute before one is refused to who names an identity; 0 for any
--           number
--
-- Reply     {'issued', customer id, name, channel, expiry in ms}
--           {'elsewhere', customer id}  the identity is claimed for a customer of another partition
--           {'reserved', value}         the identity is reserved by a creation under way
--           {'unproved'}                the identity was proved once, and is not now
--           {'used'}                    the proof was used by another client or for another customer, or was ended
--           {'limited', ms to wait}
--           {'unlisted'}                the customer exists, but does not list this identity (any more)
--           {'unknown'}                 there is no such customer
local prefix = KEYS[1]
local byIdentity = ARGV[1] == 'identity'
local id, channel, channelID, field, digest = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local name, nameFolded, hash = ARGV[7], ARGV[8], ARGV[9]
local lifetime, maxTokens = tonumber(ARGV[10]), tonumber(ARGV[11])
local isProved, perMinute = ARGV[12] ~= '', tonumber(ARGV[17])
local proof = isProved and {
    digest = ARGV[12], user = ARGV[13], ends = tonumber(ARGV[14]), former = ARGV[15], most = tonumber(ARGV[16]),
}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if byIdentity then
    -- A fact about the identity, kept where the identity belongs: it does not matter who has it, or whether anybody has.
    local proved = prefix .. 'proved:' .. digest
    if not isProved and redis.call('EXISTS', proved) == 1 then
        return {'unproved'}
    end
    local claim = prefix .. 'identity:' .. channel .. ':' .. channelID
    local holder = redis.call('GET', claim)
    if holder and string.find(holder, '@', 1, true) then
        return {'reserved', holder}
    end
    if isProved then
        if not take_proof(prefix, holder or id, proof, now) then
            return {'used'}
        end
        redis.call('SET', proved, '1')
    end
    if not holder then
        redis.call('SET', claim, id)
        redis.call('HSET', prefix .. 'customer:' .. id,
            'name', name, 'nameFolded', nameFolded, 'primaryChannel', channel, field, channelID, 'tags', '',
            'active', '1', 'createdAt', now, 'updatedAt', now, 'lastInteractionAt', now, 'version', 1,
            'row', add_customer_row(prefix, id, now))
    elseif redis.call('EXISTS', prefix .. 'customer:' .. holder) == 0 then
        return {'elsewhere', holder}
    else
        id = holder
    end
elseif isProved and not take_proof(prefix, id, proof, now) then
    -- Before it is seen whether there is such a customer: one that is being erased has ended the proof.
    return {'used'}
end

-- The last is where an earlier version noted what was proved.
local customer = redis.call('HMGET', prefix .. 'customer:' .. id, 'name', 'primaryChannel', field, 'proved:' .. channel)
if not customer[1] then
    return {'unknown'}
end
if channelID ~= '' and not byIdentity then
    local isContact = field == 'email' or field == 'phone'
    if customer[3] ~= channelID or (isContact and customer[2] ~= channel) then
        return {'unlisted'}
    end
end
if channelID ~= '' and customer[4] == channelID and not isProved then
    return {'unproved'}
end
if channel == '' then
    channel = customer[2]
end

local expiry = now + lifetime
local tokens = prefix .. 'customer-tokens:' .. id
if channelID ~= '' and perMinute > 0 then
    -- The expiries tell when tokens were issued.
    local since = expiry - 60000
    local recent = redis.call('ZCOUNT', tokens, since, expiry)
    if recent >= perMinute then
        local oldest = redis.call('ZRANGEBYSCORE', tokens, since, expiry, 'WITHSCORES', 'LIMIT', recent - perMinute, 1)
        return {'limited', math.max(oldest[2] - since, 1)}
    end
end
local token = prefix .. 'token:' .. hash
redis.call('HSET', token, 'kind', 'customer', 'id', id, 'channel', channel, 'issuedAt', now, 'expiresAt', expiry)
redis.call('PEXPIREAT', token, expiry)

redis.call('ZREMRANGEBYSCORE', tokens, '-inf', now)
redis.call('ZADD', tokens, expiry, hash)
local surplus = redis.call('ZCARD', tokens) - maxTokens
if surplus > 0 then
    for _, oldest in ipairs(redis.call('ZRANGE', tokens, 0, surplus - 1)) do
        redis.call('DEL', prefix .. 'token:' .. oldest)
        redis.call('ZREM', tokens, oldest)
    end
end
-- The latest expiry is the last one's, also when the lifetime was made shorter between two starts.
local latest = redis.call('ZRANGE', tokens, -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', tokens, latest[2])

audit(prefix)
return {'issued', id, customer[1], channel, expiry}
