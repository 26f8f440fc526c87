import Hiredis
package import NIOCore

extension ConversationStore {
    /// The longest message by this way, in bytes of JSON: as long as the gateways' clients may send by default.
    package static let maxMessageBytes = 65_536

    /// Stores a message that came by REST and publishes it to everybody it is for, as ``MessageLog/append(from:reference:tail:clientMessageID:_:)``.
    ///
    /// - Parameters:
    ///   - reference: which conversation: an id, a customer's own name for one, or empty.
    ///   - metadata: a JSON object.
    ///   - address: the client's, for the audit log, which keeps it that an agent gets a conversation by answering.
    ///   - clientMessageID: with it, the same one of the same sender within 24 h is stored once, whichever way it came.
    /// - Throws: ``MessagingError`` `.notFound`, `.conflict` (another agent has it), `.forbidden`, `.limitReached`: not
    ///   stored. `.storeUnavailable`: repeat it with the same `clientMessageID`.
    /// - Complexity: One round trip.
    package func append(
        _ content: String,
        metadata: ByteBuffer?,
        clientMessageID: String?,
        from principal: Principal,
        at address: NetworkAddress? = nil,
        to reference: String,
        limits: MessageLog.Limits
    ) async throws(MessagingError) -> AppendedMessage {
        let clientMessageID = clientMessageID.map { ByteBuffer(string: JSONText.literal($0)) }
        let appending = AppendBatch.command(
            from: MessageSender(principal, origin: "-", address: address, limits),
            reference: reference,
            tail: Message.recordTail(
                content: ByteBuffer(string: JSONText.literal(content)),
                metadata: metadata,
                clientMessageID: clientMessageID,
                senderNote: nil
            ),
            clientMessageID: clientMessageID,
            limits
        )
        guard let (command, id, named) = appending else { throw MessagingError(refusal: "not_found") }
        let reply = try await redis.answer(to: command)
        return try AppendedMessage.read(reply.array?.first ?? .null, id: id, named: named).get()
    }
}
