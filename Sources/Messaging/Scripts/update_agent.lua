-- Changes an agent. A new password and deactivation end all of the agent's tokens in the same step; a new role or name is told
-- to the gateways that hold connections of the agent ('c COUNT AGENT ROLE', a line feed, the name); and the last active admin
-- stays one. audit.lua and agent_tokens.lua stand before this.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  agent id
-- ARGV[2]… field, value, field, value … (name, role, password, active)
--
-- Reply    {'updated', field, value, field, value …}  the whole record
--          {'unknown'}     there is no such agent
--          {'last-admin'}  refused: nobody could administer the agents any more
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. 'agent:' .. id
local changes = {}
for i = 2, #ARGV, 2 do
    changes[ARGV[i]] = ARGV[i + 1]
end

local before = redis.call('HMGET', key, 'role', 'active', 'name')
if not before[1] then
    return {'unknown'}
end
local wasAdmin = before[1] == 'admin' and before[2] == '1'
local isAdmin = (changes.role or before[1]) == 'admin' and (changes.active or before[2]) == '1'
if wasAdmin and not isAdmin then
    local others = false
    for _, other in ipairs(redis.call('ZRANGE', prefix .. 'agent-list', 0, -1)) do
        if other ~= id then
            local agent = redis.call('HMGET', prefix .. 'agent:' .. other, 'role', 'active')
            if agent[1] == 'admin' and agent[2] == '1' then
                others = true
                break
            end
        end
    end
    if not others then
        return {'last-admin'}
    end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for field, value in pairs(changes) do
    redis.call('HSET', key, field, value)
end
redis.call('HSET', key, 'updatedAt', now)
if changes.password or changes.active == '0' then
    for _, hash in ipairs(redis.call('ZRANGE', prefix .. 'agent-tokens:' .. id, 0, -1)) do
        endToken(prefix, id, hash)
    end
end
local role, name = changes.role or before[1], changes.name or before[3]
if role ~= before[1] or name ~= before[3] then
    tell_gateways(prefix, 'c', id, role .. '\n' .. name)
end

audit(prefix)

local reply = redis.call('HGETALL', key)
table.insert(reply, 1, 'updated')
return reply
