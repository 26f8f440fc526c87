import Foundation
import Messaging
import Testing

/// Access guide, "Customer Management API".
@Suite("/customers")
struct CustomerRoutesTests {
    private static let guideCustomer =
        #"{"name":"李四","primaryChannel":"WECHAT","wechatOpenId":"oAbCd1234567890","phone":"+8613900139000","#
        + #""tags":["潜在客户"],"notes":"对产品A感兴趣"}"#

    @Test("The guide's customer is created, read, changed and found by token request")
    func guide() async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken()
            let created = try await api.call("POST", "/api/v1/customers", token: agent, body: Self.guideCustomer)
            #expect(created.status == 201)
            #expect(created.data["name"] == "李四")
            #expect(created.data["tags"] == ["潜在客户"])
            #expect(created.data["notes"] == "对产品A感兴趣")
            #expect(created.data["active"] == true)
            #expect(created.data["createdAt"] == created.data["lastInteractionAt"])
            let path = "/api/v1/customers/\(created.data["id"].text)"
            #expect(try await api.call("GET", path, token: agent).data == created.data)

            let changed = try await api.call(
                "PUT",
                path,
                token: agent,
                body: #"{"name":"李四（已购买）","tags":["VIP","已购买"],"notes":"已购买产品A，满意度高"}"#
            )
            #expect(changed.status == 200)
            #expect(changed.data["name"] == "李四（已购买）")
            #expect(changed.data["tags"] == ["VIP", "已购买"])
            #expect(changed.data["phone"] == "+8613900139000")
            #expect(changed.data["wechatOpenId"] == "oAbCd1234567890")

            let token = try await api.customerToken(name: "x", channel: "WECHAT", channelID: "oAbCd1234567890")
            #expect(token.data["customerId"] == created.data["id"])
            #expect(token.data["name"] == "李四（已购买）")
        }
    }

    @Test("An agent gets a token for a customer")
    func tokenForCustomer() async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken()
            let id = try await api.call("POST", "/api/v1/customers", token: agent, body: Self.guideCustomer)
                .data["id"].text
            let issued = try await api.call("POST", "/api/v1/customers/\(id)/token", token: agent)
            #expect(issued.status == 200)
            #expect(issued.data.fieldNames == ["customerId", "token", "name", "channel", "expiresAt"])
            #expect(issued.data["channel"] == "WECHAT")
            let token = try #require(Token(issued.data["token"].text))
            let principal = try await TokenStore(redis: api.redis, lifetime: .seconds(1)).authenticate(token).principal
            #expect(principal == .customer(id: try #require(UniqueID(id)), channel: .weChat))
        }
    }

    @Test("null clears, and what is not named stays")
    func clearing() async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken()
            let id = try await api.call("POST", "/api/v1/customers", token: agent, body: Self.guideCustomer)
                .data["id"].text
            let changed = try await api.call(
                "PUT",
                "/api/v1/customers/\(id)",
                token: agent,
                body: #"{"phone":null,"tags":null,"wechatOpenId":null,"active":false}"#
            )
            #expect(changed.status == 200)
            #expect(changed.data["phone"] == .null)
            #expect(changed.data["wechatOpenId"] == .null)
            #expect(changed.data["tags"] == [])
            #expect(changed.data["active"] == false)
            #expect(changed.data["notes"] == "对产品A感兴趣")
            // The identity is free again.
            let other = try await api.customerToken(channel: "WECHAT", channelID: "oAbCd1234567890")
            #expect(other.data["customerId"] != .string(id))
        }
    }

    @Test("A taken channel id is 409, naming the customer and the field, on POST and PUT")
    func conflict() async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken()
            let owner = try await api.customerToken(channel: "TELEGRAM", channelID: "42").data["customerId"].text
            let posted = try await api.call(
                "POST",
                "/api/v1/customers",
                token: agent,
                body: #"{"name":"a","primaryChannel":"LINE","lineUserId":"U1","telegramId":"42"}"#
            )
            let other = try await api.customerToken(channel: "LINE", channelID: "U1").data["customerId"].text
            let put = try await api.call(
                "PUT",
                "/api/v1/customers/\(other)",
                token: agent,
                body: #"{"telegramId":"42"}"#
            )
            for answer in [posted, put] {
                #expect(answer.status == 409)
                #expect(answer.code == "conflict")
                #expect(answer.field == "telegramId")
                #expect(answer.message.contains(owner))
            }
        }
    }

    @Test("An unknown customer is 404", arguments: ["x", "550e8400-e29b-41d4-a716-446655440000"])
    func unknown(id: String) async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken()
            for (method, path, body) in [
                ("GET", id, nil), ("PUT", id, "{}"), ("POST", "\(id)/token", nil),
            ] as [(String, String, String?)] {
                let answer = try await api.call(method, "/api/v1/customers/\(path)", token: agent, body: body)
                #expect(answer.status == 404)
                #expect(answer.code == "not_found")
            }
        }
    }

    struct Refusal: Sendable {
        let fields: String
        let status: Int
        let code: JSONValue
        let field: JSONValue
    }

    private static let refusalTable: [Refusal] = [
        Refusal(fields: #""webId":"x""#, status: 400, code: "unknown_field", field: "webId"),
        Refusal(fields: #""zzz":1,"id":"x""#, status: 400, code: "unknown_field", field: "id"),
        Refusal(fields: #""tags":"VIP""#, status: 400, code: "wrong_type", field: "tags"),
        Refusal(fields: #""tags":[1]"#, status: 400, code: "wrong_type", field: "tags"),
        Refusal(fields: #""active":"yes""#, status: 400, code: "wrong_type", field: "active"),
        Refusal(fields: #""active":null"#, status: 400, code: "wrong_type", field: "active"),
        Refusal(fields: #""tags":["a\nb"]"#, status: 422, code: "invalid_value", field: "tags"),
        Refusal(fields: #""tags":[""]"#, status: 422, code: "invalid_value", field: "tags"),
        Refusal(
            fields: #""tags":[\#((0...50).map { "\"\($0)\"" }.joined(separator: ","))]"#,
            status: 422,
            code: "invalid_value",
            field: "tags"
        ),
        Refusal(fields: #""email":"nobody""#, status: 422, code: "invalid_value", field: "email"),
        Refusal(
            fields: #""email":"\#(String(repeating: "a", count: 250))@b.cd""#,
            status: 422,
            code: "invalid_value",
            field: "email"
        ),
        Refusal(fields: #""phone":"""#, status: 422, code: "invalid_value", field: "phone"),
        Refusal(
            fields: #""notes":"\#(String(repeating: "注", count: 4001))""#,
            status: 422,
            code: "invalid_value",
            field: "notes"
        ),
        Refusal(
            fields: #""lineUserId":"\#(String(repeating: "a", count: 129))""#,
            status: 422,
            code: "invalid_value",
            field: "lineUserId"
        ),
    ]

    @Test("Fields that can't be are refused by name, on POST and PUT")
    func refusals() async throws {
        try await TestAPI.run { api in
            for refusal in Self.refusalTable {
                let agent = try await api.agentToken()
                let id = try await api.customerToken().data["customerId"].text
                let posted = try await api.call(
                    "POST",
                    "/api/v1/customers",
                    token: agent,
                    body: #"{"name":"a","primaryChannel":"WEB",\#(refusal.fields)}"#
                )
                let put = try await api.call(
                    "PUT",
                    "/api/v1/customers/\(id)",
                    token: agent,
                    body: "{\(refusal.fields)}"
                )
                for answer in [posted, put] {
                    #expect(answer.status == refusal.status, "\(refusal)")
                    #expect(answer.code == refusal.code)
                    #expect(answer.field == refusal.field)
                }
            }
        }
    }

    @Test("A new customer needs a name and a primary channel")
    func required() async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken()
            for (body, field) in [(#"{"primaryChannel":"WEB"}"#, "name"), (#"{"name":"a"}"#, "primaryChannel")] {
                let answer = try await api.call("POST", "/api/v1/customers", token: agent, body: body)
                #expect(answer.status == 400)
                #expect(answer.code == "missing_field")
                #expect(answer.field == .string(field))
            }
            let unknown = try await api.call(
                "POST",
                "/api/v1/customers",
                token: agent,
                body: #"{"name":"a","primaryChannel":"FAX"}"#
            )
            #expect(unknown.status == 422)
            #expect(unknown.field == "primaryChannel")
            #expect(unknown.message.contains("WEB, WECHAT"))
        }
    }

    @Test("A long e-mail address is contact data, but no identity")
    func longEmail() async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken()
            let email = String(repeating: "a", count: 140) + "@example.com"
            let created = try await api.call(
                "POST",
                "/api/v1/customers",
                token: agent,
                body: #"{"name":"a","primaryChannel":"WEB","email":"\#(email)"}"#
            )
            #expect(created.status == 201)
            let put = try await api.call(
                "PUT",
                "/api/v1/customers/\(created.data["id"].text)",
                token: agent,
                body: #"{"primaryChannel":"EMAIL"}"#
            )
            #expect(put.status == 422)
            #expect(put.field == "email")
        }
    }
}
