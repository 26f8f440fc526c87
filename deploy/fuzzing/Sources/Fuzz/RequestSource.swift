import Foundation
@testable import Messaging
import NIOCore

/// Where a request comes from: addresses, the nets of `TRUSTED_PROXIES` with what proxies forward, the pages of
/// `ALLOWED_ORIGINS`. Read here once more, as simply as it can be, and compared.
enum RequestSource {
    // MARK: Addresses and nets

    static func checkNet(_ text: String) {
        guard !text.utf8.contains(0) else { return }
        checkAddress(text)
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var bits: Int?
        if let address = bytes(parts[0]) {
            let offset = isIPv4(parts[0]) ? 96 : 0
            bits = 128
            if parts.count == 2 {
                let isNumber = !parts[1].isEmpty && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) }
                bits = isNumber ? Int(parts[1]).map { $0 + offset }.flatMap { $0 <= 128 ? $0 : nil } : nil
            }
            if let count = bits, binary(address)[count...].contains(1) { bits = nil }
        }
        let net = AddressNet(text)
        promise((net != nil) == (bits != nil), "a net is an address and a number of its bits")
        guard let net, let bits, let first = NetworkAddress(parts[0]) else { return }
        promise(net.contains(first), "a net has its first address")
        for bit in 0..<128 {
            let (high, low): (UInt64, UInt64) = bit < 64 ? (1 << (63 - bit), 0) : (0, 1 << (127 - bit))
            let other = NetworkAddress(high: first.high ^ high, low: first.low ^ low)
            promise(net.contains(other) == (bit >= bits), "a net has what begins alike")
        }
    }

    private static func checkAddress(_ text: String) {
        guard let address = NetworkAddress(text) else {
            promise(bytes(text) == nil, "what the system takes is an address")
            return
        }
        promise(bytes(text) == bytes(address.description), "an address is the one that was written")
        promise(NetworkAddress(address.description) == address, "an address is read as it is shown")
        promise(address.isIPv4 == isIPv4(address.description), "IPv4 is shown as such")
        let subscriber = address.subscriber
        promise(subscriber.subscriber == subscriber, "a subscriber is one")
        promise(AddressNet("\(subscriber)\(address.isIPv4 ? "" : "/64")")?.contains(address) == true, "of its clients")
    }

    /// The 16 bytes of an address to the system, of IPv4 as IPv6 has it.
    private static func bytes(_ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET6, text, &bytes) == 1 { return bytes }
        guard inet_pton(AF_INET, text, &bytes) == 1 else { return nil }
        return [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + bytes.prefix(4)
    }

    private static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1
    }

    private static func binary(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte in (0..<8).map { (byte << $0) >> 7 } }
    }

    // MARK: Proxies

    /// `TRUSTED_PROXIES`, who is connected (no address: a unix socket), and the values of `X-Forwarded-For`, each in a line.
    static func checkForwarded(_ text: String) {
        guard let lines = lines(text) else { return }
        let (setting, headers) = (lines[0], Array(lines.dropFirst(2)))
        var proxies = TrustedProxies.standard
        var trusted = TrustedProxies.defaultSetting
        do throws(InvalidSetting) {
            proxies = try TrustedProxies(setting)
            trusted = setting
        } catch {
            check(error, of: setting, mustBe: "addresses and nets")
            promise(AddressNet(error.value) == nil, "a net is not refused")
        }
        let entries = trusted == "none" ? [] : trusted.split(separator: ",", omittingEmptySubsequences: false)
        let nets = entries.map { AddressNet($0.trimmingCharacters(in: spaces)) }
        promise(!nets.contains(nil), "what is trusted are nets")

        let socket = lines.count > 1 ? try? SocketAddress(ipAddress: lines[1], port: 40_000) : nil
        let peer = socket.flatMap(NetworkAddress.init)
        let client = proxies.client(peer: socket, forwardedFor: headers)
        checkAddress(client.description)
        // What is no ASCII is no address; where such an entry begins and ends is not worth a rule.
        guard headers.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 } }) else { return }
        let forwarded = headers.flatMap { $0.split(separator: ",") }.reversed().lazy.map { address(String($0)) }
        let chain = [peer].compactMap(\.self) + forwarded.prefix { $0 != nil }.compactMap(\.self)
        let expected = chain.first { address in !nets.contains { $0!.contains(address) } } ?? chain.last ?? .loopback
        promise(client == expected, "the client is the nearest that is no proxy: \(expected), not \(client)")
    }

    private static func address(_ entry: String) -> NetworkAddress? {
        let entry = entry.trimmingCharacters(in: spaces)
        guard entry.utf8.count <= 56 else { return nil }
        let bracketed = entry.hasPrefix("[") ? entry.dropFirst().components(separatedBy: "]") : []
        if bracketed.count > 1 { return NetworkAddress(bracketed[0]) }
        return NetworkAddress(entry) ?? NetworkAddress(entry.components(separatedBy: ":")[0])
    }

    // MARK: Origins

    /// `ALLOWED_ORIGINS`, and the values of `Origin`, each in a line.
    static func checkOrigins(_ text: String) {
        guard let lines = lines(text) else { return }
        let (setting, values) = (lines[0], Array(lines.dropFirst()))
        let origins: AllowedOrigins
        do throws(InvalidSetting) {
            origins = try AllowedOrigins(setting)
        } catch {
            check(error, of: setting, mustBe: "exact origins")
            return
        }
        promise(origins.areAny == setting.isEmpty, "nothing set is everything")
        promise(origins.allow([String]()), "programs are no pages")
        guard !origins.areAny else {
            promise(origins.allow(values), "everything is everything")
            return
        }
        let entries = setting.split(separator: ",", omittingEmptySubsequences: false).map { entry -> String in
            let origin = entry.trimmingCharacters(in: spaces).lowercased()
            let own = origin.hasPrefix("https://") ? ":443" : origin.hasPrefix("http://") ? ":80" : "\n"
            return shortened(origin.hasSuffix(own) ? String(origin.dropLast(own.count)) : origin)
        }
        for entry in entries {
            promise(origins.allow([entry]), "a page that is listed is allowed")
            promise(!origins.allow([entry, entry]) && !origins.allow(["\(entry)/"]), "a page has one origin, exactly")
            promise(!origins.allow(["\(entry).example"]) && !origins.allow(["x\(entry)"]), "others' are not allowed")
        }
        for value in values + ["null", "*", ""] {
            promise(origins.allow([value]) == entries.contains(value), "nobody else is allowed")
        }
    }

    /// An IPv6 address as short as it can be, as browsers write it.
    private static func shortened(_ origin: String) -> String {
        guard let begin = origin.firstIndex(of: "["), let end = origin.lastIndex(of: "]"), begin < end else {
            return origin
        }
        var address = in6_addr()
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_pton(AF_INET6, String(origin[origin.index(after: begin)..<end]), &address) == 1,
            inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil
        else { return origin }
        return origin[...begin] + String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            + origin[end...]
    }

    // MARK: Both

    private static let spaces = CharacterSet(charactersIn: " \t")

    /// `nil` with a zero byte: neither the environment nor a header can have one.
    private static func lines(_ text: String) -> [String]? {
        text.utf8.contains(0) ? nil : text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func check(_ error: InvalidSetting, of setting: String, mustBe expected: String) {
        let isPart = error.value.isEmpty || setting.utf8.firstRange(of: error.value.utf8) != nil
        promise(isPart, "what is at fault is shown as it was written")
        let ends = [error.value.first, error.value.last]
        promise(!ends.contains(" ") && !ends.contains("\t"), "without the spaces around")
        promise(error.expected.hasPrefix(expected), "who is refused is told what it must be")
    }
}
