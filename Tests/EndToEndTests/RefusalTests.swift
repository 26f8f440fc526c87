import Foundation
import Testing

/// What REST refuses, through the edge: status, code and message of each.
@Suite("Refusals of REST")
struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var method = "POST"
        var target = "/api/v1/public/customer-token"
        var body: String?
        var headers: [String] = []
        let status: Int
        let code: String
        /// What the message says, or a part of it.
        let message: String
        var field: String?

        var testDescription: String { name }
    }

    private static let tenChannels = "WEB, WECHAT, WHATSAPP, LINE, TELEGRAM, FACEBOOK, EMAIL, SMS, PHONE, APP"

    private static let ofTokens: [Case] = [
        Case(
            name: "malformed JSON",
            body: #"{"name":"#,
            status: 400,
            code: "malformed_json",
            message: "The body is not well-formed JSON."
        ),
        Case(
            name: "JSON that is no object",
            body: "[]",
            status: 400,
            code: "malformed_json",
            message: "The body must be one JSON object."
        ),
        Case(
            name: "a body that is not UTF-8",
            body: "\u{0}\u{1}",
            status: 400,
            code: "malformed_json",
            message: "The body is not well-formed JSON."
        ),
        Case(
            name: "no name",
            body: #"{"channel":"WEB","channelId":"a"}"#,
            status: 400,
            code: "missing_field",
            message: #"The field "name" is required."#,
            field: "name"
        ),
        Case(
            name: "no channel",
            body: #"{"name":"a","channelId":"a"}"#,
            status: 400,
            code: "missing_field",
            message: #"The field "channel" is required."#,
            field: "channel"
        ),
        Case(
            name: "no channelId",
            body: #"{"name":"a","channel":"WEB"}"#,
            status: 400,
            code: "missing_field",
            message: #"The field "channelId" is required."#,
            field: "channelId"
        ),
        Case(
            name: "an empty name",
            body: #"{"name":"","channel":"WEB","channelId":"a"}"#,
            status: 422,
            code: "invalid_value",
            message: #""name" must have 1 to 100 characters and must not be blank."#,
            field: "name"
        ),
        Case(
            name: "an empty channelId",
            body: #"{"name":"a","channel":"WEB","channelId":""}"#,
            status: 422,
            code: "invalid_value",
            message: #""channelId" must have 1 to 128 bytes"#,
            field: "channelId"
        ),
        Case(
            name: "an over-long name",
            body: #"{"name":"\#(String(repeating: "长", count: 101))","channel":"WEB","channelId":"a"}"#,
            status: 422,
            code: "invalid_value",
            message: #""name" must have 1 to 100 characters"#,
            field: "name"
        ),
        Case(
            name: "an over-long channelId",
            body: #"{"name":"a","channel":"WEB","channelId":"\#(String(repeating: "x", count: 129))"}"#,
            status: 422,
            code: "invalid_value",
            message: #""channelId" must have 1 to 128 bytes"#,
            field: "channelId"
        ),
        Case(
            name: "a name that is a number",
            body: #"{"name":1,"channel":"WEB","channelId":"a"}"#,
            status: 400,
            code: "wrong_type",
            message: #"The field "name" must be a string."#,
            field: "name"
        ),
        Case(
            name: "an unknown channel",
            body: #"{"name":"a","channel":"FAX","channelId":"a"}"#,
            status: 422,
            code: "invalid_value",
            message: #""channel" must be one of \#(tenChannels)."#,
            field: "channel"
        ),
        Case(
            name: "another content type",
            body: "name=a",
            headers: ["Content-Type: application/x-www-form-urlencoded"],
            status: 415,
            code: "unsupported_media_type",
            message: "Send the body as JSON"
        ),
        Case(
            name: "another method",
            method: "GET",
            status: 405,
            code: "method_not_allowed",
            message: "This address takes"
        ),
        Case(
            name: "a path that is not there",
            method: "GET",
            target: "/api/v1/nothing",
            status: 404,
            code: "not_found",
            message: "There is nothing at this address."
        ),
    ]

    private static let ofCustomers: [Case] = [
        Case(
            name: "an unknown field",
            target: "/api/v1/customers",
            body: #"{"name":"a","primaryChannel":"WEB","nmae":"b"}"#,
            status: 400,
            code: "unknown_field",
            message: #"There is no such field: "nmae"."#,
            field: "nmae"
        ),
        Case(
            name: "a customer that is not there",
            method: "GET",
            target: "/api/v1/customers/00000000-0000-4000-8000-000000000000",
            status: 404,
            code: "not_found",
            message: "There is no customer 00000000-0000-4000-8000-000000000000."
        ),
        Case(
            name: "a page size out of range",
            method: "GET",
            target: "/api/v1/customers?size=101",
            status: 422,
            code: "invalid_value",
            message: #""size" must be an integer from 1 to 100."#,
            field: "size"
        ),
        Case(
            name: "a filter by an unknown channel",
            method: "GET",
            target: "/api/v1/customers?channel=FAX",
            status: 422,
            code: "invalid_value",
            message: tenChannels,
            field: "channel"
        ),
        Case(
            name: "a conversation that is not there",
            method: "GET",
            target: "/api/v1/conversations/00000000-0000-4000-8000-000000000000",
            status: 404,
            code: "not_found",
            message: "There is no conversation"
        ),
        Case(
            name: "what only an admin may",
            target: "/api/v1/agents",
            body: "{}",
            status: 403,
            code: "forbidden",
            message: "Only an admin may do this."
        ),
    ]

    @Test("Without a token", arguments: ofTokens)
    func withoutToken(refusal: Case) async throws {
        try await check(refusal, in: try await Stack.shared(), token: nil)
    }

    @Test("With an agent's token", arguments: ofCustomers)
    func withToken(refusal: Case) async throws {
        let stack = try await Stack.shared()
        try await check(refusal, in: stack, token: try await stack.agentTokenFromScript())
    }

    @Test("A wrong password and an unknown login have the same answer, and too many failures have to wait")
    func login() async throws {
        let stack = try await Stack.shared()
        let agent = try await stack.newAgent()
        let unknown = Case(
            name: "an unknown login",
            target: "/api/v1/agents/login",
            body: #"{"login":"nobody","password":"wrong one"}"#,
            status: 401,
            code: "invalid_credentials",
            message: "Login or password is wrong."
        )
        try await check(unknown, in: stack, token: nil)
        var answer = try await stack.request(
            "POST",
            unknown.target,
            json: #"{"login":"\#(agent.login)","password":"wrong one"}"#
        )
        #expect(answer.status == 401)
        #expect(answer.error["message"] == .string("Login or password is wrong."))
        var attempts = 1
        while answer.status == 401, attempts < 30 {
            answer = try await stack.request(
                "POST",
                unknown.target,
                json: #"{"login":"\#(agent.login)","password":"wrong one"}"#
            )
            attempts += 1
        }
        #expect(answer.status == 429)
        #expect(answer.error["code"] == .string("rate_limited"))
        #expect(answer.headers["retry-after"].flatMap { Int($0) } ?? 0 >= 1)
        // The right password has to wait as well, and others' logins do not.
        let right = try await stack.request(
            "POST",
            unknown.target,
            json: #"{"login":"\#(agent.login)","password":"\#(agent.password)"}"#
        )
        #expect(right.status == 429)
        _ = try await stack.newAgent()
    }

    @Test("A channel identity that another customer has is a 409 that names the customer")
    func taken() async throws {
        let stack = try await Stack.shared()
        let openID = "o\(UUID().uuidString)"
        let first = try await stack.newCustomer(channel: "WECHAT", channelID: openID)
        let answer = try await stack.request(
            "POST",
            "/api/v1/customers",
            token: try await stack.agentTokenFromScript(),
            json: #"{"name":"b","primaryChannel":"WEB","wechatOpenId":"\#(openID)"}"#
        )
        #expect(answer.status == 409)
        #expect(answer.error["code"] == .string("conflict"))
        #expect(answer.error["field"] == .string("wechatOpenId"))
        #expect(answer.error["message"].string?.contains(first.id) == true)
    }

    @Test("A body of 1 MiB is refused with 413, with and without a declared length, and the API goes on")
    func largeBody() async throws {
        let stack = try await Stack.shared()
        let body = #"{"name":"\#(String(repeating: "x", count: 1 << 20))"}"#
        for headers in [[], ["Transfer-Encoding: chunked"]] {
            let answer = try await stack.request(
                "POST",
                "/api/v1/public/customer-token",
                json: body,
                headers: ["Content-Type: application/json"] + headers
            )
            #expect(answer.status == 413)
            #expect(answer.error["code"] == .string("body_too_large"))
            #expect(answer.error["message"] == .string("The body must not be longer than 65536 bytes."))
        }
        _ = try await stack.newCustomer()
    }

    @Test("Pages of any origin may read every answer, errors too, and preflight requests are answered")
    func crossOrigin() async throws {
        let stack = try await Stack.shared()
        let preflight = try await stack.request(
            "OPTIONS",
            "/api/v1/public/customer-token",
            headers: [
                "Origin: http://shop.example", "Access-Control-Request-Method: POST",
                "Access-Control-Request-Headers: content-type",
            ]
        )
        #expect(preflight.status == 204)
        #expect(preflight.headers["access-control-allow-origin"] == "*")
        #expect(preflight.headers["access-control-allow-methods"]?.contains("POST") == true)
        #expect(preflight.headers["access-control-allow-headers"]?.lowercased().contains("content-type") == true)
        let refused = try await stack.request(
            "POST",
            "/api/v1/public/customer-token",
            json: "{}",
            headers: ["Origin: http://shop.example"]
        )
        #expect(refused.status == 400)
        #expect(refused.headers["access-control-allow-origin"] == "*")
    }

    private func check(_ refusal: Case, in stack: Stack, token: String?) async throws {
        let answer = try await stack.request(
            refusal.method,
            refusal.target,
            token: token,
            json: refusal.body,
            headers: refusal.headers
        )
        #expect(answer.status == refusal.status, "\(answer)")
        #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
        #expect(answer.json["success"] == .bool(false))
        #expect(answer.error["code"] == .string(refusal.code))
        #expect(answer.error["message"].string?.contains(refusal.message) == true, "\(answer)")
        #expect(answer.error["field"].string == refusal.field)
    }
}
