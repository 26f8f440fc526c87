import Foundation

/// Requests whose end two readers may see in two places, each with a second request that only one of them sees.
///
/// Whether a second request was carried out, and by whom it was read, the audit log tells: it says that it comes from an address of
/// its own (`X-Forwarded-For`), which the edge replaces in each request that it reads. So an entry with that address is a request
/// that the edge passed on as something else. Customers who use the edge's connections meanwhile, several times over, must get
/// their own answers.
struct Smuggling {
    let stack: Stack
    /// Sees both.
    private let admin: String
    /// Whom the second requests are about.
    private let subject: Stack.Customer
    /// A customer each, and a connection to the edge that has been used.
    private let others: [(customer: Stack.Customer, connection: Watched<RawConnection>)]

    /// From RFC 5737: nobody's.
    static let byEdge = "203.0.113"
    private static let directly = "198.51.100"
    private static let control = "192.0.2.1"

    init(stack: Stack) async throws {
        self.stack = stack
        admin = try await stack.signInAdmin()
        subject = try await stack.newCustomer()
        var customers: [Stack.Customer] = []
        for _ in 0..<12 { customers.append(try await stack.newCustomer()) }
        // The edge waits 5 s for a connection's first request.
        var others: [(Stack.Customer, Watched<RawConnection>)] = []
        for customer in customers { others.append((customer, Watched(try await RawConnection(to: stack.edgePort)))) }
        self.others = others
        // The first request of each has a connection of its own, whatever was kept.
        let problems = try await askOthers()
        guard problems.isEmpty else {
            throw EndToEndError("Others are not answered: \(problems.joined(separator: "; "))")
        }
    }

    /// A second request: a token for ``subject``.
    func request(from address: String) -> String {
        "POST /api/v1/customers/\(subject.id)/token HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(admin)\r\n"
            + "X-Forwarded-For: \(address)\r\nContent-Length: 0\r\n\r\n"
    }

    /// - Parameter isThorough: Whether each shape is tried in several ways.
    /// - Returns: What went wrong.
    func play(isThorough: Bool) async throws -> [String] {
        var problems: [String] = []
        // What looks for such requests finds one.
        let direct = try await RawConnection(to: stack.customerAPIPort)
        try await direct.send(Array(request(from: Self.control).utf8))
        if try await direct.answer()?.status != 200 { problems.append("The second request is no request.") }
        let starts = ["POST /api/v1/agents/login", "GET /api/v1/agents/me"].prefix(isThorough ? 2 : 1)
        for (number, shape) in Shape.all.enumerated() {
            for start in starts {
                problems += try await inTime(shape) { try await playDirectly(shape, number + 1, start) }
                let whole = request(from: "\(Self.byEdge).\(number + 1)")
                // Of the second, what comes next on that connection would be the rest.
                let half = "GET /api/v1/nothing HTTP/1.1\r\nX-A: "
                for second in isThorough ? [whole, half] : [whole] {
                    problems += try await inTime(shape) { try await playByEdge(shape, start, second) }
                }
            }
            problems += try await inTime(shape) { try await playToGateways(shape) }
        }
        let addresses = try await addresses()
        if !addresses.contains(Self.control) {
            problems.append("The audit log does not tell where requests come from.")
        }
        problems += try await smuggled(addresses)
        return problems
    }

    /// What was carried out that should not have been, by the audit log.
    func smuggled(_ addresses: Set<String>? = nil) async throws -> [String] {
        let found = if let addresses { addresses } else { try await self.addresses() }
        return found.compactMap { address in
            guard let number = address.split(separator: ".").last.flatMap({ Int($0) }) else { return nil }
            if address.hasPrefix("\(Self.byEdge).") { return "The edge passed attempt \(number) on as something else." }
            guard address.hasPrefix("\(Self.directly)."), case let shape = Shape.all[number - 1], shape.kind != .two
            else { return nil }
            return "\(shape.name): customer-api carried the second out"
        }
    }

    private func inTime(_ shape: Shape, _ attempt: () async throws -> [String]) async throws -> [String] {
        do {
            return try await attempt()
        } catch let error as TimeoutError {
            return ["\(shape.name): \(error)"]
        }
    }

    private func playDirectly(_ shape: Shape, _ number: Int, _ start: String) async throws -> [String] {
        let connection = try await RawConnection(to: stack.customerAPIPort)
        try? await connection.send(shape.bytes(start, request(from: "\(Self.directly).\(number)")))
        guard shape.kind == .refused else {
            return try await connection.status() == 0 ? ["\(shape.name), \(start): no answer of customer-api"] : []
        }
        let answer = try await connection.end()
        return statuses(answer).last?.hasPrefix("4") == true ? [] : ["\(shape.name), \(start): \(answer)"]
    }

    private func statuses(_ answers: String) -> [Substring] {
        answers.matches(of: /HTTP\/1\.1 (\d{3})\b/).map(\.output.1)
    }

    private func playByEdge(_ shape: Shape, _ start: String, _ second: String) async throws -> [String] {
        let connection = try await RawConnection(to: stack.edgePort)
        try? await connection.send(shape.bytes(start, second))
        _ = try await connection.status()
        try? await connection.close()
        return try await askOthers().map { "\(shape.name), \(start): \($0)" }
    }

    /// What others get who ask all at once, each on a connection of the edge of its own, so that all that it has kept are used:
    /// they send their heads, which the edge passes on, and then their bodies.
    func askOthers() async throws -> [String] {
        let body = #"{"notes":"asked"}"#
        for (customer, connection) in others {
            let head =
                "PUT /api/v1/customers/\(customer.id) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(admin)\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            try? await connection.current.send(Array(head.utf8))
        }
        // Whether it has done so can't be seen: where it has not, a connection may be used twice, and another not.
        try await Task.sleep(for: .milliseconds(30))
        return try await withThrowingTaskGroup { group in
            for (customer, connection) in others {
                group.addTask { () -> String? in
                    try? await connection.current.send(Array(body.utf8))
                    let answer = try await connection.current.answer()
                    if answer?.status == 200, answer?.data["id"].string == customer.id { return nil }
                    let next = try await RawConnection(to: stack.edgePort)
                    connection.update { $0 = next }
                    return "somebody else got \(answer.map(String.init(describing:)) ?? "nothing")"
                }
            }
            return try await group.reduce(into: []) { if let problem = $1 { $0.append(problem) } }
        }
    }

    /// A gateway answers one request of a connection that is no WebSocket, whatever comes behind it.
    private func playToGateways(_ shape: Shape) async throws -> [String] {
        let handshake =
            "GET /ws/chat?token=\(subject.token) HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        let direct = try await RawConnection(to: stack.gatewayPorts[0])
        try? await direct.send(shape.bytes("GET /ws/nothing", handshake))
        let answer = try await direct.end()
        guard statuses(answer).count == 1, statuses(answer)[0].hasPrefix("4") else {
            return ["\(shape.name), to a gateway: \(answer)"]
        }
        let second = "GET /ws/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let edge = try await RawConnection(to: stack.edgePort)
        try? await edge.send(shape.bytes("GET /ws/nothing", second))
        let status = try await edge.status()
        return 400..<500 ~= status ? [] : ["\(shape.name), by the edge to a gateway: \(status)"]
    }

    /// Where the requests about ``subject`` came from, as the audit log has it.
    private func addresses() async throws -> Set<String> {
        var addresses: Set<String> = []
        var after = ""
        while true {
            let page = try await stack.demand(
                "GET",
                "/api/v1/audit?subject=\(subject.id)&size=100\(after)",
                token: admin
            )
            for entry in page["entries"].array { addresses.insert(entry["author"]["address"].string ?? "") }
            guard let next = page["next"].string else { return addresses }
            after = "&after=\(next)"
        }
    }
}

extension Smuggling {
    /// What stands between the first line and what it hides.
    struct Shape: Sendable {
        /// What a program has to make of it.
        enum Kind {
            /// Its end can't be told, or it breaks the grammar: 4xx, and nothing more is read.
            case refused
            /// It is one request, the second is its body.
            case one
            /// They are two requests, one behind the other.
            case two
        }

        let name: String
        let kind: Kind
        /// The rest of the head after `Host`, and what follows, of a second request.
        let rest: @Sendable (String) -> String

        init(_ name: String, _ kind: Kind = .refused, _ rest: @escaping @Sendable (String) -> String) {
            self.name = name
            self.kind = kind
            self.rest = rest
        }

        /// - Parameter start: method and path.
        func bytes(_ start: String, _ second: String) -> [UInt8] {
            let head = "\(start) HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            return Array("\(head)\(rest(second))".utf8)
        }
    }
}

extension Smuggling.Shape {
    static let all = lengths + encodings + chunks + heads

    /// `Content-Length`, which alone says where a body ends.
    private static let lengths: [Self] =
        [
            Self("two lengths") { "Content-Length: 0\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)" },
            Self("two lengths, the longer first") {
                "Content-Length: \($0.utf8.count)\r\nContent-Length: 0\r\n\r\n\($0)"
            },
            Self("a length behind another name", .two) { "Content_Length: \($0.utf8.count)\r\n\r\n\($0)" },
            Self("a length before its colon") { "Content-Length : \($0.utf8.count)\r\n\r\n\($0)" },
            Self("a length in the next line") { "Content-Length:\r\n \($0.utf8.count)\r\n\r\n\($0)" },
            Self("a length in a folded line") { "X-A: b\r\n Content-Length: \($0.utf8.count)\r\n\r\n\($0)" },
            Self("a length after a space") { " Content-Length: \($0.utf8.count)\r\n\r\n\($0)" },
            Self("a length that a connection drops", .one) {
                "Connection: Content-Length\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)"
            },
            Self("a length that is awaited", .one) {
                "Expect: 100-continue\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)"
            },
        ]
        + [
            "0, %", "%, %", "+%", "+0", "-0", "-1", "0x%", "18446744073709551616", "99999999999999999999999", "% %",
            "%.0",
            "%\0", "\u{b}%", "", ": %",
        ].map { length in
            Self("a length of \(length.debugDescription)") {
                "Content-Length: \(length.replacingOccurrences(of: "%", with: "\($0.utf8.count)"))\r\n\r\n\($0)"
            }
        }

    /// `Transfer-Encoding`, alone and against a length, in both orders.
    private static let encodings: [Self] = [
        Self("a length, and chunks") {
            "Content-Length: \($0.utf8.count + 5)\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\($0)"
        },
        Self("chunks, and a length") {
            "Transfer-Encoding: chunked\r\nContent-Length: \($0.utf8.count + 5)\r\n\r\n0\r\n\r\n\($0)"
        },
        Self("a short length, and a chunk") {
            "Content-Length: \(hex($0).count + 2)\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk($0))0\r\n\r\n"
        },
        Self("a chunk, and a short length") {
            "Transfer-Encoding: chunked\r\nContent-Length: \(hex($0).count + 2)\r\n\r\n\(chunk($0))0\r\n\r\n"
        },
        Self("chunked, then identity") { "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n\($0)" },
        Self("identity, then chunked", .two) { "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n\($0)" },
        Self("chunked twice") { "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n\($0)" },
        Self("two encodings") {
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n\($0)"
        },
        Self("no known encoding") { "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n\($0)" },
        Self("no known encoding, and a length") { against($0, "Transfer-Encoding: xchunked") },
        Self("an encoding before its colon") { against($0, "Transfer-Encoding : chunked") },
        Self("an encoding after a vertical tab") { against($0, "Transfer-Encoding: \u{b}chunked") },
        Self("an encoding in quotes") { against($0, #"Transfer-Encoding: "chunked""#) },
        Self("an encoding in capitals") { against($0, "TRANSFER-ENCODING: CHUNKED") },
        Self("an encoding in the next line") { against($0, "Transfer-Encoding:\r\n chunked") },
        Self("an encoding after a bare LF") { against($0, "X-A: b\nTransfer-Encoding: chunked") },
        Self("an encoding after a bare CR") { against($0, "X-A: b\rTransfer-Encoding: chunked") },
        Self("an encoding with a NUL") { against($0, "Transfer-Encoding: chunked\0") },
        Self("an encoding whose name has a NUL") { against($0, "Transfer-Encoding\0: chunked") },
        Self("an encoding that a connection drops", .one) {
            "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk($0))0\r\n\r\n"
        },
    ]

    /// Chunks: their sizes, what may stand behind these, and trailers.
    private static let chunks: [Self] = [
        Self("a chunk of + bytes") { chunked("+\(chunk($0))0\r\n\r\n") },
        Self("a chunk of - bytes") { chunked("-\(chunk($0))0\r\n\r\n") },
        Self("a chunk of 0x bytes") { chunked("0x\(chunk($0))0\r\n\r\n") },
        Self("a chunk after a space") { chunked(" \(chunk($0))0\r\n\r\n") },
        Self("a chunk before a space") { chunked("0 \r\n\r\n\($0)") },
        Self("a chunk of 2^64 bytes") { chunked("1\(String(repeating: "0", count: 16))\r\n\r\n\($0)") },
        Self("a chunk of 2^64 bytes and some") {
            let size = hex($0)
            return chunked("1\(String(repeating: "0", count: 16 - size.count))\(chunk($0))0\r\n\r\n")
        },
        Self("a chunk with leading zeros", .one) {
            chunked("\(String(repeating: "0", count: 40))\(chunk($0))0\r\n\r\n")
        },
        Self("a chunk without a size") { chunked("\r\n\r\n\($0)") },
        Self("an extension that an LF ends") { chunked("\(hex($0));a\n\($0)\r\n0\r\n\r\n") },
        Self("an extension with an LF") { chunked("1;a\nb\r\n\(chunk($0))0\r\n\r\n") },
        Self("an extension with a CR") { chunked("1;a\rb\r\n\(chunk($0))0\r\n\r\n") },
        Self("an extension that an LF begins") { chunked("2;\nxx\r\n\(chunk($0))0\r\n\r\n") },
        Self("a size that an LF ends") { chunked("0\n\n\($0)") },
        Self("a chunk without its end") { chunked("1\r\naXX0\r\n\r\n\($0)") },
        Self("a chunk that is too short") { chunked("1\r\nab\r\n0\r\n\r\n\($0)") },
        Self("a length in trailers", .two) { chunked("0\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)") },
        Self("a request in trailers") { chunked("0\r\n\($0)") },
    ]

    /// What ends a head, or does not.
    private static let heads: [Self] = [
        Self("a folded line") { "X-A: b\r\n folded\r\n\r\n\($0)" },
        Self("no name") { ": b\r\n\r\n\($0)" },
        Self("a NUL") { "X-A: a\0b\r\nContent-Length: 0\r\n\r\n\($0)" },
        Self("a bare CR") { "X-A: b\rX-B: c\r\n\r\n\($0)" },
        Self("a head that bare LFs end") { "Content-Length: 0\n\n\($0)" },
        Self("a head that bare LFs hide") { "X-A: a\n\nGET /api/v1/nothing HTTP/1.1\r\n\r\n\($0)" },
        // What comes behind them may be another protocol.
        Self("an upgrade to HTTP/2") {
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n\($0)"
        },
        Self("an upgrade to what is unknown") { "Connection: Upgrade\r\nUpgrade: smuggling\r\n\r\n\($0)" },
        Self("a WebSocket of an unknown version") {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\($0)"
        },
    ]

    private static func hex(_ text: String) -> String { String(text.utf8.count, radix: 16) }
    private static func chunk(_ text: String) -> String { "\(hex(text))\r\n\(text)\r\n" }
    private static func chunked(_ body: String) -> String { "Transfer-Encoding: chunked\r\n\r\n\(body)" }
    /// An encoding by which the second begins here, and a length by which it does not.
    private static func against(_ second: String, _ encoding: String) -> String {
        "\(encoding)\r\nContent-Length: \(second.utf8.count + 5)\r\n\r\n0\r\n\r\n\(second)"
    }
}
