import Foundation
import Messaging
import Testing

@Suite("Sending by REST")
struct MessageRoutesTests {
    private func stored(_ answer: Answer) -> [JSONValue] {
        ["id", "conversationId", "seq", "generation", "timestamp"].map { answer.data[$0] }
    }

    @Test("A customer sends, an agent answers and has the conversation; both are in the log, with what came with them")
    func conversation() async throws {
        try await TestAPI.run { api in
            let customer = try await api.customerToken().data["token"].text
            let asked = try await api.call(
                "POST",
                "/api/v1/messages",
                token: customer,
                body: #"{"content":"在吗？","metadata":{"page":"/cart","n":[1,2.5,true,null,{"a":"\"'\n"}]}}"#
            )
            #expect(asked.status == 200)
            #expect(asked.data["seq"] == 1)
            let conversation = asked.data["conversationId"].text
            let bot = try await api.agentToken("bot", role: .bot)
            let path = "/api/v1/conversations/\(conversation)/messages"
            let answered = try await api.call("POST", path, token: bot, body: #"{"content":"在的"}"#)
            #expect(answered.status == 200)
            #expect(answered.data["seq"] == 2)
            let page = try await api.call("GET", path, token: bot)
            let messages = page.data["messages"].elements
            #expect(messages.map { $0["content"] } == ["在吗？", "在的"])
            #expect(messages.map { $0["senderType"] } == ["customer", "bot"])
            #expect(messages.map { $0["id"] } == [asked.data["id"], answered.data["id"]])
            #expect(messages[0]["metadata"]["page"] == "/cart")
            #expect(messages[0]["metadata"]["n"].elements.last?["a"] == "\"'\n")
            let record = try await api.call("GET", "/api/v1/conversations/\(conversation)", token: bot)
            #expect(record.data["state"] == "assigned")
            // It is another agent's now.
            let other = try await api.agentToken("ann")
            let refused = try await api.call("POST", path, token: other, body: #"{"content":"ich auch"}"#)
            #expect(refused.status == 409)
            #expect(refused.code == "conflict")
        }
    }

    @Test(
        "The same clientMessageId is stored once and answered the same; its own name for a conversation finds it again"
    )
    func once() async throws {
        try await TestAPI.run { api in
            let customer = try await api.customerToken().data["token"].text
            let body = #"{"content":"a","clientMessageId":"m-\u00e9","conversationId":"session-1"}"#
            let first = try await api.call("POST", "/api/v1/messages", token: customer, body: body)
            let again = try await api.call("POST", "/api/v1/messages", token: customer, body: body)
            #expect(first.status == 200)
            #expect(stored(again) == stored(first))
            let second = try await api.call(
                "POST",
                "/api/v1/messages",
                token: customer,
                body: #"{"content":"b","clientMessageId":"m-2","conversationId":"session-1"}"#
            )
            #expect(second.data["conversationId"] == first.data["conversationId"])
            #expect(second.data["seq"] == 2)
            let agent = try await api.agentToken("ann")
            let path = "/api/v1/conversations/\(first.data["conversationId"].text)/messages"
            let answers = [
                try await api.call("POST", path, token: agent, body: #"{"content":"c","clientMessageId":"m-2"}"#),
                try await api.call("POST", path, token: agent, body: #"{"content":"c","clientMessageId":"m-2"}"#),
            ]
            #expect(answers.map { $0.data["seq"] } == [3, 3])
            #expect(stored(answers[0]) == stored(answers[1]))
        }
    }

    @Test(
        "What is no message is refused, and named",
        arguments: [
            (#"{}"#, 400, "missing_field", "content"),
            (#"{"content":1}"#, 400, "wrong_type", "content"),
            (#"{"content":" \n"}"#, 422, "invalid_value", "content"),
            (#"{"content":"a","metadata":[1]}"#, 400, "wrong_type", "metadata"),
            (#"{"content":"a","clientMessageId":""}"#, 422, "invalid_value", "clientMessageId"),
            (#"{"content":"a","text":"b"}"#, 400, "unknown_field", "text"),
        ]
    )
    func refusals(body: String, status: Int, code: String, field: String) async throws {
        try await TestAPI.run { api in
            let customer = try await api.customerToken().data["token"].text
            let answer = try await api.call("POST", "/api/v1/messages", token: customer, body: body)
            #expect(answer.status == status)
            #expect(answer.code.text == code)
            #expect(answer.field.text == field)
        }
    }

    @Test("Limits hold: length, depth, id; who may send where")
    func limits() async throws {
        try await TestAPI.run { api in
            let customer = try await api.customerToken().data["token"].text
            func status(_ body: String, token: String?) async throws -> Int {
                try await api.call("POST", "/api/v1/messages", token: token, body: body).status
            }
            let deep = String(repeating: #"{"a":"#, count: 40) + "1" + String(repeating: "}", count: 40)
            #expect(try await status(#"{"content":"a","metadata":\#(deep)}"#, token: customer) == 400)
            let id = String(repeating: "x", count: 65)
            #expect(try await status(#"{"content":"a","clientMessageId":"\#(id)"}"#, token: customer) == 422)
            #expect(try await status(#"{"content":"a"}"#, token: nil) == 401)
            let agent = try await api.agentToken("ann")
            #expect(try await status(#"{"content":"a"}"#, token: agent) == 403)
            let missing = "/api/v1/conversations/\(UniqueID(in: Partition(3)))/messages"
            #expect(try await api.call("POST", missing, token: agent, body: #"{"content":"a"}"#).status == 404)
            #expect(try await api.call("POST", missing, token: customer, body: #"{"content":"a"}"#).status == 403)
        }
    }
}
