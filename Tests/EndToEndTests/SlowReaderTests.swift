import Foundation
import Testing

@Suite("Clients that do not read", .serialized)
struct SlowReaderTests {
    private static let readers = 40
    private static let conversations = 24

    @Test(
        "Each holds little of the gateway's memory and is closed with 4008; others go on, and all comes on the next connection"
    )
    func bounded() async throws {
        try await DirectStack.run(settings: ["SLOW_READER_SECONDS": "8"]) { direct in
            let stack = direct.stack
            let content = String(repeating: "x", count: 60_000)
            for _ in 0..<Self.conversations {
                let token = try await stack.newCustomer().token
                for _ in 0..<10 {
                    _ = try await stack.demand(
                        "POST",
                        "/api/v1/messages",
                        token: token,
                        json: #"{"content":"\#(content)"}"#
                    )
                }
            }
            let agent = try await stack.newAgent()
            let pair = try await stack.conversation(customerOn: 0, agentOn: 0)
            let before = try direct.gateway(0).residentKilobytes()
            // All these conversations wait, so each connection of an agent is given all of them: 14 MB.
            var readers: [WebSocketClient] = []
            for _ in 0..<Self.readers {
                let reader = try await stack.connect(agent.token, gateway: 0, dialect: .full)
                try await reader.stopReading()
                readers.append(reader)
            }
            var peak = 0
            for number in 0..<30 {
                try await pair.talk("\(number)")
                peak = max(peak, try direct.gateway(0).residentKilobytes() - before)
                try await Task.sleep(for: .milliseconds(100))
            }
            print("\(Self.readers) clients that do not read hold \(peak) kB")
            #expect(peak < Self.readers * 256 + 8 * 1024)

            // Who talks is all that is left.
            while true {
                let gateways = try await stack.demand("GET", "/api/v1/status", token: agent.token)["gateways"].array
                let first = gateways.first { $0["id"].string?.hasPrefix("gateway-1") == true }
                if let connections = first?["connections"].int, connections <= 2 { break }
                try await Task.sleep(for: .milliseconds(200))
            }
            // The close frame is behind what the client has not read, and the gateway waits 5 s for the client's.
            for reader in readers { try await reader.resumeReading() }
            // Whoever comes later than that is cut off without having seen it.
            var codes: Set<Int> = []
            for reader in readers { codes.insert(try await reader.closing(timeout: .seconds(60)).code) }
            #expect(codes.contains(4008))
            #expect(codes.isSubset(of: [4008, 1006]))
            try await pair.talk("still here")

            let back = try await stack.connect(agent.token, gateway: 1, dialect: .full)
            var seen: [String: [Int]] = [:]
            for _ in 0..<Self.conversations * 10 {
                let message = try await back.next("a message", timeout: .seconds(60)) {
                    $0.type == "message" && $0.content.count == 60_000
                }
                seen[message.conversation, default: []].append(message.json["seq"].int ?? 0)
            }
            #expect(seen.count == Self.conversations)
            #expect(seen.values.allSatisfy { $0 == Array(1...10) })
        }
    }
}
