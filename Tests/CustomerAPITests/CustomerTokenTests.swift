import Foundation
import Hiredis
import Messaging
import Testing

/// Access guide, "Obtaining a Customer Token" and Q3.
@Suite("POST /public/customer-token")
struct CustomerTokenTests {
    @Test("The guide's request gets the guide's answer")
    func guide() async throws {
        try await TestAPI.run { api in
            let answer = try await api.customerToken()
            #expect(answer.status == 200)
            #expect(answer.json["success"] == true)
            #expect(answer.data["name"] == "张三")
            #expect(answer.data["channel"] == "WEB")
            #expect(UniqueID(answer.data["customerId"].text) != nil)
            #expect(Token(answer.data["token"].text)?.isCustomer == true)
            #expect(answer.data["expiresAt"].text.hasSuffix("Z"))
            #expect(answer.data.fieldNames == ["customerId", "token", "name", "channel", "expiresAt"])
            #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
            #expect(answer.headers["cache-control"] == "no-store")
        }
    }

    @Test("Asking again gives the same customer, the stored name and another token")
    func again() async throws {
        try await TestAPI.run { api in
            let first = try await api.customerToken()
            let second = try await api.customerToken(name: "somebody else")
            #expect(first.data["customerId"] == second.data["customerId"])
            #expect(first.data["token"] != second.data["token"])
            #expect(second.data["name"] == "张三")
        }
    }

    @Test("200 requests at once for one identity make one customer")
    func concurrent() async throws {
        try await TestAPI.run { api in
            let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
                for _ in 0..<200 { group.addTask { try await api.customerToken() } }
                return try await group.reduce(into: [Answer]()) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 200 })
            #expect(Set(answers.map(\.data["customerId"].text)).count == 1)
            #expect(Set(answers.map(\.data["token"].text)).count == 200)
            let list = try await api.call("GET", "/api/v1/customers", token: api.agentToken())
            #expect(list.data["totalElements"] == 1)
        }
    }

    @Test("Neither Redis nor the log ever sees a token")
    func hashedOnly() async throws {
        try await TestAPI.run { api in
            let customer = try await api.customerToken().data["token"].text
            let agent = try await api.agentToken()
            _ = try await api.call("GET", "/api/v1/customers?token=\(customer)", token: agent)
            _ = try await api.call("GET", "/api/v1/customers", token: customer)

            var dump = ""
            for name in try api.server.command("KEYS", "*").split(separator: "\n").map(String.init) {
                let kind = try api.server.command("TYPE", name)
                let value =
                    switch kind {
                    case "hash": try await api.redis.send(RedisCommand("HGETALL", name))
                    case "zset": try await api.redis.send(RedisCommand("ZRANGE", name, "0", "-1"))
                    default: try await api.redis.send(RedisCommand("GET", name))
                    }
                dump += "\(name) \((value.array ?? [value]).map { $0.string ?? "" })\n"
            }
            #expect(dump.contains(try #require(Token(customer)).hash))
            #expect(dump.contains(try #require(Token(agent)).hash))
            for token in [customer, agent] {
                #expect(!dump.contains(token.suffix(36)))
                #expect(!api.logs.all.contains { $0.contains(token.suffix(36)) })
            }
            #expect(api.logs.all.contains { $0.contains("/api/v1/customers") })
        }
    }

    @Test(
        "The channel id is shown in the channel's own field",
        arguments: [
            ("WECHAT", "wechatOpenId"), ("WHATSAPP", "whatsappPhone"), ("LINE", "lineUserId"),
            ("TELEGRAM", "telegramId"),
            ("FACEBOOK", "facebookPsid"), ("APP", "appUserId"), ("EMAIL", "email"), ("PHONE", "phone"),
            ("SMS", "phone"),
        ]
    )
    func fields(channel: String, field: String) async throws {
        try await TestAPI.run { api in
            let id = try await api.customerToken(channel: channel, channelID: "some@id").data["customerId"].text
            let customer = try await api.call("GET", "/api/v1/customers/\(id)", token: api.agentToken())
            #expect(customer.data["primaryChannel"] == .string(channel))
            #expect(customer.data[field] == "some@id")
        }
    }

    @Test("Fields that nobody knows are ignored, as is a charset")
    func lenient() async throws {
        try await TestAPI.run { api in
            let answer = try await api.call(
                "POST",
                "/api/v1/public/customer-token",
                body: #"{"name":"a","channel":"WEB","channelId":"b","avatar":{"x":[1]}}"#,
                headers: ["Content-Type": "Application/JSON; charset=UTF-8"]
            )
            #expect(answer.status == 200)
        }
    }

    struct Refusal: Sendable {
        let body: String
        let status: Int
        let code: JSONValue
        let field: JSONValue
        let message: String
    }

    private static let refusalTable: [Refusal] = [
        Refusal(body: "", status: 400, code: "malformed_json", field: .null, message: "not well-formed"),
        Refusal(body: #"{"name":"a","#, status: 400, code: "malformed_json", field: .null, message: "not well-formed"),
        Refusal(body: "[]", status: 400, code: "malformed_json", field: .null, message: "one JSON object"),
        Refusal(
            body: #"{"channel":"WEB","channelId":"b"}"#,
            status: 400,
            code: "missing_field",
            field: "name",
            message: "required"
        ),
        Refusal(
            body: #"{"name":"a","channel":null,"channelId":"b"}"#,
            status: 400,
            code: "missing_field",
            field: "channel",
            message: "required"
        ),
        Refusal(
            body: #"{"name":"a","channel":"WEB","channelId":7}"#,
            status: 400,
            code: "wrong_type",
            field: "channelId",
            message: "must be a string"
        ),
        Refusal(
            body: #"{"name":"  ","channel":"WEB","channelId":"b"}"#,
            status: 422,
            code: "invalid_value",
            field: "name",
            message: "1 to 100 characters"
        ),
        Refusal(
            body: #"{"name":"\#(String(repeating: "名", count: 101))","channel":"WEB","channelId":"b"}"#,
            status: 422,
            code: "invalid_value",
            field: "name",
            message: "1 to 100 characters"
        ),
        Refusal(
            body: #"{"name":"a","channel":"WEB","channelId":""}"#,
            status: 422,
            code: "invalid_value",
            field: "channelId",
            message: "1 to 128 bytes"
        ),
        Refusal(
            body: #"{"name":"a","channel":"WEB","channelId":"\#(String(repeating: "名", count: 43))"}"#,
            status: 422,
            code: "invalid_value",
            field: "channelId",
            message: "1 to 128 bytes"
        ),
        Refusal(
            body: #"{"name":"a","channel":"FAX","channelId":"b"}"#,
            status: 422,
            code: "invalid_value",
            field: "channel",
            message: "WEB, WECHAT, WHATSAPP, LINE, TELEGRAM, FACEBOOK, EMAIL, SMS, PHONE, APP"
        ),
        Refusal(
            body: #"{"name":"a","channel":"web","channelId":"b"}"#,
            status: 422,
            code: "invalid_value",
            field: "channel",
            message: "WEB, WECHAT"
        ),
    ]

    @Test("What is wrong with the body is said by status, code, field and message")
    func refusals() async throws {
        try await TestAPI.run { api in
            for refusal in Self.refusalTable {
                let answer = try await api.call("POST", "/api/v1/public/customer-token", body: refusal.body)
                #expect(answer.status == refusal.status, "\(refusal)")
                #expect(answer.json["success"] == false)
                #expect(answer.code == refusal.code)
                #expect(answer.field == refusal.field)
                #expect(answer.message.contains(refusal.message))
                #expect(answer.headers["access-control-allow-origin"] == "*")
            }
        }
    }

    @Test("A name is one line, and turns nothing that is shown after it")
    func nameInOneLine() async throws {
        try await TestAPI.run { api in
            let answer = try await api.customerToken(name: #"\u202eevil\u0000\n\u2028\u2066x"#)
            #expect(answer.status == 200)
            #expect(answer.data["name"] == "evil  x")
            #expect(try await api.customerToken(name: #"\u202e\n"#, channelID: "web_2").status == 422)
        }
    }

    @Test("Names and ids at their limits are taken")
    func limits() async throws {
        try await TestAPI.run { api in
            let name = String(repeating: "名", count: 100)
            let id = String(repeating: "名", count: 42) + "ab"
            let answer = try await api.customerToken(name: name, channelID: id)
            #expect(answer.status == 200)
            #expect(answer.data["name"] == .string(name))
        }
    }
}
