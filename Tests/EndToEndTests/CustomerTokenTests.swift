import Foundation
import Testing

/// The guide's section 获取客户 Token, Obtaining a Customer Token.
@Suite("Obtaining a Customer Token")
struct CustomerTokenTests {
    private static let path = "/api/v1/public/customer-token"

    @Test("Each channel of the guide's table gives a token that connects, for the channelId printed beside it")
    func everyChannel() async throws {
        let stack = try await Stack.shared()
        let guide = try GuideText()
        let channels = try guide.table(under: "支持的渠道").map { $0[1] }
        #expect(channels.count == 10)
        // PHONE and SMS share a row.
        let examples = try guide.table(under: "Channel ID 说明").flatMap { row in
            row[0].split(separator: "/").map { (String($0), row[1]) }
        }
        #expect(Set(examples.map(\.0)) == Set(channels))
        for (channel, channelID) in examples {
            let data = try await stack.demand(
                "POST",
                Self.path,
                json: #"{"name":"客户","channel":"\#(channel)","channelId":"\#(channelID)"}"#
            )
            #expect(data["channel"] == .string(channel))
            let token = stack.remember(try #require(data["token"].string))
            let socket = try await stack.connect(token)
            try await socket.say("来自 \(channel)")
            try await socket.synchronize()
            #expect(socket.unread.map(\.text) == [], "\(channel)")
        }
    }

    @Test("The same channelId on two channels is two customers")
    func channelsAreApart() async throws {
        let stack = try await Stack.shared()
        let phone = "+86138\(Int.random(in: 10_000_000...99_999_999))"
        let whatsApp = try await stack.newCustomer(channel: "WHATSAPP", channelID: phone)
        let sms = try await stack.newCustomer(channel: "SMS", channelID: phone)
        #expect(whatsApp.id != sms.id)
    }

    @Test("A customer who is not known is created, and an agent finds them")
    func created() async throws {
        let stack = try await Stack.shared()
        let openID = "oAbCd\(UUID().uuidString)"
        let customer = try await stack.newCustomer("新客户", channel: "WECHAT", channelID: openID)
        let record = try await stack.demand(
            "GET",
            "/api/v1/customers/\(customer.id)",
            token: try await stack.signInAdmin()
        )
        #expect(record["name"] == .string("新客户"))
        #expect(record["primaryChannel"] == .string("WECHAT"))
        #expect(record["wechatOpenId"] == .string(openID))
        #expect(record["active"] == .bool(true))
    }

    @Test("Twenty requests for one channelId at the same moment make one customer and twenty tokens")
    func atOnce() async throws {
        let stack = try await Stack.shared()
        let id = "web_\(UUID().uuidString)"
        let customers = try await withThrowingTaskGroup(of: Stack.Customer.self) { group in
            for _ in 0..<20 { group.addTask { try await stack.newCustomer(channelID: id) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(customers.map(\.id)).count == 1)
        #expect(Set(customers.map(\.token)).count == 20)
    }

    @Test("A known customer keeps the name on record, and the answer shows that name")
    func keepsName() async throws {
        let stack = try await Stack.shared()
        let id = "web_\(UUID().uuidString)"
        let first = try await stack.newCustomer("第一个名字", channelID: id)
        let again = try await stack.demand(
            "POST",
            Self.path,
            json: #"{"name":"第二个名字","channel":"WEB","channelId":"\#(id)"}"#
        )
        stack.remember(again["token"].string ?? "")
        #expect(again["customerId"] == .string(first.id))
        #expect(again["name"] == .string("第一个名字"))
    }

    @Test("The token says when it ends: 24 hours after it was issued")
    func lifetime() async throws {
        let stack = try await Stack.shared()
        let before = Date()
        let data = try await stack.demand(
            "POST",
            Self.path,
            json: #"{"name":"a","channel":"WEB","channelId":"web_\#(UUID().uuidString)"}"#
        )
        stack.remember(data["token"].string ?? "")
        let formatter = ISO8601DateFormatter()
        let text = try #require(data["expiresAt"].string)
        // Milliseconds, where there are any, say nothing here.
        let expires = try #require(formatter.date(from: text.replacing(/\.[0-9]+/, with: "")))
        #expect((86_399...86_520).contains(expires.timeIntervalSince(before)))
    }
}
