-- A mailbox's sign of life in one partition, once a second: renews its lease, tells its reader over pub/sub up to which
-- count it must have received, and takes away what gateways left behind that died.
--
-- KEYS[1]  prefix of the partition
-- ARGV     mailbox, lease in ms, most customers to take away at once from a dead mailbox, a customer and an agent who must
--          have a route to the mailbox, each may be empty; the number of the tick, which comes back with it
-- Reply    1, or 0 if the mailbox had no lease or one of the two has no route: it is new, or its routes got lost
local prefix = KEYS[1]
local mailbox, lease, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local customer, agent, number = ARGV[4], ARGV[5], ARGV[6]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('HGET', prefix .. 'leases', mailbox)
-- Who was late itself, because Redis was away or took no writes, or is new, does not call others dead: they may be late for
-- the same reason, and have the time of a lease to show that they live.
local was_late = ends and tonumber(ends) < now
-- A new lease is replicated and in the append-only file, its renewals are not: 64 writes a second for each mailbox. Whoever
-- died with a Redis is on record in the next one, with a lease that ran out.
if ends and not was_late then
    redis.set_repl(redis.REPL_NONE)
end
redis.call('HSET', prefix .. 'leases', mailbox, string.format('%.0f', now + lease))
redis.set_repl(redis.REPL_ALL)
redis.call(PUBLISH, prefix .. 'to:' .. mailbox,
    'k ' .. (redis.call('HGET', prefix .. 'mailbox', mailbox) or '0') .. ' ' .. number)

local leases = redis.call('HGETALL', prefix .. 'leases')
if was_late or not ends then
    for i = 1, #leases, 2 do
        if was_late and tonumber(leases[i + 1]) < now then
            redis.call('HSET', prefix .. 'leases', leases[i], string.format('%.0f', now + lease))
        end
    end
    leases = {}
end
for i = 1, #leases, 2 do
    local dead = leases[i]
    if tonumber(leases[i + 1]) < now and dead ~= mailbox then
        local held = prefix .. 'mailbox-customers:' .. dead
        local customers = redis.call('SPOP', held, most)
        for _, gone in ipairs(customers) do
            local routes = prefix .. 'routes:' .. gone
            if redis.call('HDEL', routes, dead) == 1 and redis.call('EXISTS', routes) == 0 then
                publish_customer_presence(prefix, gone, false)
            end
        end
        for _, gone in ipairs(remove_from_agents(prefix, dead)) do
            publish_agent_presence(prefix, gone, false, most)
        end
        if #customers < most then
            redis.call('HDEL', prefix .. 'leases', dead)
            redis.call('HDEL', prefix .. 'mailbox', dead)
        end
    end
end
local is_routed = customer == '' or redis.call('HEXISTS', prefix .. 'routes:' .. customer, mailbox) == 1
if agent ~= '' then
    local entry = ' ' .. (redis.call('HGET', prefix .. 'agents', agent) or '')
    is_routed = is_routed and string.find(entry, ' ' .. mailbox .. '=', 1, true)
end
return ends and not was_late and is_routed and 1 or 0
