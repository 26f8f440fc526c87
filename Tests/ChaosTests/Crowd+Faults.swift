import Hiredis
import Messaging
import NIOCore

/// What goes wrong with clients.
extension Crowd {
    /// Lets a fault of clients happen, and returns when it is over. Those of the system are not its business.
    func endure(_ fault: Fault, on system: ChaosSystem) async throws {
        switch fault {
        case .cutClients(let share): try await cut(share: share)
        case .changeNetworks(let share): try await changeNetworks(share: share)
        case .stopReading(let time): try await stopReading(for: time, on: system)
        case .stayAway(let count): try await stayAway(missing: count, on: system)
        default: break
        }
    }

    /// Cuts some of the clients off for two seconds.
    private func cut(share: Double) async throws {
        try await loop.submit { [self] in
            for client in some(share) { client.connection.cut(for: .seconds(2)) }
        }.get()
    }

    private func changeNetworks(share: Double) async throws {
        try await loop.submit { [self] in
            for client in some(share) where client.connection.isOpen {
                let begin = NIODeadline.now()
                halfOpen += 1
                client.connection.changeNetwork { [self] _ in
                    halfOpen -= 1
                    longestHalfOpen = max(longestHalfOpen, NIODeadline.now() - begin)
                }
            }
        }.get()
    }

    private func some(_ share: Double) -> [any LoadClient] {
        (customers + agents).filter { _ in Double.random(in: 0..<1, using: &chance) < share }
    }

    /// A customer of the full dialect and one of the guide dialect, whose agent is of the full dialect.
    private static let patients = [0, 7]

    private func stopReading(for time: Duration, on system: ChaosSystem) async throws {
        let patients = Self.patients.map { customers[$0] }
        try await loop.submit { [self] in
            for (client, number) in zip(patients, Self.patients) {
                victims.insert(client.name)
                let conversation = threads[number].conversation.description
                involved.formUnion(agents.filter { $0.conversations.contains(conversation) }.map(\.name))
                client.connection.setReading(false)
            }
        }.get()
        let deadline = ContinuousClock.now + time
        // Far more than the system's buffers take.
        async let flooded: Void = flood(1000, bytes: 16 * 1024, on: system)
        // Whoever does not read does not see that it is closed; but its gateway takes its route away then. The close frame
        // waits for it for some seconds.
        for number in Self.patients {
            let routes = Keyspace.routes(threads[number].customer)
            while try await system.client.send(RedisCommand("EXISTS", routes)) != .integer(0),
                ContinuousClock.now < deadline
            {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        try await loop.submit { for client in patients { client.connection.setReading(true) } }.get()
        try await flooded
    }

    private func stayAway(missing count: Int, on system: ChaosSystem) async throws {
        let patients = Self.patients.map { customers[$0] }
        try await loop.submit { for client in patients { client.connection.stop() } }.get()
        // So large that a gateway which held all of it would show.
        try await flood(count, bytes: 2048, on: system)
        try await loop.submit { for client in patients { client.connection.comeBackAgain() } }.get()
    }

    private func flood(_ count: Int, bytes: Int, on system: ChaosSystem) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in Self.patients {
                floods += 1
                let flood = Flood(threads[number], number: floods, system: system)
                tasks.addTask { [loop, recorder] in
                    try await flood.pour(count, bytes: bytes) { events in
                        try await loop.submit { for event in events { recorder.record(event) } }.get()
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }
}
