/// An answer of a server, as `curl -i` prints it.
struct HTTPResponse: Sendable, CustomStringConvertible {
    let status: Int
    /// By lower-case name; the last of several.
    let headers: [String: String]
    let body: String

    /// - Parameter text: head and body. Informational answers (100 Continue) before it are skipped.
    init(parsing text: String) throws {
        var rest = Substring(text)
        while true {
            guard rest.hasPrefix("HTTP/1."), let end = rest.firstRange(of: "\r\n\r\n") else {
                throw EndToEndError("This is no HTTP answer: \(text.prefix(300))")
            }
            let lines = rest[..<end.lowerBound].split(separator: "\r\n")
            let words = lines[0].split(separator: " ")
            guard words.count >= 2, let status = Int(words[1]) else {
                throw EndToEndError("This is no status line: \(lines[0])")
            }
            rest = rest[end.upperBound...]
            if (100..<200).contains(status), status != 101, rest.hasPrefix("HTTP/1.") { continue }
            self.status = status
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2 else { continue }
                headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
            }
            self.headers = headers
            body = String(rest)
            return
        }
    }

    /// `null` for what is not JSON.
    var json: JSON { (try? JSON(parsing: body)) ?? .null }
    /// The guide's envelope.
    var data: JSON { json["data"] }
    var error: JSON { json["error"] }

    var description: String { "\(status) \(body.prefix(1000))" }
}

/// HTTP by curl, as the guide does it.
enum Curl {
    /// - Parameters:
    ///   - target: path and query, sent as they are, also where they are not ASCII.
    ///   - json: a body, with its content type unless `headers` has another.
    static func request(
        _ method: String,
        port: Int,
        _ target: String,
        token: String? = nil,
        json: String? = nil,
        headers: [String] = []
    ) async throws -> HTTPResponse {
        var arguments = ["-sS", "-i", "--noproxy", "*", "--max-time", "40", "-X", method]
        if method == "HEAD" { arguments = ["-sS", "-I", "--noproxy", "*", "--max-time", "40"] }
        if let token { arguments += ["-H", "Authorization: Bearer \(token)"] }
        for header in headers { arguments += ["-H", header] }
        if json != nil {
            if !headers.contains(where: { $0.lowercased().hasPrefix("content-type") }) {
                arguments += ["-H", "Content-Type: application/json"]
            }
            arguments += ["--data-binary", "@-"]
        }
        let (code, output) = try await Program.run(
            "curl",
            arguments + ["http://127.0.0.1:\(port)\(target)"],
            input: json
        )
        guard code == 0 else { throw EndToEndError("curl \(method) \(target) failed with \(code): \(output)") }
        return try HTTPResponse(parsing: output)
    }
}
