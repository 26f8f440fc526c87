-- Not a script of its own: put before the scripts that end an agent's tokens.

-- Ends one token of an agent and tells the gateways that hold connections of this agent. Each publication is counted, so
-- that a gateway notices a lost one: 'x COUNT AGENT HASH'.
local function endToken(prefix, agent, hash)
    redis.call('DEL', prefix .. 'token:' .. hash)
    local time = redis.call('TIME')
    redis.call('HSET', prefix .. 'agent:' .. agent, 'tokensRevokedAt',
        string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
    redis.call('ZREM', prefix .. 'agent-tokens:' .. agent, hash)
    local mailboxes = redis.call('HGET', prefix .. 'agents', agent)
    if mailboxes then
        for mailbox in string.gmatch(mailboxes, '([^%s=]+)=%S+') do
            local count = redis.call('HINCRBY', prefix .. 'mailbox', mailbox, 1)
            redis.call(PUBLISH, prefix .. 'to:' .. mailbox,
                'x ' .. string.format('%d', count) .. ' ' .. agent .. ' ' .. hash)
        end
    end
end
