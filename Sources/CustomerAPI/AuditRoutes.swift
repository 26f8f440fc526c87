import FoundationEssentials
import Hummingbird
import Messaging

/// `GET /audit`: who did what, the newest first. For admins.
///
/// There are no pages by number: entries come while one reads. `next` of an answer is the `after` of what follows it.
struct AuditRoutes: Sendable {
    let audit: AuditLog

    func add(to group: RouterGroup<APIContext>) {
        group.get("audit") { request, context in
            let query = try QueryParameters(
                of: request,
                known: ["author", "subject", "act", "from", "to", "after", "size"]
            )
            let after = try query.text("after").map { text in
                guard let position = AuditPosition(text) else {
                    throw APIError.invalid("after", "\"after\" must be the \"next\" of another answer.")
                }
                return position
            }
            let filter = try filter(query)
            let size = try query.integer("size", in: 1...100) ?? 50
            // Each page: where one begins to read is up to the reader.
            try await audit.append(AuditRecord(.auditRead, by: try context.author()))
            let found = try await audit.entries(matching: filter, after: after, size: size)
            return try APIResponse.success(AuditPageJSON(entries: found.entries, next: found.next))
        }
    }

    private func filter(_ query: QueryParameters) throws -> AuditLog.Filter {
        var filter = AuditLog.Filter()
        filter.author = try query.id("author")
        filter.subject = try query.id("subject")
        filter.from = try query.time("from")
        filter.to = try query.time("to")
        filter.act = try query.text("act")
        if let act = filter.act {
            let acts = AuditRecord.Act.allCases.map(\.rawValue)
            guard acts.contains(where: { $0 == act || $0.hasPrefix("\(act).") }) else {
                throw APIError.invalid(
                    "act",
                    "\"act\" must be one of \(acts.joined(separator: ", ")), or what is before the dot."
                )
            }
        }
        return filter
    }
}

extension QueryParameters {
    /// - Throws: 422 unless it is a time as answers have it, or a day (UTC).
    fileprivate func time(_ name: String) throws -> Timestamp? {
        guard let text = try text(name) else { return nil }
        let whole = text.contains("T") ? text : "\(text)T00:00:00Z"
        guard let date = try? Date(whole, strategy: .iso8601), abs(date.timeIntervalSince1970) < 1e11 else {
            throw APIError.invalid(name, "\"\(name)\" must be a time such as 2024-01-15T10:30:00Z, or a day.")
        }
        return Timestamp(milliseconds: Int(date.timeIntervalSince1970 * 1000))
    }
}

private struct AuditPageJSON: Encodable {
    struct Author: Encodable {
        let type: String
        let id: String?
        let name: String?
        let address: String?
    }

    struct Subject: Encodable {
        let type: String
        let id: String
    }

    struct Entry: Encodable {
        let id: String
        let timestamp: String
        let act: String
        let author: Author
        let subject: Subject?
        let details: [String: String]
    }

    let entries: [Entry]
    let next: String?

    init(entries: [AuditEntry], next: AuditPosition?) {
        self.entries = entries.map { entry in
            let author = entry.record.author
            return Entry(
                id: entry.position.description,
                timestamp: entry.at.iso8601,
                act: entry.record.act.rawValue,
                author: Author(
                    type: author.kind.rawValue,
                    id: author.id?.description,
                    name: author.name,
                    address: author.address
                ),
                subject: entry.record.subject.map { Subject(type: $0.kind, id: $0.id.description) },
                details: entry.record.details
            )
        }
        self.next = next?.description
    }
}
