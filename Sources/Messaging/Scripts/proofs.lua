-- Put before the scripts that take proofs of identity, or end them.
--
-- 'proof:DIGEST' says who used a proof first: 'USER CUSTOMER', or '' once it was ended with the customer's tokens. It stands
-- in the partition of the identity, which outlives customers, and in that of the customer, where all of a customer's end in
-- one step with the tokens. 'customer-proofs:ID' has the digests of one customer by when they are forgotten, and under the
-- name '' when the last of those would have been that there were too many of.

-- Takes a proof for a customer; the first use binds it.
--
-- proof   digest; user: what stands for the client; ends: ms since 1970 at which it may be forgotten; most: how many a
--         customer may have
-- former  the customer for whom this very request has taken it already, and who turned out not to have the identity; or ''
--
-- Returns whether it may be used.
local function take_proof(prefix, customer, proof, now)
    local key = prefix .. 'proof:' .. proof.digest
    local value = proof.user .. ' ' .. customer
    local known = redis.call('GET', key)
    if known == value then
        return true
    end
    if known and (proof.former == '' or known ~= proof.user .. ' ' .. proof.former) then
        return false
    end
    local proofs = prefix .. 'customer-proofs:' .. customer
    redis.call('ZREMRANGEBYSCORE', proofs, '-inf', now)
    local dropped = redis.call('ZSCORE', proofs, '')
    if dropped and proof.ends <= tonumber(dropped) then
        return false
    end
    redis.call('SET', key, value)
    redis.call('PEXPIREAT', key, proof.ends)
    redis.call('ZADD', proofs, proof.ends, proof.digest)
    -- Nothing is before '' in the order.
    local first = dropped and 1 or 0
    local surplus = redis.call('ZCARD', proofs) - first - proof.most
    if surplus > 0 then
        local soonest = redis.call('ZRANGE', proofs, first, first + surplus - 1, 'WITHSCORES')
        for i = 1, #soonest, 2 do
            redis.call('DEL', prefix .. 'proof:' .. soonest[i])
            redis.call('ZREM', proofs, soonest[i])
        end
        redis.call('ZADD', proofs, soonest[#soonest], '')
    end
    local latest = redis.call('ZRANGE', proofs, -1, -1, 'WITHSCORES')
    redis.call('PEXPIREAT', proofs, latest[2])
    return true
end

-- Ends the proofs that a customer's tokens were given for: from here on they are of no use to anybody.
local function end_proofs(prefix, customer)
    for _, digest in ipairs(redis.call('ZRANGE', prefix .. 'customer-proofs:' .. customer, 0, -1)) do
        redis.call('SET', prefix .. 'proof:' .. digest, '', 'XX', 'KEEPTTL')
    end
end
