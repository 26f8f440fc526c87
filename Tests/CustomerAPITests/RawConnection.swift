import Foundation
import Testing

/// A plain TCP connection, for bytes that no HTTP client would send.
///
/// It blocks, so it does so on threads of Dispatch: those of Swift's pool are what the program under test runs on.
final class RawConnection: Sendable {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(descriptor) }

    func write(_ text: String) async { await write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) async {
        await blocking { [descriptor] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { return }
                sent += count
            }
        }
    }

    /// One answer: head and body, by its Content-Length. Empty when the connection was closed.
    func readAnswer() async -> (head: String, body: String) {
        await blocking { [descriptor] in
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
                guard recv(descriptor, &byte, 1, 0) == 1 else { break }
                bytes.append(byte)
            }
            let head = String(decoding: bytes, as: UTF8.self)
            let length = head.split(whereSeparator: \.isNewline).map { $0.lowercased() }
                .first { $0.hasPrefix("content-length:") }?.split(separator: ":").last.flatMap {
                    Int($0.trimmingCharacters(in: .whitespaces))
                }
            var body: [UInt8] = []
            while body.count < length ?? 0, recv(descriptor, &byte, 1, 0) == 1 { body.append(byte) }
            return (head, String(decoding: body, as: UTF8.self))
        }
    }

    /// What comes, at most so much; 0 when the connection was closed.
    func readBytes(atMost count: Int) async -> Int {
        await blocking { [descriptor] in
            var bytes = [UInt8](repeating: 0, count: count)
            return max(0, recv(descriptor, &bytes, count, 0))
        }
    }

    /// Whether the other side has closed.
    func isClosed() async -> Bool {
        await blocking { [descriptor] in
            var byte: UInt8 = 0
            return recv(descriptor, &byte, 1, 0) <= 0
        }
    }
}

/// Runs `work` where it may block.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: work()) }
    }
}

/// Lets a few through at a time: each program under test has a Redis and connections of its own.
actor Turnstile {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(places: Int) { free = places }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
