import Messaging
import Testing

@Suite("What agents share: who else answers, and canned answers")
struct SharedByAgentsTests {
    @Test("Any agent sees all others, and who is connected, but no logins")
    func colleagues() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            _ = try await api.agentToken("bob", role: .bot)
            try await api.register(api.agent("bob"), connections: 1)
            let answer = try await api.call("GET", "/api/v1/colleagues", token: ann)
            #expect(answer.status == 200)
            let colleagues = answer.data["colleagues"].elements
            #expect(colleagues.map(\.["name"]) == ["ann", "bob"])
            #expect(colleagues.map(\.["online"]) == [false, true])
            #expect(colleagues.map(\.["role"]) == ["agent", "bot"])
            #expect(colleagues.map(\.["active"]) == [true, true])
            #expect(colleagues[0].fieldNames == ["id", "name", "role", "active", "online"])
            let customer = try await api.customerToken().data["token"].text
            #expect(try await api.call("GET", "/api/v1/colleagues", token: customer).status == 403)
        }
    }

    private static let path = "/api/v1/canned-answers"

    @Test("Canned answers are added, listed by shortcut, changed and deleted by any agent")
    func cannedAnswers() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let bob = try await api.agentToken("bob")
            func add(_ shortcut: String, _ content: String = "text") async throws -> Answer {
                let body = #"{"shortcut":"\#(shortcut)","content":"\#(content)"}"#
                return try await api.call("POST", Self.path, token: ann, body: body)
            }
            func listed() async throws -> [String] {
                let answer = try await api.call("GET", Self.path, token: bob)
                return answer.data["answers"].elements.map { "\($0["shortcut"].text)=\($0["content"].text)" }
            }
            #expect(try await listed() == [])
            let first = try await add("问候", #"您好\n\"!\""#)
            #expect(first.status == 201)
            #expect(first.data.fieldNames == ["id", "shortcut", "content", "updatedAt"])
            let second = try await add("Bye_2-x")
            #expect(try await add("Ärger").status == 201)
            #expect(try await listed() == ["Bye_2-x=text", "Ärger=text", "问候=您好\n\"!\""])

            let taken = try await add("bye_2-X")
            #expect(taken.status == 409)
            #expect(taken.code == "conflict")
            #expect(taken.field == "shortcut")

            let path = "\(Self.path)/\(second.data["id"].text)"
            let changed = try await api.call("PUT", path, token: bob, body: #"{"shortcut":"bye","content":"Good bye"}"#)
            #expect(changed.data["content"] == "Good bye")
            #expect(
                try await api.call("PUT", path, token: bob, body: #"{"shortcut":"BYE"}"#).data["content"] == "Good bye"
            )
            #expect(try await api.call("PUT", path, token: bob, body: #"{"content":"x"}"#).data["shortcut"] == "BYE")
            #expect(try await api.call("PUT", path, token: bob, body: #"{"shortcut":"问候"}"#).status == 409)
            // The old one is free again.
            #expect(try await add("Bye_2-x").status == 201)
            #expect(try await api.call("DELETE", path, token: bob).status == 200)
            #expect(try await api.call("DELETE", path, token: bob).status == 404)
            #expect(try await api.call("PUT", path, token: bob, body: #"{"content":"x"}"#).status == 404)
            #expect(try await add("bye").status == 201)
        }
    }

    @Test("A shortcut is one short word, and there are at most 500 answers")
    func limits() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            for shortcut in [
                "", "two words", "a/b", "a.b", "😀", "\u{301}", "\u{301}abc", String(repeating: "x", count: 33),
            ] {
                let body = #"{"shortcut":"\#(shortcut)","content":"x"}"#
                let refused = try await api.call("POST", Self.path, token: ann, body: body)
                #expect(refused.status == 422, "\(shortcut)")
                #expect(refused.field == "shortcut")
            }
            let long = String(repeating: "x", count: 4001)
            for content in ["", " ", long] {
                let body = #"{"shortcut":"a","content":"\#(content)"}"#
                let refused = try await api.call("POST", Self.path, token: ann, body: body)
                #expect(refused.status == 422)
                #expect(refused.field == "content")
            }
            #expect(try await api.call("POST", Self.path, token: ann, body: #"{"shortcut":"a"}"#).status == 400)
            let store = CannedAnswerStore(redis: api.redis)
            for number in 0..<CannedAnswer.maxAnswers {
                _ = try await store.create(shortcut: "n\(number)", content: "x")
            }
            // One with an accent first, as they were possible once, is in the list and can be deleted.
            let odd = try await store.update(
                try #require(try await store.answers().first).id,
                shortcut: "\u{301}a",
                content: "\u{301}x"
            )
            #expect(odd.shortcut == "\u{301}a" && odd.content == "\u{301}x")
            #expect(try await store.answers().count == CannedAnswer.maxAnswers)
            let full = try await api.call("POST", Self.path, token: ann, body: #"{"shortcut":"a","content":"x"}"#)
            #expect(full.status == 409)
            #expect(full.code == "limit_reached")
        }
    }
}
