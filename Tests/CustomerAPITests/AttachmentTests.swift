import CustomerAPI
import Foundation
import Messaging
import Testing

@Suite("/attachments")
struct AttachmentTests {
    private static let path = "/api/v1/attachments"
    private static let png = Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3, 4])

    /// Both places where attachments may be kept: a folder, and Redis.
    private static func inBothPlaces(
        _ configure: @escaping @Sendable (inout Configuration) -> Void = { _ in },
        _ body: @Sendable (TestAPI, _ folder: URL?) async throws -> Void
    ) async throws {
        try await TestAPI.run(configure) { try await body($0, nil) }
        try await inFolder(configure, body)
    }

    private static func inFolder(
        _ configure: @escaping @Sendable (inout Configuration) -> Void = { _ in },
        _ body: @Sendable (TestAPI, _ folder: URL?) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "attachments-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await TestAPI.run({
            $0.attachmentsFolder = folder.path
            configure(&$0)
        }) { try await body($0, folder) }
    }

    /// The files in a folder and its folders.
    private static func files(in folder: URL?) -> [String] {
        guard let folder, let paths = FileManager.default.enumerator(atPath: folder.path) else { return [] }
        return paths.compactMap { $0 as? String }.filter { path in
            var isFolder: ObjCBool = false
            let path = folder.appending(path: path).path
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
        }
    }

    @Test("A customer sends a file and fetches it again; so does any agent, and no other customer")
    func customer() async throws {
        try await Self.inBothPlaces { api, folder in
            let token = try await api.customerToken(channelID: "web_1").data["token"].text
            let other = try await api.customerToken(channelID: "web_2").data["token"].text
            let ann = try await api.agentToken()
            let data = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            let sent = try await api.call(
                "POST",
                "\(Self.path)?name=%E6%8A%A5%E5%91%8A%20%22a%22.pdf",
                token: token,
                data: data,
                headers: ["Content-Type": "Application/PDF; x=y"]
            )
            #expect(sent.status == 201)
            #expect(sent.data.fieldNames == ["id", "name", "contentType", "size"])
            #expect(sent.data["name"] == "报告 \"a\".pdf")
            #expect(sent.data["contentType"] == "application/pdf")
            #expect(sent.data["size"] == 300_000)

            let path = "\(Self.path)/\(sent.data["id"].text)"
            for reader in [token, ann] {
                let fetched = try await api.call("GET", path, token: reader)
                #expect(fetched.status == 200)
                #expect(fetched.body == data)
                #expect(fetched.headers["content-type"] == "application/pdf")
                #expect(fetched.headers["x-content-type-options"] == "nosniff")
                #expect(fetched.headers["content-security-policy"] == "sandbox; default-src 'none'")
                #expect(
                    fetched.headers["content-disposition"]
                        == "attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A%20%22a%22.pdf"
                )
            }
            let refused = try await api.call("GET", path, token: other)
            #expect(refused.status == 404)
            #expect(refused.code == "not_found")
            #expect(try await api.call("GET", path).status == 401)
            let tag = try #require(try await api.call("GET", path, token: token).headers["etag"])
            #expect(try await api.call("GET", path, token: token, headers: ["If-None-Match": tag]).status == 304)
            #expect(try await api.call("GET", path, token: other, headers: ["If-None-Match": tag]).status == 404)
            if let folder {
                let id = sent.data["id"].text
                #expect(Self.files(in: folder) == ["\(id.prefix(2))/\(id)"])
            }
        }
    }

    @Test("An agent sends a file to the customer of a conversation")
    func agent() async throws {
        try await Self.inBothPlaces { api, _ in
            let ann = try await api.agentToken()
            let customer = try await api.newCustomer("web_1")
            let conversation = try await api.say("x", as: customer).conversation
            let token = try await api.customerToken(channelID: "web_1").data["token"].text
            let other = try await api.customerToken(channelID: "web_2").data["token"].text
            func send(_ query: String, by token: String) async throws -> Answer {
                try await api.call("POST", "\(Self.path)?name=a.png\(query)", token: token, data: Self.png)
            }
            let sent = try await send("&conversation=\(conversation)", by: ann)
            #expect(sent.status == 201)
            #expect(sent.data["contentType"] == "image/png")
            let fetched = try await api.call("GET", "\(Self.path)/\(sent.data["id"].text)", token: token)
            #expect(fetched.body == Self.png)
            #expect(fetched.headers["content-disposition"] == "inline; filename*=UTF-8''a.png")
            #expect(try await api.call("GET", "\(Self.path)/\(sent.data["id"].text)", token: other).status == 404)

            let missing = try await send("", by: ann)
            #expect(missing.status == 400)
            #expect(missing.field == "conversation")
            #expect(try await send("&conversation=\(UniqueID(in: .ofAgents))", by: ann).status == 404)
            #expect(try await send("&conversation=x", by: ann).status == 404)
            #expect(try await send("&conversation=\(conversation)", by: token).status == 201)
            // Another's is answered as one that is not there.
            let others = try await send("&conversation=\(conversation)", by: other)
            #expect(others.status == 404)
            #expect(others.json == (try await send("&conversation=\(UniqueID(in: .ofAgents))", by: other)).json)
        }
    }

    @Test(
        "An image is what its bytes say, and what a browser would run keeps no type",
        arguments: [
            ("image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], "image/png"),
            ("text/html", [0xff, 0xd8, 0xff, 0xe0], "image/jpeg"),
            ("", Array("GIF89a".utf8), "image/gif"),
            ("image/webp", Array("RIFF....WEBPVP8 ".utf8), "image/webp"),
            ("image/png", Array("<script>alert(1)</script>".utf8), "application/octet-stream"),
            ("image/svg+xml", Array("<svg/>".utf8), "application/octet-stream"),
            ("text/html; charset=utf-8", Array("<p>".utf8), "application/octet-stream"),
            ("application/xhtml+xml", Array("<p>".utf8), "application/octet-stream"),
            ("text/javascript", Array("1".utf8), "application/octet-stream"),
            ("multipart/form-data", Array("1".utf8), "application/octet-stream"),
            ("nonsense", Array("1".utf8), "application/octet-stream"),
            ("text/plain", Array("RIFF".utf8), "text/plain"),
            ("audio/mpeg", Array("ID3".utf8), "audio/mpeg"),
        ] as [(String, [UInt8], String)]
    )
    func contentTypes(declared: String, bytes: [UInt8], type: String) async throws {
        try await TestAPI.run { api in
            let token = try await api.customerToken().data["token"].text
            let sent = try await api.call(
                "POST",
                "\(Self.path)?name=a",
                token: token,
                data: Data(bytes),
                headers: ["Content-Type": declared]
            )
            #expect(sent.data["contentType"] == .string(type))
            let fetched = try await api.call("GET", "\(Self.path)/\(sent.data["id"].text)", token: token)
            #expect(fetched.headers["content-type"] == type)
            let isInline = fetched.headers["content-disposition"]?.hasPrefix("inline") == true
            #expect(isInline == type.hasPrefix("image/"))
        }
    }

    @Test("A name has no folders, no control characters and no marks of direction, and is not too long")
    func names() async throws {
        try await Self.inFolder { api, folder in
            let token = try await api.customerToken().data["token"].text
            let names = [
                ("..%2F..%2Fetc%2Fpasswd", "passwd"), ("C:%5Ctemp%5Ca.txt", "a.txt"), ("..", ".."),
                // A slash with an accent; a mark that shows what follows it backwards, and a line's end.
                ("a%2F%CC%81b", "\u{301}b"), ("photo%E2%80%AEgpj.exe%E2%80%A8", "photogpj.exe"),
            ]
            for (name, kept) in names {
                let sent = try await api.call("POST", "\(Self.path)?name=\(name)", token: token, data: Self.png)
                #expect(sent.data["name"] == .string(kept))
            }
            for name in ["", "%20", "a%00b", "a%0Ab", String(repeating: "x", count: 201), "%2F", "%E2%80%AE"] {
                let refused = try await api.call("POST", "\(Self.path)?name=\(name)", token: token, data: Self.png)
                #expect(refused.status == (name.isEmpty ? 400 : 422), "\(name)")
                #expect(refused.field == "name")
            }
            for file in Self.files(in: folder) {
                let id = file.split(separator: "/").last.map(String.init) ?? ""
                #expect(UniqueID(id) != nil && file == "\(id.prefix(2))/\(id)")
            }
        }
    }

    @Test("What is too long is refused and leaves nothing behind")
    func tooLong() async throws {
        try await Self.inBothPlaces({ $0.maxAttachmentBytes = 1024 }) { api, folder in
            let token = try await api.customerToken().data["token"].text
            let longest = try await api.call("POST", "\(Self.path)?name=a", token: token, data: Data(count: 1024))
            #expect(longest.status == 201)
            let refused = try await api.call("POST", "\(Self.path)?name=a", token: token, data: Data(count: 1025))
            #expect(refused.status == 413)
            #expect(refused.code == "body_too_large")
            #expect(Self.files(in: folder).count == (folder == nil ? 0 : 1))
        }
    }

    @Test("Redis keeps no attachment past 1 MiB, whatever the longest one may be")
    func tooLongForRedis() async throws {
        try await TestAPI.run { api in
            let token = try await api.customerToken().data["token"].text
            let size = AttachmentStore.maxBytesInRedis
            let kept = try await api.call("POST", "\(Self.path)?name=a", token: token, data: Data(count: size))
            #expect(kept.status == 201)
            let refused = try await api.call("POST", "\(Self.path)?name=a", token: token, data: Data(count: size + 1))
            #expect(refused.status == 413)
        }
    }

    @Test("A customer's attachments have a quota, also for agents, and very small ones count as 4 KiB")
    func quota() async throws {
        try await Self.inBothPlaces({ $0.attachmentQuotaBytes = 20_000 }) { api, folder in
            let token = try await api.customerToken(channelID: "web_1").data["token"].text
            let ann = try await api.agentToken()
            let customer = try await api.newCustomer("web_1")
            let conversation = try await api.say("x", as: customer).conversation
            func send(_ bytes: Int, by token: String, _ query: String = "") async throws -> Int {
                try await api.call("POST", "\(Self.path)?name=a\(query)", token: token, data: Data(count: bytes)).status
            }
            #expect(try await send(10_000, by: token) == 201)
            #expect(try await send(1, by: token) == 201)
            #expect(try await send(6000, by: token) == 409)
            #expect(try await send(6000, by: ann, "&conversation=\(conversation)") == 409)
            #expect(try await send(5904, by: ann, "&conversation=\(conversation)") == 201)
            let full = try await api.call("POST", "\(Self.path)?name=a", token: token, data: Data(count: 1))
            #expect(full.status == 409)
            #expect(full.code == "limit_reached")
            #expect(Self.files(in: folder).count == (folder == nil ? 0 : 3))
            let other = try await api.customerToken(channelID: "web_2").data["token"].text
            #expect(try await send(10_000, by: other) == 201)
        }
    }

    @Test("An upload that breaks off is no attachment, and its file goes")
    func brokenOff() async throws {
        try await Self.inFolder { api, folder in
            let token = try await api.customerToken().data["token"].text
            let uploads = try #require(folder).appending(path: "uploads")
            var connection: RawConnection? = try RawConnection(port: api.port)
            await connection?.write(
                "POST \(Self.path)?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Length: 500000\r\n\r\n"
            )
            await connection?.write([UInt8](repeating: 1, count: 100_000))
            while Self.files(in: uploads).isEmpty { try await Task.sleep(for: .milliseconds(10)) }
            connection = nil
            while !Self.files(in: folder).isEmpty { try await Task.sleep(for: .milliseconds(10)) }
            // Nothing of it counts.
            guard case .customer(let id, _) = try await api.newCustomer("web_user_123456") else { return }
            #expect(try api.server.command("EXISTS", Keyspace.attachmentBytes(id)) == "0")
        }
    }

    @Test("What an upload left behind long ago goes at the next start; a young one may be another program's")
    func leftBehind() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "attachments-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let uploads = folder.appending(path: "uploads")
        try FileManager.default.createDirectory(at: uploads, withIntermediateDirectories: true)
        let (old, young) = (UniqueID(in: .ofAgents).description, UniqueID(in: .ofAgents).description)
        for name in [old, young] { try Data("x".utf8).write(to: uploads.appending(path: name)) }
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)],
            ofItemAtPath: uploads.appending(path: old).path
        )
        try await TestAPI.run({ $0.attachmentsFolder = folder.path }) { _ in
            #expect(Self.files(in: folder) == ["uploads/\(young)"])
        }
    }

    @Test("Without its length an upload is refused, and so is one of a principal who sends too many at once")
    func refusals() async throws {
        try await Self.inFolder { api, folder in
            let token = try await api.customerToken(channelID: "web_1").data["token"].text
            let chunked = try RawConnection(port: api.port)
            let head = "POST \(Self.path)?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n"
            await chunked.write(head + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
            #expect(await chunked.readAnswer().head.hasPrefix("HTTP/1.1 411 "))

            var slow: [RawConnection] = []
            for _ in 0..<4 {
                let connection = try RawConnection(port: api.port)
                await connection.write(head + "Content-Length: 10\r\n\r\nx")
                slow.append(connection)
            }
            // All four have begun to arrive: a fifth that came before the fourth would have that one refused.
            let uploads = try #require(folder).appending(path: "uploads")
            while Self.files(in: uploads).count < 4 { try await Task.sleep(for: .milliseconds(10)) }
            let fifth = try await api.call("POST", "\(Self.path)?name=a", token: token, data: Self.png)
            #expect(fifth.status == 429)
            let other = try await api.customerToken(channelID: "web_2").data["token"].text
            #expect(try await api.call("POST", "\(Self.path)?name=a", token: other, data: Self.png).status == 201)
            for connection in slow { await connection.write("123456789") }
            for connection in slow { #expect(await connection.readAnswer().head.hasPrefix("HTTP/1.1 201 ")) }
            #expect(try await api.call("POST", "\(Self.path)?name=a", token: token, data: Self.png).status == 201)
        }
    }

    @Test("Downloads that nobody reads are few and cost others nothing, and their places are free when they end")
    func unread() async throws {
        try await Self.inFolder { api, _ in
            let token = try await api.customerToken(channelID: "web_1").data["token"].text
            // More than the sockets take.
            let data = Data(count: 10 * 1024 * 1024)
            let sent = try await api.call("POST", "\(Self.path)?name=a", token: token, data: data)
            let path = "\(Self.path)/\(sent.data["id"].text)"
            var unread: [RawConnection] = []
            for _ in 0..<20 {
                let connection = try RawConnection(port: api.port)
                await connection.write("GET \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n\r\n")
                // It has begun: there is a first byte.
                #expect(await !connection.isClosed())
                unread.append(connection)
            }
            let refused = try await api.call("GET", path, token: token)
            #expect(refused.status == 429)
            #expect(refused.headers["retry-after"] == "1")
            let ann = try await api.agentToken()
            #expect(try await api.call("GET", path, token: ann).body == data)
            unread = []
            while try await api.call("GET", path, token: token).status == 429 {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try await api.call("GET", path, token: token).body == data)
        }
    }
}
