import Gateway
import Hiredis
import Messaging
import NIOCore
import RedisFixture
import Testing

@Suite("A gateway while one server of a Redis Cluster is away", .timeLimit(.minutes(10)))
struct PartOfAClusterTests {
    enum Fault: String, CaseIterable, Sendable { case killed, hangs }

    @Test(
        "It is ready, and those whose partitions are elsewhere come in, talk, and keep their routes",
        arguments: Fault.allCases
    )
    func othersGoOn(_ fault: Fault) async throws {
        try await withClusterSystem { system in
            // Agents' tokens are in the first partition, which has to be there.
            let victim = system.primaries[2]
            let living = try Partition.all.first { try system.owner(of: Keyspace.prefix($0)) === system.primaries[1] }
            let partition = try #require(living)
            try await RunningGateway.run(on: system.programsURL, { $0.commandTimeoutMilliseconds = 500 }) { running in
                let agents = AgentStore(redis: running.redis)
                let ann = try await agents.create(login: "ann", name: "Ann", role: .agent, passwordHash: "-")
                let agentToken = try await running.tokens.issueAgentToken(for: ann.id).token
                let customerToken = try await running.tokens
                    .issueToken(named: "One", for: identity(in: partition)).token
                let before = try await running.connect(agentToken, "chat.v2")
                _ = try await before.next(containing: #""type":"welcome""#)

                switch fault {
                case .killed: try victim.kill()
                case .hangs: try victim.suspend()
                }
                // Longer than a lease lasts, with whatever the gateway does meanwhile.
                try await Task.sleep(for: Broker.lease + .seconds(2))
                #expect(try await ready(running.address) == 200)
                let mailboxes = try await running.redis.send(
                    RedisCommand("HKEYS", "\(Keyspace.prefix(partition))leases")
                ).array?.compactMap(\.string)
                let mailbox = try #require(mailboxes?.first)
                let ends = try await running.redis.send(
                    RedisCommand("HGET", "\(Keyspace.prefix(partition))leases", mailbox)
                ).int
                #expect(ends ?? 0 > Timestamp.now.milliseconds)

                let customer = try await running.connect(customerToken, "chat.v2")
                _ = try await customer.next(containing: #""type":"welcome""#)
                let after = try await running.connect(agentToken, "chat.v2")
                _ = try await after.next(containing: #""type":"welcome""#)
                try await customer.say("anybody?")
                _ = try await customer.next(containing: #""type":"ack""#)
                for agent in [before, after] { _ = try await agent.next(containing: "anybody?") }
                for client in [before, after, customer] { try? await client.close() }
                if fault == .hangs { try victim.resume() }
            }
        }
    }

    private func identity(in partition: Partition) -> ChannelIdentity {
        var number = 0
        while true {
            let identity = ChannelIdentity(channel: .web, channelID: "\(number)")
            if Partition(of: identity) == partition { return identity }
            number += 1
        }
    }

    private func ready(_ address: SocketAddress) async throws -> Int {
        let client = try await RawClient(to: address)
        try await client.send("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
        let response = try await client.readResponse()
        try? await client.close()
        return response.status
    }
}
