import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Customers")
struct CustomerStoreTests {
    private func profile(_ identity: ChannelIdentity? = nil, name: String = "李四") -> CustomerProfile {
        var profile = CustomerProfile(name: name, primaryChannel: identity?.channel ?? .web)
        if let identity { profile.channelIDs[identity.channel] = identity.channelID }
        return profile
    }

    @Test("A new customer lives in the partition of the first identity and holds its claim")
    func placement() async throws {
        try await AccountFixture.run { fixture in
            let identity = ChannelIdentity(channel: .weChat, channelID: "oAbCd")
            let customer = try await fixture.customers.create(profile(identity))
            #expect(customer.id.partition == Partition(of: identity))
            #expect(try await fixture.value(of: Keyspace.identity(identity)) == customer.id.description)
            let read = try await fixture.customers.customer(customer.id)
            #expect(read == customer)
            #expect(read.profile.channelIDs == [.weChat: "oAbCd"])
        }
    }

    @Test("Every field survives the way to Redis and back")
    func fields() async throws {
        try await AccountFixture.run { fixture in
            var written = profile(ChannelIdentity(channel: .line, channelID: "U1"))
            written.email = "li@example.com"
            written.phone = "+8613900139000"
            written.tags = ["VIP", "已购买"]
            written.notes = "一\n二"
            written.active = false
            let id = try await fixture.customers.create(written).id
            #expect(try await fixture.customers.customer(id).profile == written)
        }
    }

    @Test("An unknown customer is not found")
    func unknown() async throws {
        try await AccountFixture.run { fixture in
            let id = UniqueID(in: Partition(5))
            #expect(await messagingError { _ = try await fixture.customers.customer(id) }?.code == .notFound)
            #expect(
                await messagingError { _ = try await fixture.customers.update(id) { $0.notes = "x" } }?.code
                    == .notFound
            )
        }
    }

    @Test("A taken identity is a conflict that names the customer and the field, and leaves nothing behind")
    func conflict() async throws {
        try await AccountFixture.run { fixture in
            let taken = ChannelIdentity(channel: .telegram, channelID: "42")
            let first = try await fixture.customers.create(profile(taken))
            // Another customer elsewhere, with an identity of its own first, so that the taken one is in a foreign partition.
            let own = ChannelIdentity.some(.line, in: first.id.partition, inside: false)
            var second = profile(own)
            second.channelIDs[.telegram] = "42"
            let wanted = second
            let error = await messagingError { _ = try await fixture.customers.create(wanted) }
            #expect(error?.code == .conflict)
            #expect(error?.field == "telegramId")
            #expect(error?.message.contains(first.id.description) == true)
            #expect(try await fixture.value(of: Keyspace.identity(own)) == nil)
            #expect(
                try await fixture.customers.customers(matching: CustomerFilter(), page: 0, size: 10).totalElements == 1
            )
        }
    }

    @Test("Of 50 creations with the same identity at once, one wins and 49 name it")
    func concurrentCreations() async throws {
        try await AccountFixture.run { fixture in
            let identity = ChannelIdentity(channel: .app, channelID: "same")
            let outcomes = await withTaskGroup(of: Result<Customer, MessagingError>.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        do throws(MessagingError) {
                            return .success(
                                try await fixture.customers.create(profile(identity, name: "\(number)"))
                            )
                        } catch { return .failure(error) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let winners = outcomes.compactMap { try? $0.get() }
            #expect(winners.count == 1)
            for case .failure(let error) in outcomes {
                #expect(error.code == .conflict)
                #expect(error.message.contains(winners[0].id.description))
            }
        }
    }

    @Test("A second identity in another partition is confirmed, and given up when it changes")
    func foreignIdentity() async throws {
        try await AccountFixture.run { fixture in
            let customer = try await fixture.customers.create(
                profile(ChannelIdentity(channel: .weChat, channelID: "first"))
            )
            let linked = ChannelIdentity.some(.line, in: customer.id.partition, inside: false)
            _ = try await fixture.customers.update(customer.id) { $0.channelIDs[.line] = linked.channelID }
            #expect(try await fixture.value(of: Keyspace.identity(linked)) == customer.id.description)

            _ = try await fixture.customers.update(customer.id) { $0.channelIDs[.line] = nil }
            #expect(try await fixture.value(of: Keyspace.identity(linked)) == nil)
        }
    }

    @Test("An identity in the same partition is claimed and released with the record")
    func localIdentity() async throws {
        try await AccountFixture.run { fixture in
            let customer = try await fixture.customers.create(
                profile(ChannelIdentity(channel: .weChat, channelID: "first"))
            )
            let local = ChannelIdentity.some(.line, in: customer.id.partition)
            _ = try await fixture.customers.update(customer.id) { $0.channelIDs[.line] = local.channelID }
            #expect(try await fixture.value(of: Keyspace.identity(local)) == customer.id.description)
            _ = try await fixture.customers.update(customer.id) { $0.channelIDs[.line] = nil }
            #expect(try await fixture.value(of: Keyspace.identity(local)) == nil)
        }
    }

    @Test("E-mail and phone claim an identity only while they are the primary channel")
    func contactData() async throws {
        try await AccountFixture.run { fixture in
            var wanted = profile(ChannelIdentity(channel: .weChat, channelID: "w"))
            wanted.email = "a@example.com"
            wanted.phone = "+1"
            let customer = try await fixture.customers.create(wanted)
            let email = ChannelIdentity(channel: .email, channelID: "a@example.com")
            #expect(try await fixture.value(of: Keyspace.identity(email)) == nil)
            _ = try await fixture.customers.update(customer.id) { $0.primaryChannel = .email }
            #expect(try await fixture.value(of: Keyspace.identity(email)) == customer.id.description)
            _ = try await fixture.customers.update(customer.id) { $0.primaryChannel = .sms }
            #expect(try await fixture.value(of: Keyspace.identity(email)) == nil)
            let sms = ChannelIdentity(channel: .sms, channelID: "+1")
            #expect(try await fixture.value(of: Keyspace.identity(sms)) == customer.id.description)
        }
    }

    @Test("A reservation left by a crash is freed when it is old, and waited for when it is young")
    func crashedReservation() async throws {
        try await AccountFixture.run { fixture in
            let identity = ChannelIdentity(channel: .facebook, channelID: "psid")
            let key = Keyspace.identity(identity)
            let crashed = UniqueID(in: Partition(3))

            try await fixture.set(key, to: "\(crashed)@\(try await fixture.now())")
            let error = await messagingError { _ = try await fixture.customers.create(profile(identity)) }
            #expect(error?.code == .storeUnavailable)
            #expect(error?.retryAfter == .seconds(1))

            try await fixture.set(key, to: "\(crashed)@\(try await fixture.now() - 11_000)")
            let customer = try await fixture.customers.create(profile(identity))
            #expect(try await fixture.value(of: key) == customer.id.description)
        }
    }

    @Test("A reservation whose customer lists the identity is confirmed by whoever meets it")
    func unconfirmedReservation() async throws {
        try await AccountFixture.run { fixture in
            let owner = try await fixture.customers.create(profile(ChannelIdentity(channel: .weChat, channelID: "w")))
            let linked = ChannelIdentity.some(.line, in: owner.id.partition, inside: false)
            _ = try await fixture.customers.update(owner.id) { $0.channelIDs[.line] = linked.channelID }
            // As if the program had died between writing the record and confirming the claim.
            try await fixture.set(Keyspace.identity(linked), to: "\(owner.id)@\(try await fixture.now())")

            let error = await messagingError { _ = try await fixture.customers.create(profile(linked)) }
            #expect(error?.code == .conflict)
            #expect(error?.message.contains(owner.id.description) == true)
            #expect(try await fixture.value(of: Keyspace.identity(linked)) == owner.id.description)
        }
    }

    @Test("Changes at the same moment all survive")
    func concurrentChanges() async throws {
        try await AccountFixture.run { fixture in
            let id = try await fixture.customers.create(profile()).id
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await fixture.customers.update(id) { $0.notes = "n" } }
                group.addTask { _ = try await fixture.customers.update(id) { $0.email = "e@example.com" } }
                group.addTask { _ = try await fixture.customers.update(id) { $0.tags = ["t"] } }
                try await group.waitForAll()
            }
            let profile = try await fixture.customers.customer(id).profile
            #expect(profile.notes == "n")
            #expect(profile.email == "e@example.com")
            #expect(profile.tags == ["t"])
        }
    }

    @Test(
        "Names fold to lower case and half width",
        arguments: [
            ("Zoë", "zoë"), ("ＡＢＣ　１２", "abc 12"), ("张三", "张三"), ("ÄÖ", "äö"),
        ]
    )
    func folding(name: String, folded: String) {
        #expect(name.foldedForSearch == folded)
    }

    @Test("Data that was laid out for another number of partitions is refused")
    func layout() async throws {
        try await AccountFixture.run { fixture in
            try await Layout.check(in: fixture.redis)
            try await Layout.check(in: fixture.redis)
            #expect(try await fixture.value(of: Keyspace.layout) == "64")
            try await fixture.set(Keyspace.layout, to: "32")
            let error = await messagingError { try await Layout.check(in: fixture.redis) }
            #expect(error?.code == .conflict)
            #expect(error?.message.contains("32 partitions") == true)
        }
    }
}
