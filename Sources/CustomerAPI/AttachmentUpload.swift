import Hummingbird
import Messaging
import NIOCore

/// Takes the body of a request as an attachment: into the folder as it arrives, or, without one, into Redis when it is
/// whole. What is refused or broken off leaves nothing behind.
struct AttachmentUpload: Sendable {
    let store: AttachmentStore
    let folder: AttachmentFolder?
    /// The longest one.
    let maxBytes: Int
    private let slots = TransferSlots(all: 64, forCustomers: 48, ofOne: 4)

    /// How long one may take to arrive.
    static let timeout = Duration.seconds(300)
    /// One that is slower than this, after its first ``slowStart``, only holds a slot.
    static let minBytesPerSecond = 4 * 1024
    static let slowStart = Duration.seconds(20)

    init(store: AttachmentStore, folder: AttachmentFolder?, maxBytes: Int) {
        self.store = store
        self.folder = folder
        self.maxBytes = folder == nil ? min(maxBytes, AttachmentStore.maxBytesInRedis) : maxBytes
    }

    /// - Parameters:
    ///   - principal: who sends it.
    ///   - customer: whose it will be.
    /// - Throws: 411 without `Content-Length`: a body that was cut off must not pass for a whole one; 413, 408, 507; 429 when
    ///   too many arrive at once; ``MessagingError`` as ``AttachmentStore/add(_:data:)``.
    func receive(
        _ request: Request,
        named name: String,
        from principal: Principal,
        for customer: UniqueID
    ) async throws -> Attachment {
        guard let size = request.headers[.contentLength].flatMap({ Int($0) }), size >= 0 else {
            throw APIError(.lengthRequired, "length_required", "An attachment needs the header Content-Length.")
        }
        guard size <= maxBytes else {
            throw APIError(
                .contentTooLarge,
                "body_too_large",
                "An attachment must not be longer than \(maxBytes) bytes."
            )
        }
        let slot = try slots.take(for: principal)
        defer { withExtendedLifetime(slot) {} }
        try await store.checkQuota(of: customer, for: size)
        let id = UniqueID(in: customer.partition)
        let described = { (beginning: [UInt8]) in
            Attachment(
                id: id,
                customer: customer,
                name: name,
                contentType: ContentSniffing.contentType(
                    declared: request.headers[.contentType],
                    beginning: beginning
                ),
                size: size
            )
        }
        guard let folder else {
            var data = ByteBuffer()
            let beginning = try await read(request.body, size: size) { data.writeImmutableBuffer($0) }
            let attachment = described(beginning)
            try await store.add(attachment, data: data)
            return attachment
        }
        do {
            let file = try await folder.begin(id, size: size)
            let beginning = try await read(request.body, size: size) { try await folder.write($0, to: file) }
            try await folder.sync(file)
            let attachment = described(beginning)
            // A crash between these two leaves a record of what nobody was told of, and no file.
            try await store.add(attachment, data: nil)
            try await folder.keep(id)
            try await refuseErased(attachment, in: folder)
            return attachment
        } catch {
            await folder.discard(id)
            throw error
        }
    }

    /// An erasure of the customer at this moment may have found the record before there was a file.
    private func refuseErased(_ attachment: Attachment, in folder: AttachmentFolder) async throws {
        do {
            _ = try await store.attachment(attachment.id)
        } catch let error where error.code == .notFound {
            try await folder.remove(attachment.id)
            throw error
        }
    }

    /// Reads a body of exactly `size` bytes.
    ///
    /// - Returns: The first ``ContentSniffing/beginningBytes`` of them.
    private func read(
        _ body: RequestBody,
        size: Int,
        _ take: (ByteBuffer) async throws -> Void
    ) async throws -> [UInt8] {
        let start = ContinuousClock.now
        var beginning: [UInt8] = []
        var count = 0
        var parts = body.makeAsyncIterator()
        while let part = try await next(&parts) {
            count += part.readableBytes
            let time = ContinuousClock.now - start
            let isTooSlow = time > Self.slowStart && count < Int(time.components.seconds) * Self.minBytesPerSecond
            guard time < Self.timeout, count == size || !isTooSlow else {
                throw APIError(.requestTimeout, "request_timeout", "The attachment did not arrive in time.")
            }
            if beginning.count < ContentSniffing.beginningBytes {
                beginning += part.readableBytesView.prefix(ContentSniffing.beginningBytes - beginning.count)
            }
            try await take(part)
        }
        guard count == size else {
            throw APIError(.badRequest, "malformed_request", "The body is not as long as its Content-Length says.")
        }
        return beginning
    }

    /// - Returns: `nil` at the end, also when the client went away: the count of the bytes will tell.
    private func next(_ parts: inout RequestBody.AsyncIterator) async throws -> ByteBuffer? {
        do { return try await parts.next() } catch is IOError { return nil }
    }
}
