import CustomerAPI
import Foundation
import Hiredis
import Messaging
import Testing

@Suite("Erasing and exporting a customer")
struct CustomerErasureTests {
    private struct Life {
        let id: UniqueID
        let principal: Principal
        let token: String
        let conversations: [UniqueID]
        let attachment: String
    }

    /// A customer with everything that a customer may have.
    private func live(_ api: TestAPI, _ name: String, agent: String) async throws -> Life {
        let answer = try await api.customerToken(name: name, channelID: "web_\(name)")
        let id = try #require(UniqueID(answer.data["customerId"].text))
        let token = answer.data["token"].text
        let principal = Principal.customer(id: id, channel: .web)
        // An identity of another partition than the customer's, and one of any.
        let linked = try #require(
            (0..<100).map { ChannelIdentity(channel: .line, channelID: "U\(name)\($0)") }.first {
                Partition(of: $0) != id.partition
            }
        )
        _ = try await CustomerStore(redis: api.redis).update(id) {
            $0.channelIDs[.line] = linked.channelID
            $0.channelIDs[.weChat] = "o-\(name)"
            $0.email = "\(name)@example.com"
        }
        let file = try await api.call(
            "POST",
            "/api/v1/attachments?name=a.txt",
            token: token,
            data: Data("file of \(name)".utf8),
            headers: ["Content-Type": "text/plain"]
        )
        #expect(file.status == 201)
        let attachment = file.data["id"].text
        var conversations: Set<UniqueID> = []
        for (number, alias) in ["first", "second"].enumerated() {
            for message in 0..<130 {
                let body = #"""
                    {"content":"\#(name) says \#(message)","conversationId":"\#(alias)","clientMessageId":"m-\#(number)-\#(message)",
                    "metadata":{"attachments":[{"id":"\#(attachment)"},{"id":5},7,{"id":"no id"}]}}
                    """#
                let sent = try await api.call("POST", "/api/v1/messages", token: token, body: body)
                #expect(sent.status == 200)
                conversations.insert(try #require(UniqueID(sent.data["conversationId"].text)))
            }
        }
        for conversation in conversations {
            let path = "/api/v1/conversations/\(conversation)"
            let body = #"{"content":"answer to \#(name)","clientMessageId":"r"}"#
            #expect(try await api.call("POST", "\(path)/messages", token: agent, body: body).status == 200)
            #expect(
                try await api.call("POST", "\(path)/notes", token: agent, body: #"{"content":"note on \#(name)"}"#)
                    .status == 201
            )
        }
        return Life(
            id: id,
            principal: principal,
            token: token,
            conversations: Array(conversations),
            attachment: attachment
        )
    }

    private func dump(_ api: TestAPI) async throws -> [String] {
        var lines: [String] = []
        for key in try await api.redis.send(RedisCommand("KEYS", "*")).array ?? [] {
            guard let bytes = key.bytes else { continue }
            var type = RedisCommand("TYPE")
            type.append(bytes)
            let commands: [String: [String]] = [
                "hash": ["HGETALL"], "zset": ["ZRANGE", "0", "-1"], "set": ["SMEMBERS"], "list": ["LRANGE", "0", "-1"],
                "stream": ["XRANGE", "-", "+"], "string": ["GET"],
            ]
            let words = commands[try await api.redis.send(type).string ?? ""] ?? ["GET"]
            var command = RedisCommand(words[0])
            command.append(bytes)
            for word in words.dropFirst() { command.append(word) }
            let name = String(decoding: bytes, as: UTF8.self)
            lines.append("\(name) \(text(try await api.redis.send(command)))")
        }
        return lines
    }

    private func text(_ reply: RedisReply) -> String {
        if let parts = reply.array { return parts.map(text).joined(separator: " ") }
        return reply.bytes.map { String(decoding: $0, as: UTF8.self) } ?? reply.int.map { "\($0)" } ?? ""
    }

    private static func folder() throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "erasure-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static func files(in folder: String) -> Int {
        let all = FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? []
        return all.filter { $0.hasSuffix("-\($0.suffix(12))") }.count
    }

    @Test(
        "Nothing of an erased customer is left, everything of others is, and the identity makes a new customer",
        arguments: [true, false]
    )
    func erase(hasFolder: Bool) async throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await TestAPI.run {
            if hasFolder { $0.attachmentsFolder = folder }
        } _: { api in
            let root = try await api.agentToken("root", role: .admin)
            let gone = try await live(api, "gone", agent: root)
            let kept = try await live(api, "kept", agent: root)
            #expect(try await api.call("GET", "/api/v1/customers", token: root).data["totalElements"] == 2)
            let before = try await dump(api)

            let path = "/api/v1/customers/\(gone.id)"
            for query in ["", "?erase=false", "?erase="] {
                let refused = try await api.call("DELETE", path + query, token: root)
                #expect(refused.status == 422)
                #expect(refused.field == "erase")
            }
            #expect(try await api.call("DELETE", "\(path)?erase=true", token: api.agentToken()).status == 403)
            let erased = try await api.call("DELETE", "\(path)?erase=true", token: root)
            #expect(erased.status == 200)
            #expect(erased.data["erased"] == true)
            #expect(erased.data["conversations"] == 2)
            #expect(erased.data["messages"] == 262)
            #expect(erased.data["attachments"] == 1)

            // What still names the customer's id is the audit log.
            let after = try await dump(api)
            let ids = ([gone.id] + gone.conversations).map(\.description) + [gone.attachment]
            for line in after where !line.contains("}:audit ") {
                for id in ids { #expect(!line.contains(id), "\(line.prefix(200))") }
                #expect(!line.contains("gone"), "\(line.prefix(200))")
            }
            #expect(after.contains { $0.contains("}:audit ") && $0.contains("customer.erased") })
            // Of the other one all is left: 3 claims, 260 + 2 places of clientMessageIds, and so on.
            #expect(
                before.filter { $0.contains("kept") || $0.contains(kept.id.description) }.count
                    == after.filter { $0.contains("kept") || $0.contains(kept.id.description) }.count
            )
            // By bytes: what follows the colon is no text, and may begin with what reads as an accent on it.
            func places(_ lines: [String]) -> Int {
                lines.count { $0.utf8.firstRange(of: "}:sent:".utf8) != nil }
            }
            #expect(places(before) == 524)
            #expect(places(after) == 262)
            if hasFolder { #expect(Self.files(in: folder) == 1) }

            #expect(try await api.call("GET", path, token: root).status == 404)
            #expect(try await api.call("DELETE", "\(path)?erase=true", token: root).status == 404)
            #expect(try await api.call("POST", "\(path)/token", token: root).status == 404)
            #expect(
                try await api.call("GET", "/api/v1/conversations/\(gone.conversations[0])", token: root).status == 404
            )
            #expect(try await api.call("GET", "/api/v1/attachments/\(gone.attachment)", token: root).status == 404)
            #expect(try await api.call("GET", "/api/v1/attachments/\(kept.attachment)", token: root).status == 200)
            #expect(
                try await api.call("POST", "/api/v1/messages", token: gone.token, body: #"{"content":"x"}"#).status
                    == 401
            )
            let list = try await api.call("GET", "/api/v1/customers", token: root)
            #expect(list.data["totalElements"] == 1)
            #expect(list.data["content"][0]["id"] == .string(kept.id.description))
            #expect(try await api.call("GET", "/api/v1/conversations", token: root).data["totalElements"] == 2)
            let fresh = try await api.customerToken(name: "again", channelID: "web_gone")
            #expect(fresh.status == 200)
            #expect(fresh.data["customerId"].text != gone.id.description)
            #expect(fresh.data["name"] == "again")
            #expect(try await api.call("GET", "/api/v1/customers", token: root).data["totalElements"] == 2)
        }
    }

    @Test("While it is under way nothing new is taken; after a crash anybody who goes on ends it")
    func resume() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            let gone = try await live(api, "gone", agent: root)
            let erasure = CustomerErasure(redis: api.redis)
            let author = AuditAuthor(.commandLine, name: "test")
            struct NoDisk: Error {}
            await #expect(throws: NoDisk.self) {
                _ = try await erasure.erase(gone.id, until: .now + .seconds(600), by: author) { _ in throw NoDisk() }
            }
            // A request that ends after a step.
            let first = try await erasure.erase(gone.id, until: .now, by: author) { _ in }
            #expect(!first.isComplete)
            #expect(first.messages == 100)

            #expect(try await api.call("GET", "/api/v1/customers/\(gone.id)", token: root).status == 404)
            #expect(try await api.call("POST", "/api/v1/customers/\(gone.id)/token", token: root).status == 404)
            #expect(try await api.call("GET", "/api/v1/customers", token: root).data["totalElements"] == 0)
            let store = AttachmentStore(redis: api.redis, quota: 1_000_000)
            let late = Attachment(
                id: UniqueID(in: gone.id.partition),
                customer: gone.id,
                name: "late",
                contentType: "text/plain",
                size: 1
            )
            await #expect(throws: MessagingError.self) { try await store.add(late, data: nil) }
            await #expect(throws: MessagingError.self) { _ = try await api.say("late", as: gone.principal) }

            #expect(try await erasure.goOn { _ in } == 1)
            for line in try await dump(api) where !line.contains("}:audit ") {
                for id in [gone.id] + gone.conversations {
                    #expect(!line.contains(id.description), "\(line.prefix(200))")
                }
                #expect(!line.contains("gone"), "\(line.prefix(200))")
            }
            #expect(try await erasure.goOn { _ in } == 0)
        }
    }

    @Test("Two who erase at once do no harm")
    func both() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            let gone = try await live(api, "gone", agent: root)
            let path = "/api/v1/customers/\(gone.id)?erase=true"
            async let one = api.call("DELETE", path, token: root)
            async let two = api.call("DELETE", path, token: root)
            let statuses = [try await one.status, try await two.status]
            #expect(statuses.contains(200))
            #expect(statuses.allSatisfy { [200, 202, 404].contains($0) })
            for line in try await dump(api) where !line.contains("}:audit ") {
                #expect(!line.contains("gone") && !line.contains(gone.id.description), "\(line.prefix(200))")
            }
        }
    }

    @Test("An export has all that there is of a customer, and of nobody else; only admins get it")
    func export() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            let mine = try await live(api, "mine", agent: root)
            _ = try await live(api, "other", agent: root)
            let path = "/api/v1/customers/\(mine.id)/export"
            let answer = try await api.call("GET", path, token: root)
            #expect(answer.status == 200)
            #expect(answer.headers["content-disposition"]?.contains("customer-\(mine.id).json") == true)
            let data = answer.data
            #expect(data["customer"]["name"] == "mine")
            #expect(data["customer"]["webId"] == "web_mine")
            #expect(data["customer"]["email"] == "mine@example.com")
            #expect(data["attachments"].elements.map(\.["id"].text) == [mine.attachment])
            #expect(data["tokens"].elements.count == 1)
            let conversations = data["conversations"].elements
            #expect(
                Set(conversations.map { $0["conversation"]["id"].text }) == Set(mine.conversations.map(\.description))
            )
            for conversation in conversations {
                let messages = conversation["messages"].elements
                #expect(messages.count == 131)
                #expect(messages[0]["content"] == "mine says 0")
                #expect(messages.last?["content"] == "answer to mine")
                #expect(conversation["notes"][0]["content"] == "note on mine")
            }
            #expect(!String(decoding: answer.body, as: UTF8.self).contains("other"))
            #expect(!String(decoding: answer.body, as: UTF8.self).contains(mine.token))
            #expect(try await api.call("GET", path, token: api.agentToken()).status == 403)
            let nobody = "/api/v1/customers/\(UniqueID(in: .random()))/export"
            #expect(try await api.call("GET", nobody, token: root).status == 404)
            let log = try await api.call("GET", "/api/v1/audit?act=customer.export", token: root).data["entries"]
                .elements
            #expect(log.map { $0["subject"]["id"].text } == [mine.id.description])
        }
    }
}
