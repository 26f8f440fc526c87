-- Put before every script that publishes: finds the mailboxes of recipients and publishes into them.
--
-- A publication is `KIND COUNT REST`. COUNT is the mailbox's own count in this partition, so that its reader sees a gap.
-- A mailbox that nobody listens to (its gateway is gone, or is reconnecting and will register anew) gets nothing more
-- until it registers; its count goes on, so that its reader sees what it missed.

-- Adds the mailboxes of the customer's connections to `boxes` (a set); with `full_only`, only those in which a
-- connection speaks the full dialect. Returns how many connections the customer has.
local function add_customer(prefix, customer, boxes, full_only)
    local connections = 0
    local routes = redis.call('HGETALL', prefix .. 'routes:' .. customer)
    for i = 1, #routes, 2 do
        local all, full = string.match(routes[i + 1], '^(%d+):(%d+)$')
        connections = connections + tonumber(all)
        if not full_only or tonumber(full) > 0 then
            boxes[routes[i]] = true
        end
    end
    return connections
end

-- Adds the mailboxes of one agent's connections, given its field of `agents`. Returns how many connections it has.
local function add_agent_entry(entry, boxes, full_only)
    local connections = 0
    for mailbox, all, full in string.gmatch(entry, '(%S+)=(%d+):(%d+)') do
        connections = connections + tonumber(all)
        if not full_only or tonumber(full) > 0 then
            boxes[mailbox] = true
        end
    end
    return connections
end

local function add_agent(prefix, agent, boxes, full_only)
    local entry = redis.call('HGET', prefix .. 'agents', agent)
    return entry and add_agent_entry(entry, boxes, full_only) or 0
end

local function add_all_agents(prefix, boxes, full_only)
    for _, entry in ipairs(redis.call('HVALS', prefix .. 'agents')) do
        add_agent_entry(entry, boxes, full_only)
    end
end

-- Takes a mailbox out of all agents' entries. Returns the ids of those that have none left.
local function remove_from_agents(prefix, mailbox)
    local gone = {}
    local agents = redis.call('HGETALL', prefix .. 'agents')
    for i = 1, #agents, 2 do
        local kept, had = {}, false
        for word in string.gmatch(agents[i + 1], '%S+') do
            if string.sub(word, 1, #mailbox + 1) == mailbox .. '=' then
                had = true
            else
                kept[#kept + 1] = word
            end
        end
        if had and #kept == 0 then
            redis.call('HDEL', prefix .. 'agents', agents[i])
            gone[#gone + 1] = agents[i]
        elseif had then
            redis.call('HSET', prefix .. 'agents', agents[i], table.concat(kept, ' '))
        end
    end
    return gone
end

-- Publishes into a mailbox; returns whether somebody listens. The count is neither replicated nor in the append-only file,
-- which saves a write for each publication: after a restart or a failover it is another one than the reader's, who then reads
-- the log.
local function publish_into(prefix, mailbox, kind, rest)
    redis.set_repl(redis.REPL_NONE)
    local count = redis.call('HINCRBY', prefix .. 'mailbox', mailbox, '1')
    redis.set_repl(redis.REPL_ALL)
    return redis.call(PUBLISH, prefix .. 'to:' .. mailbox, kind .. string.format(' %d ', count) .. rest) > 0
end

-- Nobody listens to `mailbox`.
local function forget_mailbox(prefix, mailbox, customer)
    redis.call('HDEL', prefix .. 'routes:' .. customer, mailbox)
    remove_from_agents(prefix, mailbox)
end

local function publish(prefix, boxes, kind, rest, customer)
    for mailbox in pairs(boxes) do
        if not publish_into(prefix, mailbox, kind, rest) then
            forget_mailbox(prefix, mailbox, customer)
        end
    end
end
