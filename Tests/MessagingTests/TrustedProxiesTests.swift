import Messaging
import NIOCore
import Testing

@Suite("Where a request comes from")
struct TrustedProxiesTests {
    private func client(
        _ peer: String?,
        _ forwardedFor: String...,
        trusting setting: String = TrustedProxies.defaultSetting
    ) throws -> String {
        let peer = try peer.map { try SocketAddress(ipAddress: $0, port: 40_000) }
        return try TrustedProxies(setting).client(peer: peer, forwardedFor: forwardedFor).description
    }

    @Test("Of a peer on the internet, whatever it claims: its own address")
    func forged() throws {
        #expect(try client("203.0.113.5") == "203.0.113.5")
        #expect(try client("203.0.113.5", "198.51.100.1") == "203.0.113.5")
        #expect(try client("2001:db8::5", "127.0.0.1") == "2001:db8:0:0:0:0:0:5")
    }

    @Test(
        "Of a trusted proxy: what it says",
        arguments: ["127.0.0.1", "10.1.2.3", "172.18.0.4", "192.168.1.1", "::1", "fd00::9"]
    )
    func forwarded(proxy: String) throws {
        #expect(try client(proxy, "203.0.113.5") == "203.0.113.5")
        #expect(try client(proxy, "2001:db8::5") == "2001:db8:0:0:0:0:0:5")
        #expect(try client(proxy) == NetworkAddress(proxy)?.description)
    }

    @Test("An IPv4 peer of an IPv6 socket is the same as one of an IPv4 socket")
    func mapped() throws {
        #expect(try client("::ffff:203.0.113.5") == "203.0.113.5")
        #expect(try client("::ffff:10.0.0.1", "203.0.113.5") == "203.0.113.5")
    }

    @Test("The right-most address that no trusted proxy has, over any number of proxies and headers")
    func rightMost() throws {
        #expect(try client("10.0.0.1", "198.51.100.1, 203.0.113.5") == "203.0.113.5")
        #expect(try client("10.0.0.1", "198.51.100.1,203.0.113.5 ,\t10.0.0.2") == "203.0.113.5")
        #expect(try client("10.0.0.1", "198.51.100.1, 203.0.113.5", "10.0.0.3, 10.0.0.2") == "203.0.113.5")
        // Nobody but proxies: the farthest of them.
        #expect(try client("10.0.0.1", "192.168.0.7, 10.0.0.2") == "192.168.0.7")
    }

    @Test("Ports and brackets are left away")
    func ports() throws {
        #expect(try client("10.0.0.1", "203.0.113.5:4711") == "203.0.113.5")
        #expect(try client("10.0.0.1", "[2001:db8::5]:4711") == "2001:db8:0:0:0:0:0:5")
        #expect(try client("10.0.0.1", "[2001:db8::5]") == "2001:db8:0:0:0:0:0:5")
    }

    @Test(
        "What is no address ends the reading: the proxy that wrote it stands for its client",
        arguments: [
            "unknown", "_hidden", "", "1.2.3", "203.0.113.5.9", "[::1", "::g", "fe80::1%2",
            String(repeating: "1", count: 9000),
        ]
    )
    func garbage(entry: String) throws {
        #expect(try client("10.0.0.1", "198.51.100.1, \(entry), 10.0.0.2") == "10.0.0.2")
        #expect(try client("10.0.0.1", entry) == "10.0.0.1")
    }

    @Test("A unix socket is this machine, and trusted also where nobody else is")
    func unixSocket() throws {
        #expect(try client(nil) == "127.0.0.1")
        #expect(try client(nil, "203.0.113.5", trusting: "none") == "203.0.113.5")
        let socket = try SocketAddress(unixDomainSocketPath: "gateway.sock")
        #expect(TrustedProxies.none.client(peer: socket, forwardedFor: ["203.0.113.5"]).description == "203.0.113.5")
        #expect(try client("127.0.0.1", "203.0.113.5", trusting: "none") == "127.0.0.1")
    }

    @Test("Only who is listed is trusted")
    func listed() throws {
        let setting = "198.51.100.7, 2001:db8:1::/48,192.0.2.128/25"
        #expect(try client("198.51.100.7", "203.0.113.5", trusting: setting) == "203.0.113.5")
        #expect(try client("198.51.100.8", "203.0.113.5", trusting: setting) == "198.51.100.8")
        #expect(try client("2001:db8:1:ffff::2", "203.0.113.5", trusting: setting) == "203.0.113.5")
        #expect(try client("2001:db8:2::2", "203.0.113.5", trusting: setting) == "2001:db8:2:0:0:0:0:2")
        #expect(try client("192.0.2.128", "203.0.113.5", trusting: setting) == "203.0.113.5")
        #expect(try client("192.0.2.127", "203.0.113.5", trusting: setting) == "192.0.2.127")
        #expect(try client("10.0.0.1", "203.0.113.5", trusting: setting) == "10.0.0.1")
        #expect(try client("203.0.113.9", "192.0.2.1", trusting: "0.0.0.0/0") == "192.0.2.1")
        #expect(try client("2001:db8::9", "192.0.2.1", trusting: "0.0.0.0/0") == "2001:db8:0:0:0:0:0:9")
        #expect(try client("2001:db8::9", "192.0.2.1", trusting: "::/0") == "192.0.2.1")
        #expect(try client("2001:db8::9", "192.0.2.1", trusting: "2001:db8::9/128") == "192.0.2.1")
    }

    @Test(
        "A setting that is no list of addresses is refused with the entry at fault",
        arguments: [
            "edge", "10.0.0.1:80", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129", "2001:db8::1/64", "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8", "[::1]", "", "none none", "10.0.0.0/8/8",
        ]
    )
    func refused(entry: String) throws {
        let error = #expect(throws: InvalidSetting.self) { try TrustedProxies("127.0.0.1,\(entry)") }
        #expect(error?.value == entry)
        #expect(error?.expected.contains("10.0.0.7,172.16.0.0/12") == true)
    }
}
