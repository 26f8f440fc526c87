import Crypto
import CustomerAPI
import Foundation
import Messaging
import Testing

/// How customers' ids are proved, at the place where tokens are asked for.
@Suite("Identity proof")
struct IdentityProofTests {
    private static let secret = "0123456789abcdef0123456789abcdef"
    private static let other = "fedcba9876543210fedcba9876543210"
    private static let openID = "oAbCd1234567890"

    private static func wechat(_ secrets: [String] = [secret], isRequired: Bool = false) -> IdentityProof {
        IdentityProof(secrets: [.weChat: secrets], isRequired: isRequired)
    }

    private static var soon: Int { Timestamp.now.milliseconds / 1000 + 3600 }

    /// As the README's sample for Swift has it.
    static func sign(_ channel: String, _ channelId: String, secret: String, expires: Int) -> String {
        let text = Data("\(channel)\n\(channelId)\n\(expires)".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: Data(secret.utf8)))
        let signature = code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return signature
    }

    private func ask(
        _ api: TestAPI,
        channel: String = "WECHAT",
        id: String = openID,
        signature: String? = nil,
        expires: Int? = nil
    ) async throws -> Answer {
        var body = #"{"name":"a","channel":"\#(channel)","channelId":"\#(id)""#
        if let signature { body += #","signature":"\#(signature)""# }
        if let expires { body += #","expires":\#(expires)"# }
        return try await api.call("POST", "/api/v1/public/customer-token", body: body + "}")
    }

    @Test(
        "With a channel's secret its customers prove their id, as often as they like until it expires; others need nothing"
    )
    func proved() async throws {
        try await TestAPI.run {
            $0.identityProof = Self.wechat()
        } _: { api in
            let expires = Self.soon
            let signature = Self.sign("WECHAT", Self.openID, secret: Self.secret, expires: expires)
            let first = try await ask(api, signature: signature, expires: expires)
            #expect(first.status == 200)
            let again = try await ask(api, signature: signature.uppercased(), expires: expires)
            #expect(again.data["customerId"] == first.data["customerId"])
            #expect(try await api.customerToken().status == 200)
            #expect(
                api.logs.all.contains {
                    $0.contains("Customers of WECHAT have to prove") && $0.contains("off for WEB, ")
                }
            )
            #expect(!api.logs.all.contains { $0.contains(Self.secret) })
        }
    }

    private struct Refusal {
        var channel = "WECHAT"
        var id = openID
        let signature: String?
        let expires: Int?
        var status = 403
        let code: JSONValue
        let field: JSONValue
    }

    @Test("What is no proof of this channel, this id and this time is refused, and makes no customer")
    func refused() async throws {
        try await TestAPI.run {
            $0.identityProof = IdentityProof(secrets: [.weChat: [Self.secret], .line: [Self.secret]])
        } _: { api in
            let soon = Self.soon
            let good = Self.sign("WECHAT", Self.openID, secret: Self.secret, expires: soon)
            let past = soon - 3700
            let far = soon + 48 * 3600
            let none: JSONValue = "proof_required"
            let bad: JSONValue = "proof_invalid"
            let refusals = [
                Refusal(signature: nil, expires: nil, code: none, field: "signature"),
                Refusal(signature: nil, expires: soon, code: none, field: "signature"),
                Refusal(signature: good, expires: nil, code: none, field: "expires"),
                Refusal(signature: "", expires: soon, code: bad, field: "signature"),
                Refusal(signature: String(good.dropLast()), expires: soon, code: bad, field: "signature"),
                Refusal(signature: good + "00", expires: soon, code: bad, field: "signature"),
                Refusal(signature: String(good.dropLast()) + "g", expires: soon, code: bad, field: "signature"),
                Refusal(
                    signature: Self.sign("WECHAT", Self.openID, secret: Self.other, expires: soon),
                    expires: soon,
                    code: bad,
                    field: "signature"
                ),
                // Another one's: of another id, another channel with the same secret, another time, in another order.
                Refusal(id: "oAbCd1234567891", signature: good, expires: soon, code: bad, field: "signature"),
                Refusal(channel: "LINE", signature: good, expires: soon, code: bad, field: "signature"),
                Refusal(signature: good, expires: soon + 1, code: bad, field: "signature"),
                Refusal(
                    signature: Self.sign(Self.openID, "WECHAT", secret: Self.secret, expires: soon),
                    expires: soon,
                    code: bad,
                    field: "signature"
                ),
                // Where the parts begin and end can't be moved.
                Refusal(
                    id: "a\\n\(soon)",
                    signature: Self.sign("WECHAT", "a", secret: Self.secret, expires: soon),
                    expires: soon,
                    code: bad,
                    field: "signature"
                ),
                Refusal(
                    signature: Self.sign("WECHAT", Self.openID, secret: Self.secret, expires: past),
                    expires: past,
                    code: "proof_expired",
                    field: "expires"
                ),
                Refusal(
                    signature: Self.sign("WECHAT", Self.openID, secret: Self.secret, expires: far),
                    expires: far,
                    status: 422,
                    code: "invalid_value",
                    field: "expires"
                ),
                Refusal(
                    signature: Self.sign("WECHAT", Self.openID, secret: Self.secret, expires: .max),
                    expires: .max,
                    status: 422,
                    code: "invalid_value",
                    field: "expires"
                ),
                Refusal(signature: good, expires: .min, code: bad, field: "signature"),
            ]
            for refusal in refusals {
                let answer = try await ask(
                    api,
                    channel: refusal.channel,
                    id: refusal.id,
                    signature: refusal.signature,
                    expires: refusal.expires
                )
                #expect(answer.status == refusal.status, "\(refusal)")
                #expect(answer.code == refusal.code, "\(refusal)")
                #expect(answer.field == refusal.field, "\(refusal)")
            }
            let list = try await api.call("GET", "/api/v1/customers", token: api.agentToken())
            #expect(list.data["totalElements"] == 0)
        }
    }

    @Test("signature and expires of another type are 400")
    func types() async throws {
        try await TestAPI.run { api in
            let rest = #""name":"a","channel":"WECHAT","channelId":"b""#
            for (field, value) in [("signature", "1"), ("expires", #""soon""#), ("expires", "1.5")] {
                let body = #"{\#(rest),"\#(field)":\#(value)}"#
                let answer = try await api.call("POST", "/api/v1/public/customer-token", body: body)
                #expect(answer.status == 400)
                #expect(answer.code == "wrong_type")
                #expect(answer.field == .string(field))
            }
        }
    }

    @Test("While a secret takes another's place, both count")
    func rotation() async throws {
        try await TestAPI.run {
            $0.identityProof = Self.wechat([Self.other, Self.secret])
        } _: { api in
            let expires = Self.soon
            for secret in [Self.secret, Self.other] {
                let signature = Self.sign("WECHAT", Self.openID, secret: secret, expires: expires)
                let answer = try await ask(api, signature: signature, expires: expires)
                #expect(answer.status == 200)
            }
        }
    }

    @Test(
        "With IDENTITY_PROOF=required, channels without a secret take nobody, and WEB and APP ids with a random UUID only"
    )
    func required() async throws {
        try await TestAPI.run {
            $0.identityProof = Self.wechat(isRequired: true)
        } _: { api in
            for channel in ["WHATSAPP", "LINE", "TELEGRAM", "FACEBOOK", "EMAIL", "SMS", "PHONE"] {
                let answer = try await ask(api, channel: channel)
                #expect(answer.status == 403)
                #expect(answer.code == "channel_closed")
                #expect(answer.message.contains(channel))
            }
            let uuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
            for channel in ["WEB", "APP"] {
                for id in [uuid, "web_\(uuid)", "app_\(uuid.uppercased())"] {
                    #expect(try await ask(api, channel: channel, id: id).status == 200, "\(id)")
                }
                for id in [
                    "web_user_123456", "web_\(uuid)x", "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
                    "3f2504e0-4f89-41d3-0a0c-0305e82c3301", "3f2504e04f8941d39a0c0305e82c3301", "",
                ] {
                    let answer = try await ask(api, channel: channel, id: id)
                    #expect(answer.status == 422, "\(id)")
                    #expect(answer.field == "channelId")
                }
            }
            #expect(try await ask(api).code == "proof_required")
            #expect(api.logs.all.contains { $0.contains("WHATSAPP, LINE") && $0.contains("take nobody") })
        }
    }

    @Test("Who was proved once is not given away when the secret is gone, wherever the identity is kept")
    func onceProved() async throws {
        try await TestAPI.run { api in
            let tokens = TokenStore(redis: api.redis, lifetime: .seconds(60))
            let identity = ChannelIdentity(channel: .weChat, channelID: Self.openID)
            func proof(_ number: UInt8) -> ProofUse { ProofUse(of: [number], expires: Self.soon, by: .loopback) }
            let unproved = try await ask(api)
            #expect(unproved.status == 200)
            let proved = try await tokens.issueToken(named: "a", for: identity, proof: proof(1))
            #expect(proved.customer.description == unproved.data["customerId"].text)
            let refused = try await ask(api)
            #expect(refused.status == 403)
            #expect(refused.code == "forbidden")
            #expect(refused.field == "channelId")
            #expect(try await tokens.issueToken(named: "a", for: identity, proof: proof(1)).customer == proved.customer)
            // Agents give tokens as before.
            let path = "/api/v1/customers/\(proved.customer)/token"
            #expect(try await api.call("POST", path, token: api.agentToken()).status == 200)

            // One that belongs to another partition than its customer.
            let customers = CustomerStore(redis: api.redis)
            for number in 0..<100 {
                let linked = ChannelIdentity(channel: .line, channelID: "U\(number)")
                if Partition(of: linked) == proved.customer.partition { continue }
                _ = try await customers.update(proved.customer) { $0.channelIDs[.line] = linked.channelID }
                #expect(try await ask(api, channel: "LINE", id: linked.channelID).status == 200)
                _ = try await tokens.issueToken(named: "a", for: linked, proof: proof(2))
                #expect(try await ask(api, channel: "LINE", id: linked.channelID).status == 403)
                // Given up, it is nobody's, and still wants a proof.
                _ = try await customers.update(proved.customer) { $0.channelIDs[.line] = "U-another" }
                #expect(try await ask(api, channel: "LINE", id: linked.channelID).status == 403)
                let fresh = try await tokens.issueToken(named: "a", for: linked, proof: proof(3))
                #expect(fresh.customer != proved.customer)
                break
            }
        }
    }

    // MARK: - The README's samples

    @Test("The README's samples make the signature that is wanted", arguments: ["js", "python", "php"])
    func samples(language: String) async throws {
        let sample = try #require(try sample(language))
        let (command, before, after, file) =
            switch language {
            case "js":
                (
                    "node", "const [secret, channel, channelId] = process.argv.slice(2);\n",
                    "\nconsole.log(expires, signature);", "sample.js"
                )
            case "python":
                (
                    "python3", "import sys\n_, secret, channel, channelId = sys.argv\n", "\nprint(expires, signature)",
                    "sample.py"
                )
            default:
                (
                    "php", "<?php\n[, $secret, $channel, $channelId] = $argv;\n", "\necho \"$expires $signature\";",
                    "a.php"
                )
            }
        guard let program = Self.program(command) else { return }
        let folder = FileManager.default.temporaryDirectory.appending(path: "proof-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: file)
        try Data((before + sample + after).utf8).write(to: path)
        for id in [Self.openID, "张三 \"'$x", "+8613800138000"] {
            let process = Process()
            process.executableURL = program
            process.arguments = [path.path, Self.secret, "WECHAT", id]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = await blocking {
                let bytes = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                return String(decoding: bytes, as: UTF8.self)
            }
            let words = text.split(whereSeparator: \.isWhitespace)
            let expires = try #require(words.first.flatMap { Int($0) })
            #expect(words.last.map(String.init) == Self.sign("WECHAT", id, secret: Self.secret, expires: expires))
            #expect(expires > Timestamp.now.milliseconds / 1000)
        }
    }

    @Test("The README's sample for Swift is what these tests sign with")
    func swiftSample() throws {
        let source = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)
        let lines = try #require(try sample("swift")).split(separator: "\n").map(String.init)
        #expect(lines.count >= 3)
        for line in lines where !line.hasPrefix("import ") && !line.hasPrefix("let expires") {
            #expect(source.contains("        \(line)\n"), "\(line)")
        }
    }

    /// The first block of that language after the heading.
    private func sample(_ language: String) throws -> String? {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        guard let section = readme.range(of: "## Identity proof\n"),
            let start = readme[section.upperBound...].range(of: "```\(language)\n"),
            let end = readme[start.upperBound...].range(of: "\n```")
        else { return nil }
        return String(readme[start.upperBound..<end.lowerBound])
    }

    private static func program(_ name: String) -> URL? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { URL(filePath: "\($0)/\(name)") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }
}
