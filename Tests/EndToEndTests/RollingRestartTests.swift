import Foundation
import Testing

/// All gateways are replaced while everybody talks, as README.md describes it.
@Suite("A rolling restart", .serialized)
struct RollingRestartTests {
    private static let gateways = 3
    private static let customers = 30

    @Test(
        "New gateways first, then SIGUSR1 to all old ones, then SIGTERM one by one: each client moves once, nothing is lost"
    )
    func once() async throws {
        try await DirectStack.run(settings: ["DRAIN_TIMEOUT": "6"], gateways: Self.gateways, spares: Self.gateways) {
            direct in
            let stack = direct.stack
            let agent = try await stack.newAgent(role: "bot")
            var all: [Roamer] = []
            for number in 0..<Self.customers {
                let token = try await stack.newCustomer().token
                let hello = try await stack.demand(
                    "POST",
                    "/api/v1/messages",
                    token: token,
                    json: #"{"content":"hello"}"#
                )
                let conversation = hello["conversationId"].string ?? ""
                all.append(Roamer(stack, token, number % 2 == 0 ? .full : .guide, conversation))
            }
            let roamers = all
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for roamer in roamers { tasks.addTask { try await roamer.roam() } }
                for roamer in roamers {
                    _ = try await roamer.state.wait(for: "a connection") { $0.connections > 0 ? true : nil }
                }
                let isOver = Watched(false)
                let talk = Task { () -> Int in
                    var count = 0
                    // However slow the machine is, something is said before, meanwhile and after.
                    while !isOver.current || count < 3 {
                        for roamer in roamers {
                            try await Self.say("\(count)", in: roamer.conversation, as: agent, on: stack)
                        }
                        count += 1
                    }
                    return count
                }

                for number in Self.gateways..<2 * Self.gateways { try direct.startGateway(number) }
                try await direct.waitUntilReady()
                let old = (0..<Self.gateways).map(direct.gateway)
                for gateway in old { gateway.send(SIGUSR1) }
                for gateway in old { try await gateway.line(containing: "Retired") }
                for gateway in old {
                    gateway.send(SIGTERM)
                    #expect(try await gateway.exit() == 0)
                }
                // All have moved by now, or are about to.
                for roamer in roamers {
                    _ = try await roamer.state.wait(for: "the move") { $0.connections > 1 ? true : nil }
                }
                isOver.update { $0 = true }
                let said = try await talk.value
                #expect(said > 1)
                for roamer in roamers {
                    _ = try await roamer.state.wait(for: "the last message") {
                        $0.contents.last == "\(said - 1)" ? true : nil
                    }
                    #expect(roamer.state.current.contents == (0..<said).map { "\($0)" })
                }
                print(
                    "Messages to each of \(roamers.count): \(said); connections: \(roamers.map(\.state.current.connections))"
                )
                #expect(roamers.allSatisfy { $0.state.current.connections == 2 })
                tasks.cancelAll()
            }
        }
    }

    /// By REST, and again until it is stored.
    private static func say(
        _ content: String,
        in conversation: String,
        as agent: Stack.Agent,
        on stack: Stack
    ) async throws {
        let path = "/api/v1/conversations/\(conversation)/messages"
        let json = #"{"content":"\#(content)","clientMessageId":"\#(content)"}"#
        while try await stack.request("POST", path, token: agent.token, json: json).status != 200 {
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// A customer's client that comes back whenever it is sent away.
    private final class Roamer: Sendable {
        struct State: Sendable {
            var connections = 0
            /// What the agent said, each once.
            var contents: [String] = []
            var ids: Set<String> = []
        }

        let conversation: String
        let state = Watched(State())
        private let stack: Stack
        private let token: String
        private let dialect: WebSocketClient.Dialect

        init(_ stack: Stack, _ token: String, _ dialect: WebSocketClient.Dialect, _ conversation: String) {
            self.stack = stack
            self.token = token
            self.dialect = dialect
            self.conversation = conversation
        }

        func roam() async throws {
            while !Task.isCancelled {
                guard let socket = try? await stack.connect(token, dialect: dialect) else {
                    try? await Task.sleep(for: .milliseconds(200))
                    continue
                }
                state.update { $0.connections += 1 }
                var pause = Int.random(in: 0...1000)
                while !Task.isCancelled {
                    // A pause in the talk is no end of the connection.
                    let news = try? await socket.inbox.wait(for: "news", timeout: .seconds(1)) { inbox -> News? in
                        defer { inbox.texts = [] }
                        if !inbox.texts.isEmpty { return .texts(inbox.texts) }
                        return inbox.closing == nil ? nil : .end
                    }
                    guard let news else { continue }
                    guard case .texts(let texts) = news else { break }
                    for text in texts where text.type == "going_away" {
                        pause = text.json["retryAfterMs"].int ?? pause
                    }
                    take(texts)
                }
                try? await Task.sleep(for: .milliseconds(pause))
            }
        }

        private enum News: Sendable {
            case texts([WebSocketClient.Text])
            case end
        }

        private func take(_ texts: [WebSocketClient.Text]) {
            state.update { state in
                for text in texts where text.type == "" || text.type == "message" {
                    guard text.content != "hello", state.ids.insert(text.json["id"].string ?? "").inserted else {
                        continue
                    }
                    state.contents.append(text.content)
                }
            }
        }
    }
}
