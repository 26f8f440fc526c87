import Foundation
import Messaging
import Testing

@Suite("GET /customers")
struct CustomerSearchTests {
    private func seed(_ api: TestAPI) async throws {
        for (name, channel) in [("张三", "WEB"), ("李四", "WECHAT"), ("Zoë Müller", "WEB"), ("A+B & C", "LINE")] {
            #expect(try await api.customerToken(name: name, channel: channel, channelID: name).status == 200)
        }
    }

    private func names(_ answer: Answer) -> Set<String> { Set(answer.data["content"].elements.map(\.["name"].text)) }

    @Test("The guide's query finds the guide's customer, newest interaction first")
    func guide() async throws {
        try await TestAPI.run { api in
            try await seed(api)
            let agent = try await api.agentToken()
            let found = try await api.call(
                "GET",
                "/api/v1/customers?name=%E5%BC%A0%E4%B8%89&channel=WEB&active=true",
                token: agent
            )
            #expect(found.status == 200)
            #expect(names(found) == ["张三"])
            #expect(found.data["totalElements"] == 1)
            #expect(found.data["totalPages"] == 1)
            #expect(found.data["page"] == 0)
            #expect(found.data["size"] == 20)
            #expect(
                found.data["content"][0].fieldNames.isSuperset(of: [
                    "id", "name", "primaryChannel", "tags", "active", "lastInteractionAt", "createdAt", "updatedAt",
                ])
            )
        }
    }

    @Test(
        "Parts of names in any case, as browsers encode them",
        arguments: [
            ("M%C3%9CLL", "Zoë Müller"), ("zo%c3%ab+m", "Zoë Müller"), ("%E5%9B%9B", "李四"), ("a%2Bb%20%26", "A+B & C"),
        ]
    )
    func encoded(query: String, name: String) async throws {
        try await TestAPI.run { api in
            try await seed(api)
            let found = try await api.call("GET", "/api/v1/customers?name=\(query)", token: api.agentToken())
            #expect(names(found) == [name])
        }
    }

    @Test("Raw UTF-8 in the query works, however the bytes arrive, and again on the same connection")
    func rawUTF8() async throws {
        try await TestAPI.run { api in
            try await seed(api)
            let agent = try await api.agentToken()
            let connection = try RawConnection(port: api.port)
            let request =
                "GET /api/v1/customers?name=张三&channel=WEB HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(agent)\r\n\r\n"
            await connection.write(request)
            let whole = await connection.readAnswer()
            for byte in request.utf8 { await connection.write([byte]) }
            let bytewise = await connection.readAnswer()
            for answer in [whole, bytewise] {
                #expect(answer.head.hasPrefix("HTTP/1.1 200"))
                #expect(answer.body.contains(#""name":"张三""#))
                #expect(answer.body.contains(#""totalElements":1"#))
            }
            // A body with raw UTF-8, its head apart, is not touched.
            let body = #"{"name":"王五","channel":"WEB","channelId":"张"}"#
            await connection.write(
                "POST /api/v1/public/customer-token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n"
            )
            for byte in body.utf8 { await connection.write([byte]) }
            #expect(await connection.readAnswer().body.contains("王五"))
        }
    }

    @Test(
        "Broken encodings and bytes that are not UTF-8 are 400",
        arguments: ["name=%", "name=%4", "name=%zz", "name=%FF"]
    )
    func malformed(query: String) async throws {
        try await TestAPI.run { api in
            let connection = try RawConnection(port: api.port)
            await connection.write(
                "GET /api/v1/customers?\(query) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(try await api.agentToken())"
                    + "\r\n\r\n"
            )
            let answer = await connection.readAnswer()
            #expect(answer.head.hasPrefix("HTTP/1.1 400"))
            #expect(answer.body.contains(#""code":"malformed_query""#))
            #expect(answer.body.contains(#""field":"name""#))
        }
    }

    @Test("An error quotes no more than the beginning of a name")
    func longName() async throws {
        try await TestAPI.run { api in
            let connection = try RawConnection(port: api.port)
            let name = String(repeating: "n", count: 1000)
            await connection.write(
                "GET /api/v1/customers?\(name)=%zz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                    + "\(try await api.agentToken())\r\n\r\n"
            )
            let answer = await connection.readAnswer()
            #expect(answer.body.contains(#""code":"malformed_query""#))
            #expect(answer.body.contains(#""field":"\#(name.prefix(64))""#))
            #expect(!answer.body.contains(name.prefix(65)))
        }
    }

    @Test("Raw bytes that are not UTF-8 are 400")
    func rawGarbage() async throws {
        try await TestAPI.run { api in
            let token = try await api.agentToken()
            let connection = try RawConnection(port: api.port)
            await connection.write("GET /api/v1/customers?name=")
            await connection.write([0xff, 0xfe])
            await connection.write(" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n\r\n")
            let answer = await connection.readAnswer()
            #expect(answer.head.hasPrefix("HTTP/1.1 400"))
            #expect(answer.body.contains(#""code":"malformed_query""#))
        }
    }

    @Test(
        "Values that can't be are 422 by name",
        arguments: [
            ("page=-1", "page"), ("page=x", "page"), ("size=0", "size"), ("size=101", "size"),
            ("active=maybe", "active"),
            ("channel=FAX", "channel"), ("name=\(String(repeating: "a", count: 600))", "name"),
        ]
    )
    func invalid(query: String, field: String) async throws {
        try await TestAPI.run { api in
            let answer = try await api.call("GET", "/api/v1/customers?\(query)", token: api.agentToken())
            #expect(answer.status == 422)
            #expect(answer.code == "invalid_value")
            #expect(answer.field == .string(field))
        }
    }

    @Test("1,100 customers come page by page, each once, newest first")
    func pages() async throws {
        try await TestAPI.run { api in
            let tokens = TokenStore(redis: api.redis, lifetime: .seconds(60))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<1100 {
                    group.addTask {
                        let identity = ChannelIdentity(channel: .web, channelID: "\(number)")
                        _ = try await tokens.issueToken(named: "n\(number)", for: identity)
                    }
                }
                try await group.waitForAll()
            }
            let agent = try await api.agentToken()
            var rows: [JSONValue] = []
            for page in 0..<11 {
                let answer = try await api.call("GET", "/api/v1/customers?page=\(page)&size=100", token: agent)
                #expect(answer.data["totalElements"] == 1100)
                #expect(answer.data["totalPages"] == 11)
                rows += answer.data["content"].elements
            }
            #expect(Set(rows.map(\.["id"].text)).count == 1100)
            let times = rows.map(\.["lastInteractionAt"].text)
            #expect(times == times.sorted(by: >))
            let past = try await api.call("GET", "/api/v1/customers?page=11&size=100", token: agent)
            #expect(past.data["content"] == [])
        }
    }
}
