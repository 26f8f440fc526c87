import HTTPTypes
import Hummingbird
import Messaging
import NIOCore
import Synchronization

/// `/attachments`: send a file, and fetch one. For customers, who have their own only, and for agents.
struct AttachmentRoutes: Sendable {
    let store: AttachmentStore
    let reader: TokenReader
    let upload: AttachmentUpload
    private let download = AttachmentDownload()

    static let maxNameCharacters = 200

    init(store: AttachmentStore, reader: TokenReader, upload: AttachmentUpload) {
        self.store = store
        self.reader = reader
        self.upload = upload
    }

    func add(to group: RouterGroup<APIContext>) {
        group.post("attachments") { request, context in
            let principal = try await reader.read(request, context).principal
            let query = try QueryParameters(of: request, known: ["name", "conversation"])
            let name = try fileName(try query.text("name", maxBytes: 1024))
            let conversation = try query.text("conversation")
            let owner = try await owner(for: principal, conversation)
            let attachment = try await upload.receive(request, named: name, from: principal, for: owner)
            return try APIResponse.success(AttachmentJSON(attachment), status: .created)
        }
        group.get("attachments/:id") { request, context in
            let principal = try await reader.read(request, context).principal
            let attachment = try await store.attachment(try context.id(of: "attachment"))
            if case .customer(let id, _) = principal, id != attachment.customer {
                throw MessagingError.noAttachment(attachment.id)
            }
            return try await response(with: attachment, to: request, of: principal, on: context.channel)
        }
    }

    /// Whose an attachment will be: a customer's own, or that of the customer whose conversation an agent names.
    private func owner(for principal: Principal, _ conversation: String?) async throws -> UniqueID {
        // One answer for all, so that it does not tell which conversations others have.
        let unknown = APIError(.notFound, "not_found", "There is no such conversation.", field: "conversation")
        let named: UniqueID?
        if let conversation {
            guard let id = UniqueID(conversation) else { throw unknown }
            do {
                named = try await store.customer(of: id)
            } catch let error where error.code == .notFound {
                throw unknown
            }
        } else {
            named = nil
        }
        switch (principal, named) {
        case (.agent, nil): throw APIError.missing("conversation")
        case (.agent, let customer?): return customer
        case (.customer(let id, _), let customer?) where customer != id: throw unknown
        case (.customer(let id, _), _): return id
        }
    }

    /// What the client calls the file, without folders, and without the marks that make a part of a name read backwards,
    /// such as its ending.
    private func fileName(_ text: String?) throws -> String {
        guard let text else { throw APIError.missing("name") }
        // By scalars: a slash with an accent on it is a slash too.
        let last = text.unicodeScalars.split { $0 == "/" || $0 == "\\" }.last.map { String($0) } ?? ""
        let name = TextRules.withoutDirections(last)
        guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw APIError.invalid("name", "\"name\" must not have control characters.")
        }
        return try TextRules.notBlank(name, field: "name", maxCharacters: Self.maxNameCharacters)
    }

    /// The attachment, as something that no browser runs, whatever is in it.
    ///
    /// - Throws: 429 when this customer or agent, or all together, fetch too many at once.
    private func response(
        with attachment: Attachment,
        to request: Request,
        of principal: Principal,
        on channel: any Channel
    ) async throws -> Response {
        let isImage = ContentSniffing.images.contains(attachment.contentType)
        let disposition = isImage ? "inline" : "attachment"
        var headers: HTTPFields = [
            .contentType: attachment.contentType,
            .contentDisposition: "\(disposition); filename*=UTF-8''\(Self.encoded(attachment.name))",
            .contentSecurityPolicy: "sandbox; default-src 'none'",
            // It never changes, but whether this client may have it does: asked for each time.
            .eTag: "\"\(attachment.id)\"",
            .cacheControl: "private, no-cache",
            .vary: "Authorization",
        ]
        if request.headers[.ifNoneMatch]?.contains("\"\(attachment.id)\"") == true {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentLength] = String(attachment.size)
        let slot = try download.slots.take(for: principal)
        let next: @Sendable () async throws -> ByteBuffer
        if let folder = upload.folder, let file = try await folder.open(attachment.id) {
            next = { try await folder.read(file, upTo: AttachmentDownload.partBytes) }
        } else {
            // One that came before there was a folder is in Redis.
            let data = Mutex(try await store.data(of: attachment.id))
            next = {
                data.withLock {
                    $0.readSlice(length: min($0.readableBytes, AttachmentDownload.partBytes)) ?? ByteBuffer()
                }
            }
        }
        let body = AttachmentDownload.body(size: attachment.size, in: slot, on: channel) { send in
            while true {
                let part = try await next()
                if part.readableBytes == 0 { break }
                try await send(part)
            }
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// Source: RFC 8187 §3.2.1, `ext-value`.
    private static func encoded(_ name: String) -> String {
        var text = ""
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return text
    }
}

/// An attachment, in the form in which a message's `metadata` names it.
struct AttachmentJSON: Encodable {
    let id: String
    let name: String
    let contentType: String
    let size: Int

    init(_ attachment: Attachment) {
        id = attachment.id.description
        name = attachment.name
        contentType = attachment.contentType
        size = attachment.size
    }
}
