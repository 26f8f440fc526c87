import Foundation
import Testing

/// The guide's section 客户管理 API, Customer Management API: its requests, as they are printed.
///
/// The requests are read from the guide's text, with a WeChat identity of the test's own, as the guide's would be taken
/// by another run.
@Suite("Customer Management API")
struct CustomerManagementTests {
    @Test("The guide's requests list, read, create and change a customer and get a token for them")
    func requestsOfTheGuide() async throws {
        let stack = try await Stack.shared()
        let guide = try GuideText()
        let agent = try await stack.newAgent()

        let openID = "oAbCd\(UUID().uuidString)"
        let created = try await send(
            try guide.sample(under: "创建客户", in: "http").replacingOccurrences(of: "oAbCd1234567890", with: openID),
            to: stack,
            token: agent.token
        )
        #expect(created.status == 201)
        let id = try #require(created.data["id"].string)
        #expect(created.data["name"] == .string("李四"))
        #expect(created.data["primaryChannel"] == .string("WECHAT"))
        #expect(created.data["wechatOpenId"] == .string(openID))
        #expect(created.data["phone"] == .string("+8613900139000"))
        #expect(created.data["tags"] == .array([.string("潜在客户")]))
        #expect(created.data["notes"] == .string("对产品A感兴趣"))

        let read = try await send(
            try guide.sample(under: "获取客户详情", in: "http"),
            to: stack,
            token: agent.token,
            customerID: id
        )
        #expect(read.status == 200)
        #expect(read.data == created.data)

        let changed = try await send(
            try guide.sample(under: "更新客户信息", in: "http"),
            to: stack,
            token: agent.token,
            customerID: id
        )
        #expect(changed.status == 200)
        #expect(changed.data["name"] == .string("李四（已购买）"))
        #expect(changed.data["tags"] == .array([.string("VIP"), .string("已购买")]))
        #expect(changed.data["notes"] == .string("已购买产品A，满意度高"))
        // What it does not name stays.
        for field in ["primaryChannel", "wechatOpenId", "phone", "active", "createdAt"] {
            #expect(changed.data[field] == created.data[field], "\(field)")
        }

        let token = try await send(
            try guide.sample(under: "为客户生成 Token", in: "http"),
            to: stack,
            token: agent.token,
            customerID: id
        )
        #expect(token.status == 200)
        #expect(token.data["customerId"] == .string(id))
        let socket = try await stack.connect(stack.remember(try #require(token.data["token"].string)))
        try await socket.close()

        // The identity that the agent wrote down is the customer who comes by that channel.
        let arriving = try await stack.newCustomer("微信用户", channel: "WECHAT", channelID: openID)
        #expect(arriving.id == id)
    }

    @Test(
        "The guide's list request, with raw UTF-8 in its query as curl sends it, finds the customer by name and channel"
    )
    func list() async throws {
        let stack = try await Stack.shared()
        let guide = try GuideText()
        let agent = try await stack.newAgent()
        let customer = try await stack.newCustomer("张三")
        _ = try await stack.demand(
            "PUT",
            "/api/v1/customers/\(customer.id)",
            token: agent.token,
            json: #"{"email":"zhangsan@example.com","phone":"+8613800138000","tags":["VIP","已购买"]}"#
        )

        let request = try guide.sample(under: "查询客户列表", in: "http")
        let found = try await send(request, to: stack, token: agent.token)
        #expect(found.status == 200)
        let printed = try JSON(parsing: try guide.sample(under: "查询客户列表", in: "json"))
        #expect(found.data.keys.isSuperset(of: printed["data"].keys))
        // Newest interaction first: others come and go at the same time, but not two pages of them.
        let row = try #require(found.data["content"].array.first { $0["id"].string == customer.id })
        let printedRow = printed["data"]["content"][0]
        #expect(row.keys.isSuperset(of: printedRow.keys))
        for field in ["name", "primaryChannel", "email", "phone", "tags", "active"] {
            #expect(row[field] == printedRow[field], "\(field)")
        }
        #expect(row["lastInteractionAt"].string?.hasSuffix("Z") == true)
        for other in found.data["content"].array {
            #expect(other["name"].string?.contains("张三") == true)
            #expect(other["primaryChannel"] == .string("WEB"))
            #expect(other["active"] == .bool(true))
        }

        let encoded = request.replacingOccurrences(of: "张三", with: "%E5%BC%A0%E4%B8%89")
        #expect(
            try await send(encoded, to: stack, token: agent.token).data["content"].array.contains {
                $0["id"].string == customer.id
            }
        )
    }

    @Test("Filters and pages: contains, without regard to case; tag; active; size and page; totals that fit")
    func filters() async throws {
        let stack = try await Stack.shared()
        let agent = try await stack.newAgent()
        let mark = "Zoë\(UUID().uuidString.prefix(8))"
        var ids: [String] = []
        for number in 0..<3 {
            let customer = try await stack.demand(
                "POST",
                "/api/v1/customers",
                token: agent.token,
                json: #"{"name":"\#(mark) 李\#(number)","primaryChannel":"APP","tags":["T\#(mark)\#(number % 2)"]}"#
            )
            ids.append(try #require(customer["id"].string))
        }
        func search(_ query: String) async throws -> JSON {
            try await stack.demand("GET", "/api/v1/customers?\(query)", token: agent.token)
        }
        let byName = try await search("name=\(mark.uppercased())&size=2")
        #expect(byName["totalElements"].int == 3)
        #expect(byName["totalPages"].int == 2)
        #expect(byName["size"].int == 2)
        #expect(byName["page"].int == 0)
        #expect(byName["content"].array.count == 2)
        let second = try await search("name=\(mark.lowercased())&size=2&page=1")
        let seen = (byName["content"].array + second["content"].array).compactMap { $0["id"].string }
        #expect(Set(seen) == Set(ids))
        #expect(try await search("name=\(mark)%20李1")["content"].array.compactMap { $0["id"].string } == [ids[1]])
        #expect(try await search("tag=T\(mark)0")["totalElements"].int == 2)
        #expect(try await search("name=\(mark)&channel=WEB")["totalElements"].int == 0)
        _ = try await stack.demand(
            "PUT",
            "/api/v1/customers/\(ids[0])",
            token: agent.token,
            json: #"{"active":false}"#
        )
        #expect(
            try await search("name=\(mark)&active=false")["content"].array.compactMap { $0["id"].string } == [ids[0]]
        )
        #expect(try await search("name=\(mark)&active=true")["totalElements"].int == 2)
    }

    @Test("Without an agent's token there is no access, and a customer's token is not one")
    func forAgentsOnly() async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        let none = try await stack.request("GET", "/api/v1/customers")
        #expect(none.status == 401)
        #expect(none.headers["www-authenticate"] == "Bearer")
        #expect(none.error["code"] == .string("missing_token"))
        let made = "00000000-0000-4000-8000-000000000000"
        let unknown = try await stack.request("GET", "/api/v1/customers/\(customer.id)", token: made)
        #expect(unknown.status == 401)
        #expect(unknown.error["code"] == .string("unauthenticated"))
        let foreign = try await stack.request("GET", "/api/v1/customers/\(customer.id)", token: customer.token)
        #expect(foreign.status == 403)
        #expect(foreign.error["code"] == .string("forbidden"))
        #expect(foreign.error["message"] == .string("This address is for agents; the token is a customer's."))
    }

    /// Sends a request that is printed as `METHOD TARGET`, header lines, an empty line and a body.
    private func send(
        _ printed: String,
        to stack: Stack,
        token: String,
        customerID: String = ""
    ) async throws -> HTTPResponse {
        let parts = printed.split(separator: "\n\n", maxSplits: 1)
        let lines = parts[0].split(separator: "\n").map(String.init)
        let words = lines[0].split(separator: " ")
        return try await stack.request(
            String(words[0]),
            words[1].replacingOccurrences(of: "{customerId}", with: customerID),
            json: parts.count > 1 ? String(parts[1]) : nil,
            headers: lines.dropFirst().map { $0.replacingOccurrences(of: "{agent-token}", with: token) }
        )
    }
}
