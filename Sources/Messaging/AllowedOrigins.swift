import NIOCore

/// The web pages that may talk to us: the setting `ALLOWED_ORIGINS`.
///
/// A browser says in `Origin` which page makes a request, and no page can change that. Programs that are no browser may say
/// what they like and mostly say nothing, so this keeps foreign pages from using their visitors' browsers, and nobody else out.
///
/// Source: RFC 6454 §6.1 for how an origin is written; RFC 6455 §10.2.
package struct AllowedOrigins: Equatable, Sendable {
    /// Every page.
    package static let any = AllowedOrigins(origins: nil)

    private let origins: Set<String>?

    private init(origins: Set<String>?) { self.origins = origins }

    /// - Parameter setting: Origins with commas between: `https://shop.example.com,http://localhost:3000`. Empty: all. Compared
    ///   whole, so subdomains, other ports and `http` for `https` are other origins. A scheme's own port may stand there.
    /// - Throws: For the first entry that is no origin.
    package init(_ setting: String) throws(InvalidSetting) {
        guard !setting.isEmpty else {
            self = .any
            return
        }
        var origins: Set<String> = []
        for entry in setting.split(separator: ",", omittingEmptySubsequences: false) {
            origins.insert(try Self.origin(String(entry.trimmingSpaces)))
        }
        self.init(origins: origins)
    }

    package var areAny: Bool { origins == nil }

    /// - Parameter values: Those of all `Origin` headers. None: not a browser's page, allowed. Several: nobody's, not allowed,
    ///   unless all are.
    package func allow(_ values: [some StringProtocol]) -> Bool {
        guard let origins else { return true }
        return values.isEmpty || values.count == 1 && origins.contains(String(values[0]))
    }

    /// As browsers write it.
    private static func origin(_ entry: String) throws(InvalidSetting) -> String {
        func refuse(_ hint: String) -> InvalidSetting {
            InvalidSetting(
                value: entry,
                expected: "exact origins with commas between, such as https://shop.example.com,http://localhost:3000 "
                    + "(\(hint))"
            )
        }
        let text = entry.lowercased()
        guard text != "*" else { throw refuse("for all origins, leave it unset") }
        guard text != "null" else { throw refuse("null is the origin of any file and any sandboxed frame") }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw refuse("no spaces, and other signs than ASCII as browsers send them: xn--…")
        }
        guard let colon = text.firstRange(of: "://") else { throw refuse("begin with https:// or http://") }
        let scheme = text[..<colon.lowerBound]
        let letters = scheme.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || "+-.".utf8.contains($0)
        }
        guard letters, scheme.utf8.first.map({ $0 >= UInt8(ascii: "a") }) == true else {
            throw refuse("begin with https:// or http://")
        }
        let authority = text[colon.upperBound...]
        guard !authority.contains(where: { "/?#".contains($0) }) else {
            throw refuse("nothing after the host and the port, not even /")
        }
        guard !authority.contains(where: { "*@,\\".contains($0) }) else {
            throw refuse("no wildcards and no user: list each host")
        }
        var (host, port) = (authority, "")
        // IPv6 stands in brackets, with colons of its own.
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[authority.index(after: colon)...]
            guard let number = UInt16(digits), number > 0, digits == "\(number)" else {
                throw refuse("a port is a number from 1 to 65535")
            }
            host = authority[..<colon]
            let isSchemesOwn = scheme == "https" && number == 443 || scheme == "http" && number == 80
            if !isSchemesOwn { port = ":\(number)" }
        }
        guard !host.isEmpty else { throw refuse("a host after ://") }
        guard let name = name(of: host) else {
            throw refuse("a host is letters, digits, hyphens and dots, or an IPv6 address in brackets")
        }
        return "\(scheme)://\(name)\(port)"
    }

    /// As browsers write it: an IPv6 address as short as it can be. `nil` for what is no host.
    private static func name(of host: Substring) -> String? {
        if host.hasPrefix("["), host.hasSuffix("]"), !host.contains("%"),
            let address = try? SocketAddress(ipAddress: String(host.dropFirst().dropLast()), port: 0),
            address.protocol == .inet6
        {
            return address.ipAddress.map { "[\($0)]" }
        }
        let isNumber = host.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
        }
        let isName = host.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || "-._".utf8.contains($0)
        }
        guard isName, !isNumber || NetworkAddress(host) != nil else { return nil }
        return String(host)
    }
}
