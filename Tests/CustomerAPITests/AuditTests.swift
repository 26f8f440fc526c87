import CustomerAPI
import Foundation
import Hiredis
import Messaging
import Testing

@Suite("The audit log")
struct AuditTests {
    private func entries(_ api: TestAPI, _ query: String, _ token: String) async throws -> [JSONValue] {
        let answer = try await api.call("GET", "/api/v1/audit?\(query)", token: token)
        #expect(answer.status == 200, "\(answer.json)")
        return answer.data["entries"].elements
    }

    @Test("Each act is kept with who did it, to what and from where, the newest first, and no secret")
    func acts() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            let me = try await api.call("GET", "/api/v1/agents/me", token: root).data["id"].text
            func call(_ method: String, _ path: String, _ body: String? = nil, token: String? = nil) async throws
                -> Answer
            {
                try await api.call(
                    method,
                    "/api/v1/\(path)",
                    token: token ?? root,
                    body: body,
                    headers: ["X-Forwarded-For": "192.0.2.7"]
                )
            }
            let created = try await call(
                "POST",
                "customers",
                #"{"name":"李四","primaryChannel":"WECHAT","wechatOpenId":"o-1"}"#
            )
            let customer = created.data["id"].text
            #expect(
                try await call("PUT", "customers/\(customer)", #"{"notes":"a secret note","tags":["VIP"]}"#).status
                    == 200
            )
            let issued = try await call("POST", "customers/\(customer)/token").data["token"].text
            let live = try await call("GET", "customers/\(customer)/tokens").data["tokens"][0]["id"].text
            #expect(try await call("DELETE", "customers/\(customer)/tokens/\(live)").status == 200)
            #expect(try await call("DELETE", "customers/\(customer)/tokens").status == 200)

            let ann = try await call(
                "POST",
                "agents",
                #"{"login":"ann","name":"Ann","role":"agent","password":"correct horse"}"#
            ).data["id"].text
            #expect(
                try await call("PUT", "agents/\(ann)", #"{"role":"bot","password":"battery staple"}"#).status == 200
            )
            let login = try await call("POST", "agents/login", #"{"login":"ann","password":"battery staple"}"#)
            let token = login.data["token"].text
            #expect(try await call("POST", "agents/login", #"{"login":"ann","password":"wrong one"}"#).status == 401)
            #expect(try await call("POST", "agents/login", #"{"login":"hunter2","password":"x"}"#).status == 401)

            let visitor = try await api.newCustomer()
            let conversation = try await api.say("你好", as: visitor).conversation.description
            for verb in ["claim", "release", "claim"] {
                #expect(try await call("POST", "conversations/\(conversation)/\(verb)", token: token).status == 200)
            }
            #expect(
                try await call("POST", "conversations/\(conversation)/transfer", #"{"agentId":"\#(me)"}"#, token: token)
                    .status
                    == 200
            )
            #expect(try await call("POST", "conversations/\(conversation)/resolve").status == 200)
            #expect(try await call("POST", "agents/logout", token: token).status == 200)
            #expect(try await call("DELETE", "agents/\(ann)/tokens").status == 200)

            let log = try await entries(api, "size=100", root)
            let acts = log.map(\.["act"].text)
            #expect(acts.first == "audit.read")
            #expect(
                acts.filter { $0 != "audit.read" }.sorted()
                    == [
                        "customer.create", "customer.update", "token.issue", "token.revoke", "token.revoke",
                        "agent.create",
                        "agent.update", "agent.login", "agent.login-refused", "agent.login-refused",
                        "conversation.claim",
                        "conversation.release", "conversation.claim", "conversation.transfer", "conversation.resolve",
                        "agent.logout", "token.revoke",
                    ].sorted()
            )
            for entry in log where entry["act"] != "audit.read" {
                #expect(entry["author"]["address"] == "192.0.2.7", "\(entry)")
                #expect(entry["timestamp"].text.hasSuffix("Z"))
            }
            let update = try #require(log.first { $0["act"] == "customer.update" })
            #expect(update["author"]["type"] == "agent")
            #expect(update["author"]["id"] == .string(me))
            #expect(update["author"]["name"] == "root")
            #expect(update["subject"]["type"] == "customer")
            #expect(update["subject"]["id"] == .string(customer))
            #expect(update["details"]["fields"] == "tags, notes")
            let transfer = try #require(log.first { $0["act"] == "conversation.transfer" })
            #expect(transfer["details"]["to"] == .string(me))
            #expect(transfer["author"]["id"] == .string(ann))
            let change = try #require(log.first { $0["act"] == "agent.update" })
            #expect(change["details"]["role"] == "bot")
            #expect(change["details"]["fields"] == "role, password")
            let refused = log.filter { $0["act"] == "agent.login-refused" }
            #expect(refused.map { $0["subject"]["id"].text } == ["", ann])

            // Neither in the answer nor in Redis.
            var kept = ""
            for partition in Partition.all {
                let rows = try await api.redis.send(RedisCommand("XRANGE", Keyspace.audit(in: partition), "-", "+"))
                kept += "\(rows)"
                for row in rows.array ?? [] { kept += row.array?.last?.array?.last?.string ?? "" }
            }
            #expect(kept.contains(customer))
            for secret in [
                "correct horse", "battery staple", "hunter2", issued, token, "a secret note", "VIP", "李四", "o-1",
            ] {
                #expect(!kept.contains(secret), "\(secret)")
            }
        }
    }

    @Test("A refused proof is kept, and which identity was named is not")
    func refusedProof() async throws {
        try await TestAPI.run {
            $0.identityProof = IdentityProof(secrets: [.phone: ["0123456789abcdef0123456789abcdef"]])
        } _: { api in
            let root = try await api.agentToken("root", role: .admin)
            #expect(try await api.customerToken(channel: "PHONE", channelID: "+8613800138000").status == 403)
            let log = try await entries(api, "act=proof", root)
            #expect(log.count == 1)
            #expect(log[0]["author"]["type"] == "anybody")
            #expect(log[0]["author"]["address"] == "127.0.0.1")
            #expect(log[0]["details"]["channel"] == "PHONE")
            #expect(log[0]["details"]["code"] == "proof_required")
            let rows = try await api.redis.send(RedisCommand("XRANGE", Keyspace.auditOfRefusals, "-", "+"))
            #expect(rows.array?.count == 1)
            #expect(rows.array?.first?.array?.last?.array?.last?.string?.contains("138000") == false)
        }
    }

    @Test("It is read by filters and page after page, each entry once; only admins may")
    func reading() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            let customers = CustomerStore(redis: api.redis)
            let ann = AuditAuthor(.agent, id: UniqueID(in: .ofAgents), name: "ann")
            let bob = AuditAuthor(.agent, id: UniqueID(in: .ofAgents), name: "bob")
            var subjects: [String] = []
            for number in 0..<250 {
                let profile = CustomerProfile(name: "c\(number)", primaryChannel: .web)
                let customer = try await customers.create(profile, by: number % 50 == 0 ? ann : bob)
                subjects.append(customer.id.description)
            }
            var read: [String] = []
            var after = ""
            var pages = 0
            repeat {
                let path = "/api/v1/audit?act=customer.create&size=40&after=\(after)"
                let page = try await api.call("GET", path, token: root).data
                read += page["entries"].elements.map { $0["subject"]["id"].text }
                after = page["next"].text
                pages += 1
            } while !after.isEmpty && pages < 20
            #expect(read.count == 250)
            #expect(Set(read) == Set(subjects))

            let ofAnn = try await entries(api, "author=\(ann.id!)", root)
            #expect(ofAnn.count == 5)
            let ofOne = try await entries(api, "subject=\(subjects[7])", root)
            #expect(ofOne.map { $0["subject"]["id"].text } == [subjects[7]])
            #expect(try await entries(api, "act=customer.create&from=2100-01-01", root).isEmpty)
            #expect(try await entries(api, "act=customer.create&to=2001-01-01T00:00:00Z", root).isEmpty)
            #expect(try await entries(api, "act=customer.create&from=2001-01-01&size=3", root).count == 3)

            for (query, field) in [
                ("author=x", "author"), ("act=walk", "act"), ("from=yesterday", "from"), ("after=1", "after"),
                ("size=0", "size"),
            ] {
                let answer = try await api.call("GET", "/api/v1/audit?\(query)", token: root)
                #expect(answer.status == 422)
                #expect(answer.field.text == field)
            }
            #expect(try await api.call("GET", "/api/v1/audit", token: api.agentToken()).status == 403)
        }
    }

    @Test("Entries past their time are dropped, and not shown before that")
    func retention() async throws {
        try await TestAPI.run { api in
            let id = UniqueID(in: .random())
            let key = Keyspace.audit(in: id.partition)
            let log = AuditLog(redis: api.redis, retention: .seconds(3600))
            let record = AuditRecord(.customerExport, by: AuditAuthor(.commandLine), on: .customer(id))
            try await log.append(record)
            let text = try await api.redis.send(RedisCommand("XRANGE", key, "-", "+")).array?.first?.array?.last?.array?
                .last?
                .string
            // As one that is two hours old: entries are only added in order, so in a stream of its own.
            _ = try await api.redis.send(RedisCommand("DEL", key))
            let old = Timestamp.now.milliseconds - 7_200_000
            for number in 0..<1200 {
                _ = try await api.redis.send(RedisCommand("XADD", key, "\(old)-\(number)", "r", text ?? ""))
            }
            try await log.append(record)
            var filter = AuditLog.Filter()
            filter.subject = id
            #expect(try await log.entries(matching: filter, after: nil, size: 100).entries.count == 1)
            try await log.trim()
            #expect(try api.server.command("XLEN", key) == "1")
            #expect(try await log.entries(matching: filter, after: nil, size: 100).entries.first?.record == record)
        }
    }

    @Test("Each look into it is kept, wherever it begins: a page is one") func looks() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            for _ in 0..<3 { _ = try await entries(api, "after=9999999999999-0-64&size=1", root) }
            let log = try await entries(api, "act=audit.read&size=100", root)
            #expect(log.count == 4)
            // One that is refused shows nothing.
            #expect(try await api.call("GET", "/api/v1/audit?after=1", token: root).status == 422)
            #expect(try await entries(api, "act=audit.read&size=100", root).count == 5)
        }
    }

    @Test("A conversation that an agent gets by answering is claimed, also one that was resolved; each time once")
    func answers() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            let ann = try await api.agentToken("ann")
            let visitor = try await api.newCustomer()
            let conversation = try await api.say("你好", as: visitor).conversation
            let path = "/api/v1/conversations/\(conversation)"
            func answer(_ number: Int, token: String) async throws {
                let body = #"{"content":"\#(number)","clientMessageId":"m-\#(number)"}"#
                let answer = try await api.call(
                    "POST",
                    "\(path)/messages",
                    token: token,
                    body: body,
                    headers: ["X-Forwarded-For": "192.0.2.7"]
                )
                #expect(answer.status == 200)
            }
            func claims() async throws -> [JSONValue] {
                try await entries(api, "subject=\(conversation)&act=conversation.claim", root)
            }
            // The first has it; what follows, and the same one again, is no claim.
            for number in [1, 1, 2] { try await answer(number, token: ann) }
            var log = try await claims()
            #expect(log.count == 1)
            let agent = try #require(try await AgentStore(redis: api.redis).credentials(for: "ann")?.agent)
            #expect(log.first?["author"]["id"].text == agent.id.description)
            #expect(log.first?["author"]["type"] == "agent")
            #expect(log.first?["author"]["name"] == "ann")
            #expect(log.first?["author"]["address"] == "192.0.2.7")
            #expect(log.first?["subject"]["type"] == "conversation")
            #expect(log.first?["details"]["by"] == "answer")
            #expect(log.first?["details"]["was"] == "waiting")

            // Reopened by the one who resolved it, and by another agent.
            #expect(try await api.call("POST", "\(path)/resolve", token: ann).status == 200)
            try await answer(3, token: ann)
            #expect(try await api.call("POST", "\(path)/resolve", token: ann).status == 200)
            try await answer(4, token: root)
            log = try await claims()
            #expect(log.count == 3)
            #expect(log.first?["author"]["name"] == "root")
            #expect(log.map { $0["details"]["was"] } == ["resolved", "resolved", "waiting"])
            // By WebSocket, whose address is not at hand here.
            _ = try await api.say("again", as: visitor, in: conversation)
            _ = try await api.call("POST", "\(path)/release", token: root)
            _ = try await api.say("hi", as: api.agent("ann"), in: conversation)
            log = try await claims()
            #expect(log.count == 4)
            #expect(log.first?["author"]["address"] == .null)
            // An admin who writes in another's conversation does not get it.
            try await answer(5, token: root)
            #expect(try await claims().count == 4)
        }
    }
}
