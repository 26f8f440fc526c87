import Foundation
import Synchronization

/// Loopback ports for a system under test.
///
/// Below the range from which Linux takes the local ports of outgoing connections (32768 on), so that no connection of
/// a test running beside takes one between the choice and its use.
enum Ports {
    private static let first = 20_000
    private static let blocks = 750
    private static let size = 16
    private static let next = Mutex(Int.random(in: 0..<blocks))

    /// The first of 16 ports in a row, the first eight of which nobody listens on.
    static func freeBlock() throws -> Int {
        for _ in 0..<blocks {
            let block = next.withLock { next in
                next = (next + 1) % blocks
                return first + next * size
            }
            if (block..<(block + 8)).allSatisfy(isFree) { return block }
        }
        throw EndToEndError("There are no free ports on 127.0.0.1.")
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        // All addresses: a program that listens on 0.0.0.0 is in the way, too.
        address.sin_addr.s_addr = 0
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
