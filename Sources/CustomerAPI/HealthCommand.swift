import ArgumentParser
import Glibc

/// `customer-api health`: for containers without curl.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask GET /health of the program on this machine; exit code 0 if it is alive.",
        discussion: "It asks 127.0.0.1 at PORT and waits 2 seconds at most."
    )

    func run() async throws {
        let port = try Configuration.fromEnvironment().port
        guard let status = statusLine(of: "/health", port: UInt16(port)), status.contains(" 200 ") else {
            throw StartError("No answer from customer-api on port \(port).")
        }
    }

    /// One request over a plain blocking socket.
    private func statusLine(of path: String, port: UInt16) -> String? {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        let limitBytes = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, limitBytes)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, limitBytes)

        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".utf8)
        guard isConnected, send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            return nil
        }
        var answer = [UInt8](repeating: 0, count: 256)
        let count = recv(socket, &answer, answer.count, 0)
        guard count > 0 else { return nil }
        return String(decoding: answer[..<count].prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }
}
