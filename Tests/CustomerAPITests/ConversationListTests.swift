import Foundation
import Messaging
import Testing

@Suite("What a list of conversations shows")
struct ConversationListTests {
    private static let path = "/api/v1/conversations"

    @Test("A conversation tells who it is with, whether they are there, what was said last, and who waits since when")
    func summary() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let customer = try await api.newCustomer(name: "王小明")
            let metadata = #"{"attachments":[{"id":"1"},{"id":"2"}]}"#
            let id = try await api.say("你好 😀\n\"?\"", as: customer, metadata: metadata).conversation

            var shown = try await api.call("GET", Self.path, token: ann).data["content"][0]
            #expect(shown["customerName"] == "王小明")
            #expect(shown["online"] == false)
            #expect(shown["answered"] == false)
            #expect(shown["assigneeName"] == .null)
            #expect(shown["lastMessage"]["content"] == "你好 😀\n\"?\"")
            #expect(shown["lastMessage"]["senderType"] == "customer")
            #expect(shown["lastMessage"]["attachments"] == 2)
            #expect(shown["lastMessage"]["timestamp"] == shown["lastMessageAt"])
            #expect(shown["waitingSince"] == shown["createdAt"])

            _ = try await api.say("Hello", as: api.agent("ann"), in: id)
            try await api.register(customer, connections: 1)
            shown = try await api.call("GET", "\(Self.path)/\(id)", token: ann).data
            #expect(shown["online"] == true)
            #expect(shown["answered"] == true)
            #expect(shown["assigneeName"] == "ann")
            #expect(shown["lastMessage"]["senderType"] == "agent")
            #expect(shown["lastMessage"]["attachments"] == 0)
            #expect(shown["waitingSince"] == .null)

            // Since the first of the messages that nobody answered.
            let first = try await api.say("one", as: customer)
            _ = try await api.say("two", as: customer)
            shown = try await api.call("GET", "\(Self.path)/\(id)", token: ann).data
            #expect(shown["answered"] == false)
            #expect(shown["waitingSince"] == .string(first.at.iso8601))

            shown = try await api.call("POST", "\(Self.path)/\(id)/resolve", token: ann).data
            #expect(shown["waitingSince"] == .null)
            #expect(shown["lastMessage"]["content"] == "two")
        }
    }

    @Test("A long message is cut to 200 characters, whole ones, however it is written")
    func preview() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let customer = try await api.newCustomer()
            for text in [String(repeating: "中", count: 300), String(repeating: "\u{1}", count: 300), "short"] {
                _ = try await api.say(text, as: customer)
                let shown = try await api.call("GET", Self.path, token: ann).data["content"][0]
                #expect(shown["lastMessage"]["content"].text == String(text.prefix(200)))
            }
        }
    }

    @Test("A text is looked for in the customer's name, folded, and at the beginning of both ids")
    func search() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let first = try await api.newCustomer("web_1", name: "Ｗang 小明")
            let second = try await api.newCustomer("web_2", name: "李四")
            let firstID = try await api.say("x", as: first).conversation.description
            let secondID = try await api.say("x", as: second).conversation.description
            guard case .customer(let customerID, _) = first else { return }
            func found(_ text: String, _ more: String = "") async throws -> [String] {
                let query = try #require(text.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
                let answer = try await api.call("GET", "\(Self.path)?q=\(query)\(more)", token: ann)
                #expect(answer.status == 200)
                return answer.data["content"].elements.map(\.["id"].text)
            }
            #expect(try await found("wang") == [firstID])
            #expect(try await found("小明") == [firstID])
            #expect(try await found("四") == [secondID])
            #expect(try await found("g 小") == [firstID])
            #expect(try await found(firstID) == [firstID])
            #expect(try await found(String(firstID.prefix(13)).uppercased()) == [firstID])
            #expect(try await found(customerID.description) == [firstID])
            #expect(try await found("nobody") == [])
            // So short a text is of a name.
            #expect(try await found(String(firstID.prefix(7))) == [])
            #expect(try await found("小明", "&state=waiting") == [firstID])
            #expect(try await found("小明", "&state=resolved") == [])
        }
    }

    @Test("Those that wait can be sorted by how long, the longest first")
    func waiting() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            var customers: [Principal] = []
            var ids: [String] = []
            for number in 0..<3 {
                customers.append(try await api.newCustomer("web_\(number)"))
                ids.append(try await api.say("x", as: customers[number]).conversation.description)
                try await Task.sleep(for: .milliseconds(5))
            }
            // The first speaks again: newest by message, still waiting longest.
            _ = try await api.say("still there?", as: customers[0])
            func list(_ query: String) async throws -> [String] {
                try await api.call("GET", "\(Self.path)?\(query)", token: ann).data["content"].elements.map(
                    \.["id"].text
                )
            }
            #expect(try await list("state=waiting&sort=waiting") == ids)
            #expect(try await list("state=waiting") == [ids[0], ids[2], ids[1]])
            #expect(try await list("sort=newest") == [ids[0], ids[2], ids[1]])
            #expect(try await list("state=waiting&sort=waiting&page=1&size=2") == [ids[2]])
            for query in ["sort=waiting", "sort=oldest", "sort=waiting&state=waiting,assigned"] {
                let refused = try await api.call("GET", "\(Self.path)?\(query)", token: ann)
                #expect(refused.status == 422)
                #expect(refused.field == "sort")
            }
        }
    }
}
