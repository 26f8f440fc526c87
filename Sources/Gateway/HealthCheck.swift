import Glibc

/// Asks a running gateway on this machine whether it is alive: what `gateway health`, and so a container's health check,
/// does. Plain blocking sockets, so that it costs nothing to start.
enum HealthCheck {
    /// How long the connection, and each read and write, may take.
    private static let timeout = timeval(tv_sec: 3, tv_usec: 0)

    /// - Parameter host: as the gateway's `HOST`; an address that means "any" is asked on the loopback.
    /// - Returns: Whether `GET /health` was answered with 200.
    static func isHealthy(host: String, port: Int) -> Bool {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let name = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        guard getaddrinfo(name, String(port), &hints, &found) == 0, let address = found else { return false }
        defer { freeaddrinfo(found) }

        let descriptor = socket(address.pointee.ai_family, address.pointee.ai_socktype, address.pointee.ai_protocol)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var timeout = timeout
        for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }
        guard connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else { return false }
        let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        guard send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
            return false
        }
        let expected = Array("HTTP/1.1 200 ".utf8)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while answer.count < expected.count {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            answer += buffer[..<count]
        }
        return answer.starts(with: expected)
    }
}
