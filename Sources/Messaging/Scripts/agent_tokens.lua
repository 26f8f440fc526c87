-- Not a script of its own: put before the scripts that end an agent's tokens, or change who the agent is.

-- Tells the gateways that hold connections of an agent. Each publication is counted, so that a gateway notices a lost one:
-- 'KIND COUNT AGENT REST'.
local function tell_gateways(prefix, kind, agent, rest)
    local mailboxes = redis.call('HGET', prefix .. 'agents', agent)
    if mailboxes then
        for mailbox in string.gmatch(mailboxes, '([^%s=]+)=%S+') do
            local count = redis.call('HINCRBY', prefix .. 'mailbox', mailbox, 1)
            redis.call(PUBLISH, prefix .. 'to:' .. mailbox,
                kind .. ' ' .. string.format('%d', count) .. ' ' .. agent .. ' ' .. rest)
        end
    end
end

-- Ends one token of an agent and tells the gateways: 'x COUNT AGENT HASH'.
local function endToken(prefix, agent, hash)
    redis.call('DEL', prefix .. 'token:' .. hash)
    local time = redis.call('TIME')
    redis.call('HSET', prefix .. 'agent:' .. agent, 'tokensRevokedAt',
        string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
    redis.call('ZREM', prefix .. 'agent-tokens:' .. agent, hash)
    tell_gateways(prefix, 'x', agent, hash)
end
