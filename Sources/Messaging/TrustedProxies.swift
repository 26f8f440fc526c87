package import NIOCore

/// Whose word counts on where a request comes from: the setting `TRUSTED_PROXIES`.
///
/// A proxy tells in `X-Forwarded-For` whose request it passes on. A client may write that header too, so it is believed only
/// from an address of this list, and from a unix socket, which only this machine has. The list is of numbers: a name may come
/// to mean another address at any time.
///
/// The default is this machine and the private networks (RFC 1918, RFC 4193), because there an edge's address changes with
/// every start (containers) or is not known beforehand. Nobody on the internet has such an address, so nobody there can pretend
/// to be somebody else, whether the edge is reached (which overwrites the header) or a program directly. Who may: clients in
/// private networks of ours, where they reach a program without the edge, or by a proxy that adds to the header instead of
/// overwriting it. Who has such clients and does not trust them lists the proxies' own addresses.
package struct TrustedProxies: Equatable, Sendable {
    package static let defaultSetting =
        "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    /// This machine and the private networks.
    package static let standard = TrustedProxies(
        nets: defaultSetting.split(separator: ",").compactMap { AddressNet($0) }
    )
    /// Only who comes by a unix socket.
    package static let none = TrustedProxies(nets: [])

    private let nets: [AddressNet]

    private init(nets: [AddressNet]) { self.nets = nets }

    /// - Parameter setting: Addresses and nets with commas between, `10.0.0.7,2001:db8::/32`; or `none`.
    /// - Throws: For the first entry that is neither.
    package init(_ setting: String) throws(InvalidSetting) {
        if setting == "none" {
            self = .none
            return
        }
        var nets: [AddressNet] = []
        for entry in setting.split(separator: ",", omittingEmptySubsequences: false) {
            let entry = entry.trimmingSpaces
            guard let net = AddressNet(entry) else {
                throw InvalidSetting(
                    value: String(entry),
                    expected: "addresses and nets with commas between, such as 10.0.0.7,172.16.0.0/12,2001:db8::/32 "
                        + "(no names, no ports, and past a net's bits only zeros), or none"
                )
            }
            nets.append(net)
        }
        self.nets = nets
    }

    /// Where a request comes from: the address nearest to us that no trusted proxy has.
    ///
    /// - Parameters:
    ///   - peer: Who is connected to us; `nil` and a unix socket count as trusted.
    ///   - forwardedFor: The values of all `X-Forwarded-For` headers, in their order. A proxy adds to the end, so they are read
    ///     from there, as long as who wrote an entry is trusted. An entry that is no address ends it: it is of no use, and what
    ///     stands before it may be anybody's. Ports are ignored.
    /// - Returns: ``NetworkAddress/loopback`` for who comes by a unix socket without the header.
    package func client(peer: SocketAddress?, forwardedFor: [some StringProtocol]) -> NetworkAddress {
        let peer = peer.flatMap(NetworkAddress.init)
        var client = peer ?? .loopback
        if let peer, !trusts(peer) { return client }
        for value in forwardedFor.reversed() {
            for entry in value.split(separator: ",").reversed() {
                guard let address = Self.address(in: entry) else { return client }
                client = address
                guard trusts(client) else { return client }
            }
        }
        return client
    }

    private func trusts(_ address: NetworkAddress) -> Bool { nets.contains { $0.contains(address) } }

    /// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]:443`, with spaces around.
    private static func address(in entry: some StringProtocol) -> NetworkAddress? {
        let entry = entry.trimmingSpaces
        // A longest address and a port; what is longer is not worth a look.
        guard entry.utf8.count <= 56 else { return nil }
        if entry.utf8.first == UInt8(ascii: "["), let end = entry.firstIndex(of: "]") {
            return NetworkAddress(entry[entry.index(after: entry.startIndex)..<end])
        }
        if let address = NetworkAddress(entry) { return address }
        // An IPv6 address with a port but without brackets is none.
        return entry.firstIndex(of: ":").flatMap { NetworkAddress(entry[..<$0]) }
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmingSpaces: SubSequence {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        var text = self[...].drop(while: isSpace)
        while let last = text.last, isSpace(last) { text = text.dropLast() }
        return text
    }
}
