import Foundation
import Testing

/// Signatures that prove an identity (README.md, "Identity proof"), by the edge: those of somebody else, and what was done to them.
@Suite("Forged identity proofs")
struct ForgedProofTests {
    private static let secret = "a secret of forty characters for WECHAT.."
    private static let next = "the next secret of forty characters as well"
    private static let line = "another secret of as many as the first one"
    private static let id = "oAbCd1234567890"

    private struct Attempt {
        let name: String
        var channel = "WECHAT"
        var id = ForgedProofTests.id
        /// As JSON; `nil`: not there.
        var signature: String?
        var expires: String?
        let status: Int
        let code: String
    }

    @Test(
        "A signature that is another's, altered, or of another time gets no token; the right one does, in any letters"
    )
    func forged() async throws {
        let settings = [
            "IDENTITY_SECRET_WECHAT": "\(Self.secret)", "IDENTITY_SECRET_LINE": Self.line,
            "FAILED_TOKENS_PER_MINUTE": "0",
        ]
        try await DirectStack.run(settings: settings, gateways: 1) { direct in
            let stack = direct.stack
            let soon = Int(Date().timeIntervalSince1970) + 600
            let good = try await sign(Self.secret, "WECHAT\n\(Self.id)\n\(soon)")
            for attempt in try await attempts(good, soon) {
                let answer = try await ask(stack, attempt)
                #expect(answer.status == attempt.status, "\(attempt.name): \(answer)")
                #expect(answer.error["code"].string == attempt.code, "\(attempt.name): \(answer)")
            }
            // None of them made a customer.
            let admin = try await stack.signInAdmin()
            let list = try await stack.demand("GET", "/api/v1/customers", token: admin)
            #expect(list["totalElements"].int == 0)
            // What is right is, as often as it comes.
            var customers: Set<String> = []
            for letters in [good, good.uppercased(), good] {
                let right = Attempt(
                    name: "right",
                    signature: letters.jsonLiteral,
                    expires: "\(soon)",
                    status: 200,
                    code: ""
                )
                let answer = try await ask(stack, right)
                #expect(answer.status == 200, "\(answer)")
                stack.remember(answer.data["token"].string ?? "")
                customers.insert(answer.data["customerId"].string ?? "")
            }
            #expect(customers.count == 1)
            let kept = try await stack.demand("GET", "/api/v1/customers", token: admin)
            #expect(kept["totalElements"].int == 1)
        }
    }

    private func attempts(_ good: String, _ soon: Int) async throws -> [Attempt] {
        let now = Int(Date().timeIntervalSince1970)
        let signature = good.jsonLiteral
        func signed(_ text: String, by secret: String = Self.secret) async throws -> String {
            try await sign(secret, text).jsonLiteral
        }
        func invalid(_ name: String, _ signature: String, expires: String? = nil, id: String = Self.id) -> Attempt {
            Attempt(
                name: name,
                id: id,
                signature: signature,
                expires: expires ?? "\(soon)",
                status: 403,
                code: "proof_invalid"
            )
        }
        let swapped = String(good.dropFirst(2).prefix(2) + good.prefix(2) + good.dropFirst(4))
        var flipped = Array(good)
        flipped[63] = flipped[63] == "0" ? "1" : "0"
        let past = now - 60
        let far = now + 26 * 3600
        let large = "9223372036854775808"
        return [
            invalid("bytes swapped", (swapped == good ? String(good.reversed()) : swapped).jsonLiteral),
            invalid("a digit changed", String(flipped).jsonLiteral),
            invalid("shortened", String(good.dropLast(2)).jsonLiteral),
            invalid("shortened by half a byte", String(good.dropLast()).jsonLiteral),
            invalid("half of it", String(good.prefix(32)).jsonLiteral), invalid("empty", #""""#),
            invalid("prolonged", "\(good)00".jsonLiteral), invalid("twice", "\(good)\(good)".jsonLiteral),
            invalid("with 0x", "0x\(good)".jsonLiteral), invalid("with a space", " \(good)".jsonLiteral),
            invalid("with a NUL", "\(good)\0".jsonLiteral), invalid("with a line feed", "\(good)\n".jsonLiteral),
            invalid("in digits of another script", good.map { $0.isNumber ? "٣" : "\($0)" }.joined().jsonLiteral),
            invalid("of another id", signature, id: "oAbCd1234567891"),
            invalid("of an id in other letters", signature, id: Self.id.uppercased()),
            invalid("of an id and a space", signature, id: "\(Self.id) "),
            invalid("of another time", signature, expires: "\(soon + 1)"),
            invalid("of a time without its last digit", signature, expires: "\(soon / 10)"),
            invalid("of another secret", try await signed("WECHAT\n\(Self.id)\n\(soon)", by: Self.next)),
            invalid("of another channel's secret", try await signed("WECHAT\n\(Self.id)\n\(soon)", by: Self.line)),
            invalid("of no secret", try await signed("WECHAT\n\(Self.id)\n\(soon)", by: "\0")),
            invalid("fields swapped", try await signed("\(Self.id)\nWECHAT\n\(soon)")),
            invalid("time before id", try await signed("WECHAT\n\(soon)\n\(Self.id)")),
            invalid("without line feeds", try await signed("WECHAT\(Self.id)\(soon)")),
            invalid("with CR LF", try await signed("WECHAT\r\n\(Self.id)\r\n\(soon)")),
            invalid("with a last line feed", try await signed("WECHAT\n\(Self.id)\n\(soon)\n")),
            invalid("of an id that has the time", try await signed("WECHAT\na\n\(soon)"), id: "a\n\(soon)"),
            invalid("of a time with a zero", try await signed("WECHAT\n\(Self.id)\n0\(soon)")),
            invalid("negative", signature, expires: "-\(soon)"),
            Attempt(
                name: "of another channel",
                channel: "LINE",
                signature: signature,
                expires: "\(soon)",
                status: 403,
                code: "proof_invalid"
            ),
            Attempt(name: "no signature", expires: "\(soon)", status: 403, code: "proof_required"),
            Attempt(name: "null", signature: "null", expires: "\(soon)", status: 403, code: "proof_required"),
            Attempt(name: "no time", signature: signature, status: 403, code: "proof_required"),
            Attempt(
                name: "expired",
                signature: try await signed("WECHAT\n\(Self.id)\n\(past)"),
                expires: "\(past)",
                status: 403,
                code: "proof_expired"
            ),
            Attempt(
                name: "expired long ago",
                signature: try await signed("WECHAT\n\(Self.id)\n-1"),
                expires: "-1",
                status: 403,
                code: "proof_expired"
            ),
            Attempt(
                name: "too far ahead",
                signature: try await signed("WECHAT\n\(Self.id)\n\(far)"),
                expires: "\(far)",
                status: 422,
                code: "invalid_value"
            ),
            Attempt(
                name: "2^63 - 1",
                signature: try await signed("WECHAT\n\(Self.id)\n\(Int.max)"),
                expires: "\(Int.max)",
                status: 422,
                code: "invalid_value"
            ),
            Attempt(
                name: "2^63",
                signature: try await signed("WECHAT\n\(Self.id)\n\(large)"),
                expires: large,
                status: 400,
                code: "wrong_type"
            ),
        ]
            + [#""\#(soon)""#, "\(soon).5", "true", "[\(soon)]"].map { (expires: String) in
                Attempt(
                    name: "expires \(expires)",
                    signature: signature,
                    expires: expires,
                    status: 400,
                    code: "wrong_type"
                )
            }
            + ["7", "true", "[\(signature)]", "{}"].map { (other: String) in
                Attempt(
                    name: "signature \(other)",
                    signature: other,
                    expires: "\(soon)",
                    status: 400,
                    code: "wrong_type"
                )
            }
    }

    private func ask(_ stack: Stack, _ attempt: Attempt) async throws -> HTTPResponse {
        var body = #"{"name":"a","channel":"\#(attempt.channel)","channelId":\#(attempt.id.jsonLiteral)"#
        if let signature = attempt.signature { body += #","signature":\#(signature)"# }
        if let expires = attempt.expires { body += #","expires":\#(expires)"# }
        return try await stack.request("POST", "/api/v1/public/customer-token", json: body + "}")
    }

    /// HMAC-SHA-256 in hexadecimal digits.
    private func sign(_ secret: String, _ text: String) async throws -> String {
        let key = secret.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let (code, output) = try await Program.run(
            "openssl",
            ["dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:\(key)"],
            input: text
        )
        guard code == 0, let digits = output.firstMatch(of: /[0-9a-f]{64}/) else {
            throw EndToEndError("openssl signed nothing: \(output)")
        }
        return String(digits.output)
    }
}
