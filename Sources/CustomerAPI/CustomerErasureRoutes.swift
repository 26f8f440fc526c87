import Hummingbird
import Messaging

/// `DELETE /customers/{id}?erase=true`: removes a customer and all that there is of them, for good. For admins.
struct CustomerErasureRoutes: Sendable {
    let erasure: CustomerErasure
    /// Where attachments are; `nil`: in Redis.
    let folder: AttachmentFolder?

    /// How long one request goes on with it: shorter than proxies wait for an answer.
    private static let timeForOne = Duration.seconds(20)

    func add(to group: RouterGroup<APIContext>) {
        group.delete("customers/:id") { request, context in
            let id = try context.id(of: "customer")
            guard try QueryParameters(of: request, known: ["erase"]).flag("erase") == true else {
                throw APIError.invalid(
                    "erase",
                    """
                    DELETE removes the customer and all that there is of them, for good; say so with "?erase=true". To set one \
                    aside, PUT "active": false.
                    """
                )
            }
            let progress = try await erasure.erase(
                id,
                until: .now + Self.timeForOne,
                by: try context.author(),
                removingFile: removeFile
            )
            return try APIResponse.success(ErasureJSON(progress), status: progress.isComplete ? .ok : .accepted)
        }
    }

    @Sendable private func removeFile(_ id: UniqueID) async throws { try await folder?.remove(id) }
}

/// What this request has removed. A request that goes on with what another one began says what was left of it.
private struct ErasureJSON: Encodable {
    /// `false`: there is more. It goes on by itself within an hour, or at once with the same request again.
    let erased: Bool
    let conversations: Int
    let messages: Int
    let attachments: Int

    init(_ progress: CustomerErasure.Progress) {
        erased = progress.isComplete
        conversations = progress.conversations
        messages = progress.messages
        attachments = progress.attachments
    }
}
