import Crypto
import FoundationEssentials
import NIOCore
package import NIOHTTP1

/// What an HTTP request to this gateway wants, read from its head alone.
package enum HTTPRequestKind: Equatable, Sendable {
    /// A valid WebSocket handshake; whether its token is anything is yet to be seen.
    case webSocket(Handshake)
    case health
    case readiness
    case refused(HTTPRefusal)
}

/// A valid opening handshake (RFC 6455 §4.2.1) for `/ws/chat`.
///
/// The token is looked for in this order, and the first place that has one decides: `Authorization: Bearer TOKEN`, a
/// subprotocol `token.TOKEN`, the query's `token=TOKEN`. Of the subprotocols offered, ``Dialect/subprotocol`` is answered and
/// chooses the full dialect; without it `token.TOKEN` is, because browsers give up when none of theirs is.
package struct Handshake: Equatable, Sendable {
    package static let path = "/ws/chat"

    /// As the client wrote it. Never to be logged.
    package let token: String?
    package let dialect: Dialect
    /// What to answer in `Sec-WebSocket-Protocol`.
    package let subprotocol: String?

    /// Source: access guide, "Connecting to the WebSocket"; RFC 6750 §2.1 for the header.
    fileprivate init(headers: HTTPHeaders, query: Substring) {
        let offered = headers[canonicalForm: "Sec-WebSocket-Protocol"]
        let tokenProtocol = offered.first { $0.hasPrefix("token.") }
        token =
            Self.bearerToken(in: headers) ?? tokenProtocol.map { String($0.dropFirst("token.".count)) }
            ?? Self.token(in: query)
        dialect = offered.contains(Dialect.subprotocol[...]) ? .full : .guide
        subprotocol = dialect == .full ? Dialect.subprotocol : tokenProtocol.map(String.init)
    }

    private static func bearerToken(in headers: HTTPHeaders) -> String? {
        guard let value = headers.first(name: "Authorization") else { return nil }
        let words = value.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }

    private static func token(in query: Substring) -> String? {
        for parameter in query.split(separator: "&") where parameter.hasPrefix("token=") {
            return percentDecoded(parameter.dropFirst("token=".count))
        }
        return nil
    }

    /// `%XX` becomes that byte; what is no such escape stays. RFC 3986 §2.1.
    private static func percentDecoded(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                bytes.append(UInt8(digits[0] * 16 + digits[1]))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Handshake {
    /// The answer that makes a WebSocket of the connection. `Sec-WebSocket-Accept` proves that this server has read `key`.
    ///
    /// Source: RFC 6455 §4.2.2.
    func answer(to key: String) -> ByteBuffer {
        let hash = Insecure.SHA1.hash(data: Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
        var answer = ByteBuffer(
            string: """
                HTTP/1.1 101 Switching Protocols\r
                Connection: upgrade\r
                Upgrade: websocket\r
                Sec-WebSocket-Accept: \(Data(hash).base64EncodedString())\r

                """
        )
        if let subprotocol { answer.writeString("Sec-WebSocket-Protocol: \(subprotocol)\r\n") }
        answer.writeString("\r\n")
        return answer
    }
}

extension HTTPRequestKind {
    package init(_ head: HTTPRequestHead) {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        switch parts.first ?? "" {
        case Handshake.path[...]:
            self = Self.handshake(head, query: parts.count > 1 ? parts[1] : "")
        case "/health":
            self = head.method == .GET || head.method == .HEAD ? .health : .refused(.methodNotAllowed("GET, HEAD"))
        case "/ready":
            self = head.method == .GET || head.method == .HEAD ? .readiness : .refused(.methodNotAllowed("GET, HEAD"))
        default:
            self = .refused(.notFound)
        }
    }

    private static func handshake(_ head: HTTPRequestHead, query: Substring) -> HTTPRequestKind {
        let headers = head.headers
        guard head.method == .GET else { return .refused(.methodNotAllowed("GET")) }
        guard headers[canonicalForm: "Upgrade"].contains(where: { $0.lowercased() == "websocket" }) else {
            return .refused(.upgradeRequired("This is a WebSocket endpoint: connect with ws:// or wss://."))
        }
        guard headers[canonicalForm: "Sec-WebSocket-Version"] == ["13"] else {
            return .refused(.upgradeRequired("The WebSocket version must be 13."))
        }
        guard head.version == .http1_1,
            headers[canonicalForm: "Connection"].contains(where: { $0.lowercased() == "upgrade" })
        else {
            return .refused(.badRequest("A WebSocket handshake needs HTTP/1.1 and the header Connection: Upgrade."))
        }
        let keys = headers[canonicalForm: "Sec-WebSocket-Key"]
        guard keys.count == 1, isSixteenBytesInBase64(keys[0]) else {
            return .refused(.badRequest("Sec-WebSocket-Key must be 16 bytes in base64."))
        }
        return .webSocket(Handshake(headers: headers, query: query))
    }

    /// 22 digits and two signs of padding.
    private static func isSixteenBytesInBase64(_ key: Substring) -> Bool {
        let bytes = key.utf8
        return bytes.count == 24 && bytes.suffix(2).elementsEqual("==".utf8)
            && bytes.dropLast(2).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }
}
