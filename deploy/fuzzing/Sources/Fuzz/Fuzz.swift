import CFuzzer
import Glibc

/// One kind of input. `run` ends the process where an input shows that a promise is broken; libFuzzer then keeps the input.
protocol FuzzTarget {
    static func run(_ input: UnsafeRawBufferPointer)
}

/// `Fuzz TARGET [what libFuzzer takes]`. deploy/fuzz calls it.
@main
enum Fuzz {
    private static let targets: [(name: String, target: any FuzzTarget.Type)] = [
        ("websocket", WebSocketTarget.self), ("client-message", ClientMessageTarget.self), ("redis", RedisTarget.self),
        ("address", AddressTarget.self), ("request", RequestTarget.self),
    ]

    /// libFuzzer calls a C function, which can hold nothing.
    nonisolated(unsafe) private static var target: any FuzzTarget.Type = WebSocketTarget.self

    static func main() {
        guard let chosen = targets.first(where: { $0.name == CommandLine.arguments.dropFirst().first }) else {
            print(targets.map(\.name).joined(separator: "\n"))
            exit(CommandLine.argc > 1 ? 2 : 0)
        }
        target = chosen.target
        // libFuzzer sees the arguments without the target.
        var count = CommandLine.argc - 1
        let all = CommandLine.unsafeArgv
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = all + 1
        all[1] = all[0]
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
                Fuzz.target.run(UnsafeRawBufferPointer(start: bytes, count: count))
                return 0
            }
        )
    }
}
