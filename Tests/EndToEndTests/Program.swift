import Foundation
import RedisFixture

/// A program started by a test. It dies with the test process.
///
/// Standard output and standard error go to one file.
// @unchecked: `process` is set up before `init` returns; after that only its thread-safe parts are used
// (`processIdentifier`, `isRunning`, and the input's file handle, each write of which is one system call).
final class Program: @unchecked Sendable {
    let name: String
    let outputFile: URL
    private let process = Process()
    private let input = Pipe()
    private let exitCode = Watched<Int32?>(nil)

    /// - Parameters:
    ///   - program: a path, or a name to look for in PATH.
    ///   - environment: added to this process's own.
    ///   - output: a new temporary file if `nil`.
    ///   - deathSignal: what it gets when the test process ends: TERM for `deploy/run`, to take its children along.
    init(
        _ program: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        output: URL? = nil,
        deathSignal: String = "KILL"
    ) throws {
        name = URL(fileURLWithPath: program).lastPathComponent
        outputFile = output ?? Program.temporaryFile("output")
        guard FileManager.default.createFile(atPath: outputFile.path, contents: nil) else {
            throw EndToEndError("Cannot write \(outputFile.path).")
        }
        let handle = try FileHandle(forWritingTo: outputFile)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["setpriv", "--pdeathsig", deathSignal, program] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput = handle
        process.standardError = handle
        process.terminationHandler = { [exitCode] process in
            // As a shell has it: 128 and the signal's number.
            let status = process.terminationStatus
            exitCode.update { $0 = process.terminationReason == .exit ? status : 128 + status }
        }
        _ = Program.ignoresBrokenPipes
        try SpawningThread.shared.run { try self.process.run() }
        try handle.close()
    }

    /// A file of `/proc` about it, such as `cmdline`. Such files have no length, so they are read to their end.
    func read(_ file: String) throws -> Data { try Self.read(file, of: processID) }

    static func read(_ file: String, of process: Int32) throws -> Data {
        let handle = try FileHandle(forReadingFrom: URL(filePath: "/proc/\(process)/\(file)"))
        defer { try? handle.close() }
        return try handle.readToEnd() ?? Data()
    }

    var processID: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    func send(_ signal: Int32) { Foundation.kill(process.processIdentifier, signal) }

    /// Its exit code; 128 and the number of the signal that ended it.
    func exit(timeout: Duration = .seconds(60)) async throws -> Int32 {
        try await exitCode.wait(for: "the end of \(name)", timeout: timeout) { $0 }
    }

    /// SIGKILL, and its end.
    func kill() async throws {
        send(SIGKILL)
        _ = try await exit()
    }

    func write(line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
    }

    func closeInput() throws { try input.fileHandleForWriting.close() }

    var output: String {
        String(decoding: (try? Data(contentsOf: outputFile)) ?? Data(), as: UTF8.self)
    }

    /// Waits for a line of its output. Fails at once when it has ended without one.
    @discardableResult
    func line(
        containing text: String,
        timeout: Duration = .seconds(30)
    ) async throws -> String {
        let deadline = ContinuousClock.now + timeout
        while true {
            let isOver = !isRunning
            if let line = output.split(separator: "\n").first(where: { $0.contains(text) }) { return String(line) }
            guard !isOver, ContinuousClock.now < deadline else {
                throw EndToEndError(
                    "\(name) \(isOver ? "ended" : "went on") without saying \(text):\n\(output.suffix(3000))"
                )
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Runs a program to its end.
    static func run(
        _ program: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        input: String? = nil,
        timeout: Duration = .seconds(60)
    ) async throws -> (exitCode: Int32, output: String) {
        let started = try Program(program, arguments, environment: environment)
        defer { try? FileManager.default.removeItem(at: started.outputFile) }
        if let input { try started.input.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try started.closeInput()
        do {
            let code = try await started.exit(timeout: timeout)
            return (code, started.output)
        } catch {
            started.send(SIGKILL)
            throw error
        }
    }

    static func temporaryFile(_ name: String) -> URL {
        URL(fileURLWithPath: "/tmp/e2e-\(UUID().uuidString.prefix(8).lowercased())-\(name)")
    }

    /// Writing to a program that has ended is an error here, not the end of the test process.
    private static let ignoresBrokenPipes: Bool = {
        signal(SIGPIPE, SIG_IGN)
        return true
    }()
}
