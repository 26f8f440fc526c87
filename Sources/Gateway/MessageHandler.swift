import Messaging
import NIOCore

/// What a client asks for: each text frame is decoded, held against its principal, and handed to the log.
extension Connection {
    func handle(_ text: ByteBuffer) {
        let clientMessage: ClientMessage
        do {
            clientMessage = try ClientMessage.decode(text, dialect: dialect)
        } catch {
            return report(.init(error), about: error.frame)
        }
        switch clientMessage {
        case .message(let draft):
            // A customer may leave it open; an agent has no conversation that could be meant.
            guard !principal.isAgent || !draft.conversationReference.isEmpty else {
                return report(
                    .init(
                        code: ClientMessageError.Code.missingField.rawValue,
                        message: "An agent must name the conversation.",
                        field: "conversationId"
                    ),
                    about: clientMessage.frame
                )
            }
            append(draft)
        case .typing(let conversation, let isTyping):
            began(.message)
            hub.log.publishTyping(of: principal, in: conversation, isTyping: isTyping) { [self] result in
                defer { finished(.message) }
                if case .failure(let error) = result { report(.init(error), about: clientMessage.frame) }
            }
        case .read(let conversation, let seq):
            began(.message)
            hub.log.moveCursor(of: principal, in: conversation, to: seq, read: true) { [self] result in
                defer { finished(.message) }
                if case .failure(let error) = result { report(.init(error), about: clientMessage.frame) }
            }
        case .ack(let conversation, let seq, let generation):
            acknowledge(conversation, seq: seq, generation: generation)
        case .history(let conversation, let before, let after, let limit):
            sendHistory(of: conversation, before: before, after: after, limit: limit, clientMessage.frame)
        case .resume(let conversation, let generation, let seq):
            guard !hub.configuration.lacks(.resume) else { return }
            resume(conversation, generation: generation, seq: seq, clientMessage.frame)
        }
    }

    private func append(_ draft: Draft) {
        let tail = Message.recordTail(
            content: draft.content,
            metadata: draft.metadata,
            clientMessageID: draft.clientMessageID,
            senderNote: draft.senderNote
        )
        began(.message)
        appendsInFlight += 1
        hub.log.append(
            from: sender,
            reference: draft.conversationReference,
            tail: tail,
            clientMessageID: hub.configuration.lacks(.deduplication)
                ? nil : draft.clientMessageID.map(JSONStringLiteral.canonical)
        ) { [self, clientMessageID = draft.clientMessageID, reference = draft.conversationReference] result in
            // Holds neither the frame nor, as it is always called, more than this connection for a while.
            appendsInFlight -= 1
            defer { finished(.message) }
            if case .success(let message) = result, !message.isDuplicate { hub.figures.countMessage() }
            guard socket != nil else { return }
            switch result {
            case .success(let message):
                if dialect == .full {
                    send(
                        ServerMessage.ack(
                            clientMessageID: clientMessageID,
                            conversationID: message.conversation,
                            id: message.id,
                            seq: message.seq,
                            generation: message.generation,
                            at: message.at
                        )
                    )
                }
                stored(message)
            case .failure(let error):
                report(
                    .init(error),
                    about: FrameReference(
                        type: "message",
                        conversation: reference,
                        clientMessageID: clientMessageID
                    )
                )
            }
        }
    }

    private func sendHistory(
        of conversation: UniqueID,
        before: Int?,
        after: Int?,
        limit: Int,
        _ frame: FrameReference
    ) {
        let start: MessageLog.Start = after.map { .after($0) } ?? .before(before ?? Int(Int32.max))
        began(.page)
        hub.log.read(conversation, from: start, limit: limit) { [self] result in
            defer { finished(.page) }
            switch result {
            case .success(let page?) where principal.isAgent || page.customer == principal.id:
                guard socket?.isWritable == true else {
                    return postpone { [weak self] in
                        self?.sendHistory(of: conversation, before: before, after: after, limit: limit, frame)
                    }
                }
                send(
                    ServerMessage.history(
                        conversationID: conversation,
                        generation: page.generation,
                        messages: page.messages,
                        hasMore: page.hasMore
                    )
                )
            case .success: reportUnknown(frame)
            case .failure(let error): report(.init(error), about: frame)
            }
        }
    }

    /// Delivers again after the position that the client has: complete, in pages, at the pace the client reads.
    private func resume(_ conversation: UniqueID, generation: Int, seq: Int, _ frame: FrameReference) {
        began(.page)
        hub.log.read(conversation, from: .after(seq), limit: 0, generation: generation) { [self] result in
            defer { finished(.page) }
            switch result {
            case .success(let page?) where isAudience(of: page):
                var position = seq
                if generation != page.generation { position = min(position, page.survived) }
                position = min(position, page.lastSeq)
                if position != seq { sendReset(of: conversation, generation: page.generation, from: position + 1) }
                rewind(conversation, generation: page.generation, to: position)
            case .success: reportUnknown(frame)
            case .failure(let error): report(.init(error), about: frame)
            }
        }
    }

    private func reportUnknown(_ frame: FrameReference) {
        report(
            .init(code: "not_found", message: "There is no such conversation.", field: "conversationId"),
            about: frame
        )
    }

    /// Tells the client what is wrong, in its dialect. The connection goes on.
    private func report(_ problem: ServerMessage.Problem, about frame: FrameReference) {
        switch dialect {
        case .full: send(ServerMessage.error(problem, about: frame))
        case .guide:
            let channel: CustomerChannel? = if case .customer(_, let channel) = principal { channel } else { nil }
            let conversation = UniqueID(frame.conversation)
            send(ServerMessage.guideError(problem, channel: channel, conversationID: conversation, at: .now))
        }
    }
}
