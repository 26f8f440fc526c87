// As much of Hummingbird as the reading of requests names: the query as it stands in the address, headers, and a body that has
// arrived.
public import HTTPTypes
public import NIOCore

public struct URI: Sendable {
    public let query: String?
    public init(query: String?) { self.query = query }
}

public struct RequestBody: Sendable {
    private let bytes: ByteBuffer
    public init(_ bytes: ByteBuffer) { self.bytes = bytes }

    public func collect(upTo maxBytes: Int) async throws -> ByteBuffer {
        guard bytes.readableBytes <= maxBytes else { throw NIOTooManyBytesError(maxBytes: maxBytes) }
        return bytes
    }
}

public struct Request: Sendable {
    public let uri: URI
    public let headers: HTTPFields
    public let body: RequestBody

    public init(uri: URI, headers: HTTPFields = [:], body: RequestBody = RequestBody(ByteBuffer())) {
        self.uri = uri
        self.headers = headers
        self.body = body
    }
}

public struct HTTPError: Error {
    public let status: HTTPResponse.Status
    public let headers: HTTPFields
    public let body: String?
}
