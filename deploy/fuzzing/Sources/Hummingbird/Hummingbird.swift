// As much of Hummingbird as the reading of queries names: the query as it stands in the address.
public import HTTPTypes

public struct URI: Sendable {
    public let query: String?
    public init(query: String?) { self.query = query }
}

public struct Request: Sendable {
    public let uri: URI
    public init(uri: URI) { self.uri = uri }
}

public struct HTTPError: Error {
    public let status: HTTPResponse.Status
    public let headers: HTTPFields
    public let body: String?
}
