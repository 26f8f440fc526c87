import Foundation

/// A program started by a test, which dies with the test process.
///
/// Foundation's `Process`, started from one thread that never ends and, where there is one, behind
/// `setpriv --pdeathsig KILL`: the kernel sends that signal when the *thread* that started the child ends, so a thread
/// of a pool will not do.
// @unchecked: `process` is started on the spawning thread before `init` returns; after that only its thread-safe parts
// (`isRunning`, `processIdentifier`, `waitUntilExit`) are used.
final class ChildProcess: @unchecked Sendable {
    private let process = Process()
    private let outputPipe: Pipe?

    /// - Parameter program: Looked for in PATH.
    init(_ program: String, _ arguments: [String], capturesOutput: Bool) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let guardian = ChildProcess.hasSetpriv ? ["setpriv", "--pdeathsig", "KILL"] : []
        process.arguments = guardian + [program] + arguments
        process.standardInput = FileHandle.nullDevice
        outputPipe = capturesOutput ? Pipe() : nil
        process.standardOutput = outputPipe ?? FileHandle.nullDevice
        process.standardError = outputPipe ?? FileHandle.nullDevice
        try SpawningThread.shared.run { try self.process.run() }
    }

    var isRunning: Bool { process.isRunning }
    var processID: Int32 { process.processIdentifier }

    func waitUntilExit() { process.waitUntilExit() }

    func send(_ signal: Int32) {
        Foundation.kill(process.processIdentifier, signal)
    }

    /// SIGKILL, and waits for the end. Also ends a suspended one.
    func kill() {
        send(SIGKILL)
        process.waitUntilExit()
    }

    /// What it printed, standard error included, once it has ended.
    func output() throws -> String {
        let data = try outputPipe?.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    private static let hasSetpriv = FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
}

/// A thread that lives as long as the test process and starts all its children.
// @unchecked: `jobs` is guarded by `condition`.
package final class SpawningThread: @unchecked Sendable {
    package static let shared = SpawningThread()

    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []

    private init() {
        Thread.detachNewThread { self.work() }
    }

    private func work() {
        // A thread has its creator's signal mask, and a child its starter's. Threads of Swift's pool block all signals, and
        // a child with SIGTERM blocked could not be stopped in order.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        while true {
            condition.lock()
            while jobs.isEmpty { condition.wait() }
            let job = jobs.removeFirst()
            condition.unlock()
            job()
        }
    }

    /// Runs `body` on the thread and waits for it.
    package func run(_ body: @escaping @Sendable () throws -> Void) throws {
        // Guarded by `done`: written before its signal, read after its wait.
        nonisolated(unsafe) var failure: (any Error)?
        let done = DispatchSemaphore(value: 0)
        condition.lock()
        jobs.append {
            do { try body() } catch { failure = error }
            done.signal()
        }
        condition.signal()
        condition.unlock()
        done.wait()
        if let failure { throw failure }
    }
}
