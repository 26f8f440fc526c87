package import NIOCore

/// An IP address without a port: what clients are told apart by where they have shown nothing else yet.
///
/// IPv4 is kept as IPv6 has it (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2), so that a client that reaches a socket of either
/// family is the same client.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    /// The first eight of the 16 bytes, as a number in network order, and the last eight.
    let high: UInt64
    let low: UInt64

    /// 127.0.0.1: also who comes by a unix socket, which has no address, and is on this machine.
    package static let loopback = NetworkAddress(ipv4: 0x7F00_0001)

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    private init(ipv4: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4)) }

    /// - Parameter text: `192.0.2.1` or `2001:db8::1`. No port, no zone, no brackets.
    package init?(_ text: some StringProtocol) {
        // NIO takes a zone, `fe80::1%2`, which tells apart what is on this machine only.
        guard !text.utf8.contains(UInt8(ascii: "%")),
            let address = try? SocketAddress(ipAddress: String(text), port: 0)
        else { return nil }
        self.init(address)
    }

    /// - Returns: `nil` for a unix socket.
    package init?(_ address: SocketAddress) {
        switch address {
        case .v4(let address): self.init(ipv4: UInt32(bigEndian: address.address.sin_addr.s_addr))
        case .v6(let address):
            self = withUnsafeBytes(of: address.address.sin6_addr) {
                NetworkAddress(
                    high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
        case .unixDomainSocket: return nil
        }
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// Whom one subscriber may be: an IPv4 address alone, and of IPv6 the whole /64, which is what a single household is given,
    /// and through which a client may change as often as it likes (RFC 6177, RFC 8981).
    package var subscriber: NetworkAddress { isIPv4 ? self : NetworkAddress(high: high, low: 0) }

    /// For people: `192.0.2.1`, `2001:db8:0:0:0:0:0:1`.
    package var description: String {
        if isIPv4 { return [24, 16, 8, 0].map { String(low >> $0 & 0xFF) }.joined(separator: ".") }
        return [high, low].flatMap { half in [48, 32, 16, 0].map { String(half >> $0 & 0xFFFF, radix: 16) } }
            .joined(separator: ":")
    }
}

/// All addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or one address.
package struct AddressNet: Hashable, Sendable {
    private let first: NetworkAddress
    private let mask: (high: UInt64, low: UInt64)

    /// - Parameter text: An address, or an address, `/`, and how many of its bits count. The other bits must be 0.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = NetworkAddress(parts[0]) else { return nil }
        // An IPv6 text that means an IPv4 address counts its bits as IPv6 does.
        let offset = address.isIPv4 && !parts[0].contains(":") ? 96 : 0
        var bits = 128
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let number = Int(parts[1]), (0...128 - offset).contains(number)
            else { return nil }
            bits = number + offset
        }
        // Shifting by 64 or more leaves nothing, and by less than 0 goes the other way, so all cases are here.
        mask = (high: ~(UInt64.max >> min(bits, 64)), low: ~(UInt64.max >> max(bits - 64, 0)))
        guard address.high & ~mask.high == 0, address.low & ~mask.low == 0 else { return nil }
        first = address
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        address.high & mask.high == first.high && address.low & mask.low == first.low
    }

    package static func == (one: AddressNet, other: AddressNet) -> Bool {
        one.first == other.first && one.mask == other.mask
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(first)
        hasher.combine(mask.high)
        hasher.combine(mask.low)
    }
}
