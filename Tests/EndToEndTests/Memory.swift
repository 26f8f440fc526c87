import Foundation

extension Program {
    /// Its memory.
    func residentKilobytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
}

extension DirectStack {
    /// The memory of each part, in kB: what `customer-api`, `edge` and `gateway-1` … have resident, and what `redis` says that
    /// its data and clients take (`used_memory`). A gateway that does not run is left out.
    func memoryKilobytes() throws -> [String: Int] {
        var memory = [
            "customer-api": try customerAPI.residentKilobytes(), "edge": try edge.residentKilobytes(),
        ]
        for (number, gateway) in runningGateways { memory["gateway-\(number + 1)"] = try gateway.residentKilobytes() }
        let line = try redis.command("INFO", "memory").split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("used_memory:") }
        guard let bytes = line.flatMap({ Int($0.dropFirst("used_memory:".count)) }) else {
            throw EndToEndError("Redis does not say what memory it uses.")
        }
        memory["redis"] = bytes / 1024
        return memory
    }
}
