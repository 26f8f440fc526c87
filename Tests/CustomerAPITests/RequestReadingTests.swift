import Testing

@Suite("What is read of a request")
struct RequestReadingTests {
    @Test("A body in another encoding than UTF-8 is refused as such")
    func encoding() async throws {
        try await TestAPI.run { api in
            let connection = try RawConnection(port: api.port)
            // 张三 in GBK.
            let body = Array(#"{"name":""#.utf8) + [0xD5, 0xC5, 0xC8, 0xFD] + Array(#"","channel":"WEB"}"#.utf8)
            await connection.write(
                "POST /api/v1/public/customer-token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.count)\r\n\r\n"
            )
            await connection.write(body)
            let refusal = await connection.readAnswer()
            #expect(refusal.head.hasPrefix("HTTP/1.1 400"))
            #expect(
                refusal.body
                    == #"{"success":false,"error":{"code":"malformed_json","message":"The body is not UTF-8."}}"#
            )
        }
    }

    @Test("A listing refuses query parameters that it does not know, also empty ones, and lists those that it knows")
    func parameters() async throws {
        try await TestAPI.run { api in
            let token = try await api.agentToken(role: .admin)
            let conversation = "550e8400-e29b-41d4-a716-446655440000"
            for (path, name, known) in [
                ("customers?name=a&nmae=x", "nmae", "name, channel, active, tag, page, size"),
                ("conversations?status=waiting", "status", "state, assignee, customer, channel, q, sort, page, size"),
                ("conversations?=x", "", "state, assignee, customer, channel, q, sort, page, size"),
                ("conversations/\(conversation)/messages?offset=", "offset", "after, before, limit"),
                ("agents?limit=1", "limit", "page, size"),
            ] {
                let answer = try await api.call("GET", "/api/v1/\(path)", token: token)
                #expect(answer.status == 400)
                #expect(answer.code == "unknown_parameter")
                #expect(answer.field.text == name)
                #expect(answer.message == "There is no such query parameter: \"\(name)\". Known are \(known).")
            }
        }
    }
}
