import Messaging
import NIOCore

/// What is published for a hub's connections, and who of them gets it.
extension Hub {
    func handle(_ event: Broker.Event) {
        switch event {
        case .publication(let publication): handle(publication)
        case .gap(let partition):
            guard !configuration.lacks(.gapRepair) else { return }
            for connection in connections.values
            where partition == nil || connection.principal.isAgent || connection.principal.id.partition == partition {
                connection.register(partition)
            }
            closeEnded(of: connections.values.filter { partition == nil || $0.tokenPartition == partition })
        case .subscribed:
            logger.info("The mailbox is subscribed", metadata: ["mailbox": "\(mailbox)"])
            noteReadiness()
            // First of all: a mailbox whose lease ran out meanwhile would be taken for dead by the others, with the routes
            // that come back now.
            tick()
            if !configuration.lacks(.registration) { for connection in connections.values { connection.register() } }
            closeEnded(of: connections.values)
        case .heard(let partition): heardAgain(partition)
        case .lost:
            noteReadiness()
            logger.warning("The mailbox's subscription was lost", metadata: ["mailbox": "\(mailbox)"])
        }
    }

    private func handle(_ publication: Publication) {
        switch publication {
        case .message(let item):
            let encoded = EncodedMessage(item.message)
            // A customer's conversation begins with its first message, so before that there is nothing to be shown.
            for connection in customers[item.customer] ?? [] { connection.offer(encoded, before: 0) }
            let before: Int? = if case .all = item.target { item.before } else { nil }
            forEachAgent(item.target) { $0.offer(encoded, before: before) }

        case .assignment(let item): handle(item)

        case .typing(let signal, let isTyping):
            let frame = ServerMessage.typing(
                conversationID: signal.conversation,
                senderID: signal.from,
                senderKind: signal.fromKind,
                isTyping: isTyping
            )
            tell(signal) { if $0.isRegistered { $0.sendIfWritable(frame) } }

        case .receipt(let signal, let delivered, let read):
            let frame = ServerMessage.receipt(
                conversationID: signal.conversation,
                readerID: signal.from,
                readerKind: signal.fromKind,
                delivered: delivered,
                read: read == 0 ? nil : read
            )
            tell(signal) { $0.tell(frame) }

        case .presence(let id, let isAgent, let isOnline, let target):
            let frame = ServerMessage.presence(id: id, kind: isAgent ? .agent : .customer, online: isOnline)
            for connection in (isAgent ? customers[target] : agents[target]) ?? [] where connection.dialect == .full {
                connection.tell(frame)
            }

        case .note(let note):
            let frame = ServerMessage.note(note)
            forEachAgent(.all) { if $0.dialect == .full { $0.tell(frame) } }

        case .tick: break

        case .revocation(let principal, let tokenHash):
            let here = (agents[principal] ?? []) + (customers[principal] ?? [])
            if tokenHash == Publication.allTokens {
                closeEnded(of: here, areSuspect: true)
            } else {
                for connection in here where connection.token.hash == tokenHash { connection.close(.revoked) }
            }

        case .change(let agent, let role, let name):
            // Those that came in since then are who the agent is now.
            let present = Principal.agent(id: agent, role: role, name: name)
            for connection in agents[agent] ?? [] where connection.principal != present { connection.close(.changed) }
        }
    }

    private func handle(_ item: AssignmentPublication) {
        let frame = ServerMessage.assignment(
            conversationID: item.conversation,
            state: item.state.rawValue,
            assignee: item.assignee,
            assigneeName: item.assigneeName,
            fence: item.fence
        )
        for connection in customers[item.customer] ?? [] where connection.dialect == .full { connection.tell(frame) }
        forEachAgent(.all) { connection in
            if connection.dialect == .full { connection.tell(frame) }
            switch item.state {
            case .waiting:
                // Given back with questions that nobody answered: whoever does not have them yet is shown them.
                if item.lastSeq > item.answered {
                    connection.show(item.conversation, after: item.answered, newest: item.lastSeq)
                }
            case .assigned:
                if connection.principal.id != item.assignee {
                    connection.drop(item.conversation)
                } else if item.lastSeq > 0 {
                    connection.show(item.conversation, after: item.answered, newest: item.lastSeq)
                }
            case .resolved:
                if connection.principal.id != item.assignee {
                    connection.drop(item.conversation)
                } else {
                    connection.unfollow(item.conversation)
                }
            }
        }
    }

    /// Tells the other side's connections in the full dialect.
    private func tell(_ signal: SignalPublication, _ body: (Connection) -> Void) {
        if signal.isFromAgent {
            for connection in customers[signal.customer] ?? [] where connection.dialect == .full { body(connection) }
        } else {
            forEachAgent(signal.target) { if $0.dialect == .full { body($0) } }
        }
    }

    private func forEachAgent(_ target: AgentTarget, _ body: (Connection) -> Void) {
        switch target {
        case .none: break
        case .one(let id): for connection in agents[id] ?? [] { body(connection) }
        case .all: for connections in agents.values { for connection in connections { body(connection) } }
        }
    }
}

extension SignalPublication {
    fileprivate var fromKind: Message.SenderKind { isFromAgent ? .agent : .customer }
}
