import Foundation

/// JavaScript of the guide, running in Node with what a browser would bring, and told what to do from outside.
///
/// The program is the sample as it is, then a loop that evaluates each line of its input in the sample's own scope: so
/// a test can call the sample's functions as the page around it would.
final class NodeProgram: Sendable {
    private let program: Program
    private let folder: URL

    /// - Parameters:
    ///   - prelude: a file of `Harness/` that is loaded first.
    init(_ source: String, prelude: String) throws {
        folder = Program.temporaryFile("node")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let script = folder.appendingPathComponent("sample.js")
        let loop = """

            require('readline').createInterface({ input: process.stdin })
              .on('line', (line) => eval(JSON.parse(line)))
              .on('close', () => process.exit(0));
            """
        try (source + "\n" + loop).write(to: script, atomically: true, encoding: .utf8)
        program = try Program(
            "node",
            ["--require", Repository.endToEndTests.appendingPathComponent("Harness/\(prelude)").path, script.path],
            environment: ["NODE_PATH": Self.modules],
            output: folder.appendingPathComponent("output")
        )
    }

    deinit {
        program.send(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    /// Where Debian has Node's modules; what the environment says comes first.
    static let modules = [ProcessInfo.processInfo.environment["NODE_PATH"], "/usr/share/nodejs"]
        .compactMap { $0 }.joined(separator: ":")

    /// Runs code in the sample's scope.
    func run(_ code: String) throws { try program.write(line: code.jsonLiteral) }

    /// Waits for a line that the sample prints.
    @discardableResult
    func line(containing text: String) async throws -> String { try await program.line(containing: text) }

    var output: String { program.output }

    func send(_ signal: Int32) { program.send(signal) }
}
