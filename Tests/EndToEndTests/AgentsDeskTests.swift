import Foundation
import Testing

/// What the screens rest on, through the edge.
@Suite("The pages, attachments and the status of a whole system", .serialized)
struct AgentsDeskTests {
    @Test("The edge has the pages at short addresses, and the widget for pages of any origin")
    func pages() async throws {
        let stack = try await Stack.shared()
        for path in ["/", "/console", "/widget.js"] {
            let answer = try await stack.request("GET", path)
            #expect(answer.status == 200, "\(path)")
            #expect(answer.headers["access-control-allow-origin"] == "*")
            #expect(answer.headers["etag"] != nil)
        }
        #expect(try await stack.request("GET", "/console").body.contains("<html"))
    }

    @Test("A file that a customer sends with a message is fetched by the agent who gets the message")
    func attachment() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let text = "the file's text, 中文"
        let sent = try await stack.request(
            "POST",
            "/api/v1/attachments?name=note.txt",
            token: pair.customer.token,
            json: text,
            headers: ["Content-Type: text/plain"]
        )
        #expect(sent.status == 201)
        let id = try #require(sent.data["id"].string)
        let metadata =
            #"{"attachments":[{"id":"\#(id)","name":"note.txt","contentType":"text/plain","size":\#(text.utf8.count)}]}"#
        try await pair.customerSocket.send(#"{"content":"note.txt","metadata":\#(metadata)}"#)
        let shown = try await pair.agentSocket.next("the message") { $0.content == "note.txt" }
        #expect(shown.text.contains(metadata))

        let fetched = try await stack.request("GET", "/api/v1/attachments/\(id)", token: pair.agent.token)
        #expect(fetched.status == 200)
        #expect(fetched.body == text)
        #expect(fetched.headers["content-type"] == "text/plain")
        #expect(fetched.headers["content-disposition"] == "attachment; filename*=UTF-8''note.txt")
        let stranger = try await stack.newCustomer()
        #expect(try await stack.request("GET", "/api/v1/attachments/\(id)", token: stranger.token).status == 404)
        let listed = try await stack.demand(
            "GET",
            "/api/v1/conversations?customer=\(pair.customer.id)",
            token: pair.agent.token
        )
        #expect(listed["content"][0]["lastMessage"]["attachments"].int == 1)
        #expect(listed["content"][0]["online"] == .bool(true))
        #expect(listed["content"][0]["answered"] == .bool(false))
    }

    @Test("The status shows each gateway with its connections, and a killed one is gone after a few seconds")
    func status() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
            func gateways() async throws -> [JSON] {
                let status = try await stack.demand("GET", "/api/v1/status", token: pair.agent.token)
                return status["gateways"].array
            }
            var shown = try await gateways()
            while shown.count < 2 || shown.reduce(0, { $0 + ($1["connections"].int ?? 0) }) < 2 {
                try await Task.sleep(for: .milliseconds(100))
                shown = try await gateways()
            }
            #expect(shown.map { $0["id"].string?.prefix(9) } == ["gateway-1", "gateway-2"])
            #expect(shown.map { $0["customers"].int } == [1, 0])
            #expect(shown.map { $0["agents"].int } == [0, 1])
            #expect(shown.allSatisfy { $0["draining"] == .bool(false) && $0["startedAt"].string != nil })
            // Gateways tell their figures once a second.
            var status = JSON.null
            while status["messagesTotal"].int ?? 0 < 2 {
                status = try await stack.demand("GET", "/api/v1/status", token: pair.agent.token)
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(status["redis"]["usedMemoryBytes"].int ?? 0 > 0)

            try await direct.gateway(0).kill()
            while try await gateways().count > 1 { try await Task.sleep(for: .milliseconds(100)) }
            #expect(try await gateways().map { $0["id"].string?.prefix(9) } == ["gateway-2"])
        }
    }
}
