-- Put behind publish.lua in the scripts that change who answers.

-- Tells all agents, and the customer's connections in the full dialect, who answers a conversation now.
-- `seq` is the last message's, `answered` the last one that an unassigned conversation need not show any more.
-- `name` is the assignee's as a JSON string literal, or empty.
local function publish_assignment(prefix, customer, conversation, channel, state, assignee, fence, seq, answered, name)
    local boxes = {}
    add_all_agents(prefix, boxes, false)
    add_customer(prefix, customer, boxes, true)
    publish(prefix, boxes, 'a', table.concat({
        customer, conversation, channel, state, assignee == '' and '-' or assignee, fence, seq, answered,
    }, ' ') .. '\n' .. name, customer)
end
