import Messaging
import Testing

@Suite("A customer's version and presence")
struct CustomerVersionTests {
    @Test("A change that names the version it was made from is refused once somebody else changed the customer")
    func precondition() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken()
            let path = "/api/v1/customers/\(try await api.customerToken().data["customerId"].text)"
            func put(_ name: String, _ tag: String?) async throws -> Answer {
                let headers = tag.map { ["If-Match": $0] } ?? [:]
                return try await api.call("PUT", path, token: ann, body: #"{"name":"\#(name)"}"#, headers: headers)
            }
            let read = try await api.call("GET", path, token: ann)
            let tag = try #require(read.headers["etag"])
            #expect(read.data["version"] == 1)
            #expect(tag == "\"1\"")

            let changed = try await put("first", tag)
            #expect(changed.status == 200)
            #expect(changed.headers["etag"] == "\"2\"")
            #expect(changed.data["version"] == 2)
            let refused = try await put("second", tag)
            #expect(refused.status == 412)
            #expect(refused.code == "precondition_failed")
            #expect(try await api.call("GET", path, token: ann).data["name"] == "first")

            #expect(try await put("third", nil).status == 200)
            #expect(try await put("fourth", "*").status == 200)
            #expect(try await put("fifth", #""1", "4""#).data["version"] == 5)
            #expect(try await put("sixth", #"W/"5""#).status == 412)
            #expect(try await put("sixth", "5").status == 412)
        }
    }

    @Test("A message of the customer does not change the version")
    func messages() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken()
            let customer = try await api.newCustomer()
            guard case .customer(let id, _) = customer else { return }
            let tag = try await api.call("GET", "/api/v1/customers/\(id)", token: ann).headers["etag"]
            _ = try await api.say("x", as: customer)
            #expect(try await api.call("GET", "/api/v1/customers/\(id)", token: ann).headers["etag"] == tag)
        }
    }

    @Test("Whether a customer is connected is told, alone and in a list")
    func online() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken()
            let customer = try await api.newCustomer("web_1", name: "here")
            _ = try await api.newCustomer("web_2", name: "away")
            guard case .customer(let id, _) = customer else { return }
            #expect(try await api.call("GET", "/api/v1/customers/\(id)", token: ann).data["online"] == false)
            try await api.register(customer, connections: 1)
            #expect(try await api.call("GET", "/api/v1/customers/\(id)", token: ann).data["online"] == true)
            let list = try await api.call("GET", "/api/v1/customers", token: ann).data["content"].elements
            #expect(list.first { $0["name"] == "here" }?["online"] == true)
            #expect(list.first { $0["name"] == "away" }?["online"] == false)
            try await api.register(customer, connections: 0)
            #expect(try await api.call("GET", "/api/v1/customers/\(id)", token: ann).data["online"] == false)
        }
    }

    @Test("A page of another origin may send If-Match and read ETag")
    func crossOrigin() async throws {
        try await TestAPI.run { api in
            let preflight = try await api.call("OPTIONS", "/api/v1/customers/x")
            #expect(preflight.headers["access-control-allow-headers"]?.contains("If-Match") == true)
            #expect(preflight.headers["access-control-allow-headers"]?.contains("Authorization") == true)
            let answer = try await api.call("GET", "/api/v1/customers/x")
            #expect(answer.headers["access-control-expose-headers"]?.contains("ETag") == true)
        }
    }
}
