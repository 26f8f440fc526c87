@testable import CustomerAPI
import Foundation
@testable import Gateway
@testable import Hiredis
import Hummingbird
@testable import Messaging
import NIOHTTP1

/// One byte that says which, then a text: a Redis URL, the address of a handshake, a query, a token, a header, a name, or what
/// tells where a request comes from.
enum AddressTarget: FuzzTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let which = input.first else { return }
        let bytes = Array(input.dropFirst())
        let text = String(decoding: bytes, as: UTF8.self)
        switch which % 9 {
        case 0: checkRedisURL(text)
        case 1: checkHandshake(text)
        case 2: checkQuery(text)
        case 3: checkToken(text)
        case 4: checkContentType(text, bytes)
        case 5: checkName(text)
        case 6: RequestSource.checkForwarded(text)
        case 7: RequestSource.checkOrigins(text)
        default: RequestSource.checkNet(text)
        }
    }

    private static func checkRedisURL(_ url: String) {
        let configuration: RedisConfiguration
        do throws(RedisError) {
            configuration = try RedisConfiguration(url: url)
        } catch {
            promise(error.code == .configuration && !error.mayHaveRun, "a URL is refused as one")
            return
        }
        promise(configuration.database >= 0, "a database has a number")
        promise(configuration.password?.isEmpty != true && configuration.username?.isEmpty != true, "none is not empty")
        promise(configuration.username == nil || configuration.password != nil, "who has a name has a password")
        func check(_ endpoints: [RedisEndpoint]) {
            promise(!endpoints.isEmpty, "there is a server")
            for endpoint in endpoints {
                promise(1...65_535 ~= endpoint.port && !endpoint.host.isEmpty, "a server has a host and a port")
                promise(!endpoint.host.utf8.contains(0), "C reads a host to its end")
            }
        }
        switch configuration.address {
        case .tcp(let host, let port): check([RedisEndpoint(host: host, port: port)])
        case .unix(let path):
            promise(1...107 ~= path.utf8.count && !path.utf8.contains(0), "a path is one of the system")
        case .sentinel(let endpoints, let primary):
            check(endpoints)
            promise(!primary.isEmpty, "the primary has a name")
        case .cluster(let endpoints):
            check(endpoints)
            promise(configuration.database == 0, "a cluster has one database")
        }
        var other = configuration
        if other.password != nil { other.password = "another" }
        if other.sentinelPassword != nil { other.sentinelPassword = "another" }
        promise(descriptions(configuration) == descriptions(other), "no description depends on a password")
    }

    private static func descriptions(_ configuration: RedisConfiguration) -> [String] {
        var dumped = ""
        dump(configuration, to: &dumped)
        return ["\(configuration)", String(reflecting: configuration), dumped]
    }

    private static func checkHandshake(_ uri: String) {
        // An address is ASCII; what else a client sends there is nothing anybody means.
        guard uri.utf8.allSatisfy({ $0 < 0x80 }) else {
            _ = HTTPRequestKind(HTTPRequestHead(version: .http1_1, method: .GET, uri: uri))
            return
        }
        var headers = HTTPHeaders([
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ])
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws/chat?\(uri)", headers: headers)
        guard case .webSocket(let handshake) = HTTPRequestKind(head) else {
            fatalError("Broken: no query spoils a handshake")
        }
        let first = uri.utf8.split(separator: UInt8(ascii: "&")).first { $0.starts(with: "token=".utf8) }
        promise((handshake.token != nil) == (first != nil), "the query has a token or none")
        if let first, let text = String(first.dropFirst(6)), let decoded = text.removingPercentEncoding {
            promise(handshake.token == decoded, "the token is decoded as elsewhere")
        }
        if let token = handshake.token { checkToken(token) }
        // The same text as the whole address, and as the header's values.
        _ = HTTPRequestKind(HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: headers))
        headers.add(name: "Sec-WebSocket-Protocol", value: uri)
        headers.add(name: "Authorization", value: uri)
        let other = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws/chat", headers: headers)
        guard case .webSocket(let handshake) = HTTPRequestKind(other) else {
            fatalError("Broken: no token spoils a handshake")
        }
        promise(handshake.subprotocol.map { uri.contains($0) } ?? true, "a subprotocol that is answered was offered")
        promise(handshake.dialect == .guide || handshake.subprotocol == Dialect.subprotocol, "the dialect is confirmed")
    }

    private static func checkQuery(_ query: String) {
        let known = ["q", "page", "size", "flag"]
        do {
            let parameters = try QueryParameters(of: Request(uri: URI(query: query)), known: known)
            if let text = try? parameters.text("q", maxBytes: 64) {
                promise(1...64 ~= text.utf8.count, "a text is short")
            }
            if let (page, size) = try? parameters.paging() {
                promise(0...1_000_000_000 ~= page && 1...100 ~= size, "a page is in range")
            }
            _ = try? parameters.flag("flag")
            // The first of each name that is not empty, decoded as elsewhere.
            let pairs = query.utf8.split(separator: UInt8(ascii: "&"))
            let value = pairs.lazy.filter { $0.starts(with: "q=".utf8) }.map { String(Substring($0.dropFirst(2))) }
                .first { !$0.isEmpty }
            if let value, let decoded = value.replacingOccurrences(of: "+", with: " ").removingPercentEncoding,
                decoded.utf8.count <= 512, !query.utf8.contains(UInt8(ascii: "%")) || pairs.count == 1
            {
                promise(try parameters.text("q") == decoded, "a value is decoded as elsewhere")
            }
        } catch let error as APIError {
            promise(
                ["malformed_query", "unknown_parameter", "invalid_value"].contains(error.code),
                "a query is refused as one"
            )
            promise(error.field?.count ?? 0 <= 64, "an error quotes little")
        } catch {
            fatalError("Broken: \(error) is no answer")
        }
    }

    private static func checkToken(_ text: String) {
        if let id = UniqueID(text) {
            promise(text.utf8.count == 36 && id.description == text.lowercased(), "an id is written as it was read")
            promise(id.partition.number == Int(id.low & 63), "an id names its partition")
        } else {
            // Not held against Foundation, which takes hyphens elsewhere too.
            let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            let isID =
                parts.map(\.count) == [8, 4, 4, 4, 12]
                && parts.joined().allSatisfy { $0 < 0x80 && Character(Unicode.Scalar($0)).isHexDigit }
            promise(!isID, "a UUID is an id")
        }
        guard let token = Token(text) else { return }
        promise(token.text == text && token.isCustomer == text.hasPrefix("cust_"), "a token is its text")
        promise(
            token.hash.utf8.count == 64 && !"\(token)\(String(reflecting: token))".contains(text),
            "it is not shown"
        )
    }

    private static func checkContentType(_ declared: String, _ bytes: [UInt8]) {
        let type = ContentSniffing.contentType(
            declared: declared,
            beginning: Array(bytes.prefix(ContentSniffing.beginningBytes))
        )
        promise(
            type.utf8.allSatisfy { (0x21...0x7e).contains($0) } && type.utf8.count <= 101,
            "a type fits in a header"
        )
        let subtype = type.drop { $0 != "/" }
        for run in ["html", "xml", "script"] {
            promise(!subtype.contains(run), "nothing that browsers run keeps its type")
        }
        if let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) {
            promise((try? JSONEncoder().encode([value])) != nil, "what is read can be passed on")
        }
    }

    private static func checkName(_ text: String) {
        guard let name = try? TextRules.name(text, field: "name") else { return }
        promise(1...TextRules.maxNameCharacters ~= name.unicodeScalars.count, "a name is short")
        for scalar in name.unicodeScalars {
            promise(!scalar.properties.isBidiControl, "a name turns no text around")
            promise(scalar.properties.generalCategory != .control, "a name is one line")
        }
    }
}
