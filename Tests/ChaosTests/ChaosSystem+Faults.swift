import Messaging
import RedisFixture

/// What faults do to the system.
extension ChaosSystem {
    /// Lets a fault of the system happen, and returns when it is over. Those of clients are the crowd's.
    ///
    /// - Parameter healed: told when an outage is over, if there was one.
    func endure(_ fault: Fault, healed: @Sendable () async throws -> Void) async throws {
        switch fault {
        case .killGateway(let number):
            gateways[number].kill()
            try await startGateway(number)
        case .restartGateway(let number):
            try await endGateway(number)
            try await startGateway(number)
        case .suspendGateway(let number, let time):
            gateways[number].suspend()
            try await Task.sleep(for: time)
            gateways[number].resume()
        case .replaceGateways: try await replaceGateways()
        case .cutSubscriptions: try redis.onPrimaries(["CLIENT", "KILL", "TYPE", "pubsub"])
        case .cutCommands: try redis.onPrimaries(["CLIENT", "KILL", "TYPE", "normal"])
        case .flushScripts: try redis.onPrimaries(["SCRIPT", "FLUSH"])
        case .outOfMemory(let time):
            try redis.onPrimaries(["CONFIG", "SET", "maxmemory", "1"])
            try await Task.sleep(for: time)
            try redis.onPrimaries(["CONFIG", "SET", "maxmemory", "0"])
        case .refuseWrites(let time):
            try redis.setRefusing(true)
            try await Task.sleep(for: time)
            try redis.setRefusing(false)
        case .failOver(let cause): return try await redis.failOver(cause, promoted: healed)
        case .moveSlots(let partitions): try await redis.move(partitions)
        case .killRedis, .restartRedis, .suspendRedis, .fillDisk, .cutPower:
            guard let server = redis.server else { throw ChaosError("\(fault) is for one Redis.") }
            try await endure(fault, on: server)
        case .cutProxy, .swallow, .delay, .losePublications, .loseAllPublications, .deafen:
            guard let proxy else { throw ChaosError("\(fault) needs a proxy.") }
            try await endure(fault, on: proxy)
        case .cutClients, .changeNetworks, .stopReading, .stayAway: break
        }
        if fault.isOutage { try await healed() }
    }

    private func endure(_ fault: Fault, on server: RedisServer) async throws {
        switch fault {
        case .killRedis(let time):
            try server.kill()
            try await Task.sleep(for: time)
            try await server.restart()
        case .restartRedis(let time):
            try server.terminate()
            try await Task.sleep(for: time)
            try await server.restart()
        case .suspendRedis(let time):
            try server.suspend()
            try await Task.sleep(for: time)
            try server.resume()
        case .fillDisk(let time):
            try server.setDiskFull(true)
            try await Task.sleep(for: time)
            // One that syncs every write ends rather than go on without its file.
            if server.isRunning { try server.setDiskFull(false) } else { try await server.restart() }
        case .cutPower(let unsynced):
            let synced = try server.journalSize()
            try await Task.sleep(for: unsynced)
            try server.kill()
            for gateway in gateways { gateway.kill() }
            try server.cutJournal(to: synced)
            try await server.restart()
            for number in gateways.indices { try await startGateway(number) }
        default: break
        }
    }

    private func endure(_ fault: Fault, on proxy: FaultProxy) async throws {
        switch fault {
        case .cutProxy: try await proxy.cut()
        case .swallow(let time):
            try await proxy.change { $0.swallows = true }
            try await Task.sleep(for: time)
            try await proxy.change { $0.swallows = false }
            try await proxy.cut()
        case .delay(let milliseconds, let time):
            try await proxy.change { $0.delay = .milliseconds(Int64(milliseconds)) }
            try await Task.sleep(for: time)
            try await proxy.change { $0.delay = .zero }
        case .losePublications(let share): try await proxy.change { $0.loss = .perMille(share) }
        case .loseAllPublications(let time):
            try await proxy.change { $0.loss = .allButTicks }
            try await Task.sleep(for: time)
            try await proxy.change { $0.loss = .none }
        case .deafen: try await proxy.change { $0.deafened += 1 }
        default: break
        }
    }

    private func startGateway(_ number: Int) async throws {
        try await gateways[number].start()
        try await gateways[number].waitUntilReady()
    }

    private func endGateway(_ number: Int) async throws {
        let code = try await gateways[number].terminate()
        guard code == 0 else { throw ChaosError("A gateway ended with \(code) after SIGTERM.") }
    }

    /// As a rollout does that loses nobody twice: new ones first, then the old ones in turn.
    private func replaceGateways() async throws {
        let old = gateways.indices.filter { gateways[$0].isRunning }
        let new = gateways.indices.filter { !gateways[$0].isRunning }
        for number in new { try await startGateway(number) }
        // Until the edge has seen them.
        try await Task.sleep(for: .seconds(2))
        for number in old { try await endGateway(number) }
    }
}
