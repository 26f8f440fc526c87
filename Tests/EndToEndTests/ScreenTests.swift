import Foundation
import Testing

/// The two screens, the customer's widget and the agents' console, in a headless Chromium.
///
/// The stories are JavaScript, in `Screens/stories/`; `Screens/story.js` says how to write one. They share a system, whose
/// gateways they may kill, and a Chromium. Their screenshots are in `SCREENS_FOLDER`, or `.build/screens`.
@Suite("Screens", .screenStage)
struct ScreenTests {
    @Test("The story goes well", arguments: Story.all)
    func story(_ story: Story) async throws {
        let stage = try #require(ScreenStage.current)
        let (code, output) = try await stage.play(story)
        #expect(code == 0, "\(output)")
    }
}

/// A file of `Screens/stories/`.
struct Story: Sendable, CustomTestStringConvertible {
    let name: String
    /// Its place among all.
    let number: Int
    /// Nothing else may be played at the same time: it kills gateways, or fills all lists.
    let isAlone: Bool

    var testDescription: String { name }

    /// By name.
    static let all: [Story] = {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "js" }.sorted { $0.path < $1.path }.enumerated().map { number, file in
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            return Story(
                name: file.deletingPathExtension().lastPathComponent,
                number: number,
                isAlone: ["needsGateways", "alone"].contains { text.contains("exports.\($0) = true") }
            )
        }
    }()

    private static let folder = ScreenStage.scripts.appendingPathComponent("stories")
}

/// What the stories need: a system of their own, somebody who starts its gateways again, and a Chromium.
final class ScreenStage: Sendable {
    @TaskLocal static var current: ScreenStage?

    static let scripts = Repository.endToEndTests.appendingPathComponent("Screens")
    static let screenshots =
        ProcessInfo.processInfo.environment["SCREENS_FOLDER"].map { URL(fileURLWithPath: $0) }
        ?? Repository.root.appendingPathComponent(".build/screens")

    private let direct: DirectStack
    private let folder: URL
    private let browserURL: String
    private let turns = Watched(Turns())

    private var pidFile: URL { folder.appendingPathComponent("gateways.json") }
    private var tokenFile: URL { folder.appendingPathComponent("tokens") }

    private init(direct: DirectStack, folder: URL, browserURL: String) {
        self.direct = direct
        self.folder = folder
        self.browserURL = browserURL
    }

    /// Starts one, runs `body` with it as the current one, and stops it.
    static func run(_ body: @Sendable () async throws -> Void) async throws {
        let folder = Program.temporaryFile("screens")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        removeOldScreenshots()
        let browser = try Program(
            "node",
            [scripts.appendingPathComponent("browser.js").path],
            environment: ["NODE_PATH": NodeProgram.modules],
            output: folder.appendingPathComponent("browser.log")
        )
        defer { browser.send(SIGTERM) }
        let browserURL = try await browser.line(containing: "ws://", timeout: .seconds(120))
        try await DirectStack.run { direct in
            let stage = ScreenStage(direct: direct, folder: folder, browserURL: browserURL)
            try stage.writePIDs()
            let keeper = Task { try await stage.keepGatewaysRunning() }
            defer { keeper.cancel() }
            try await $current.withValue(stage) { try await body() }
            stage.rememberTokens()
        }
    }

    /// Pictures only: the folder may be anybody's.
    private static func removeOldScreenshots() {
        let files =
            (try? FileManager.default.contentsOfDirectory(at: screenshots, includingPropertiesForKeys: nil)) ?? []
        for file in files where file.pathExtension == "png" { try? FileManager.default.removeItem(at: file) }
    }

    /// Plays a story when its turn has come, and returns the player's exit code and output.
    func play(_ story: Story) async throws -> (exitCode: Int32, output: String) {
        try await turns.wait(for: "the turn of \(story.name)", timeout: .seconds(1800)) { $0.start(story) ? () : nil }
        defer { turns.update { $0.end(story) } }
        let admin = direct.stack.admin
        return try await Program.run(
            "node",
            [
                Self.scripts.appendingPathComponent("run.js").path, "--only", story.name, "--browser", browserURL,
                "--base", "http://127.0.0.1:\(direct.stack.edgePort)", "--gateways", pidFile.path,
                "--tokens", tokenFile.path, "--shots", Self.screenshots.path,
            ],
            environment: [
                "NODE_PATH": NodeProgram.modules, "ADMIN_LOGIN": admin.login, "ADMIN_PASSWORD": admin.password,
            ],
            timeout: .seconds(300)
        )
    }

    /// Which stories are being played: they begin in their order, a few at a time.
    private struct Turns: Sendable {
        private var next = 0
        private var count = 0
        private var isAlone = false

        /// A story waits much, for timers and for the network; three keep two cores busy.
        private static let most = 3

        mutating func start(_ story: Story) -> Bool {
            guard story.number == next, !isAlone, count < (story.isAlone ? 1 : Self.most) else { return false }
            next += 1
            count += 1
            isAlone = story.isAlone
            return true
        }

        mutating func end(_ story: Story) {
            count -= 1
            if story.isAlone { isAlone = false }
        }
    }

    /// Starts gateways again that stories have killed.
    private func keepGatewaysRunning() async throws {
        while true {
            try await Task.sleep(for: .milliseconds(50))
            let ended = (0..<2).filter { !direct.gateway($0).isRunning }
            guard !ended.isEmpty else { continue }
            for number in ended { try direct.startGateway(number) }
            // Fails when the other one is killed meanwhile: the next round starts that.
            guard (try? await direct.waitUntilReady()) != nil else { continue }
            try writePIDs()
        }
    }

    private func writePIDs() throws {
        let pids = (0..<2).map { "\(direct.gateway($0).processID)" }.joined(separator: ",")
        try Data(#"{"pids":[\#(pids)]}"#.utf8).write(to: pidFile, options: .atomic)
    }

    /// What the stories and their pages were given may not be in a log either.
    private func rememberTokens() {
        let tokens = (try? String(contentsOf: tokenFile, encoding: .utf8)) ?? ""
        for token in tokens.split(separator: "\n") { direct.stack.remember(String(token)) }
    }
}

/// Gives a suite a ``ScreenStage``.
struct ScreenStageTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await ScreenStage.run(function)
    }
}

extension Trait where Self == ScreenStageTrait {
    static var screenStage: Self { Self() }
}
