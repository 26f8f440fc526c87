import Messaging
import Testing

@Suite("Allowed origins")
struct AllowedOriginsTests {
    private static let setting = "https://shop.example.com, http://localhost:3000,https://[2001:db8::1]:8443"

    @Test("Without a list every page may come")
    func anyOrigin() throws {
        let origins = try AllowedOrigins("")
        #expect(origins == .any)
        #expect(origins.areAny)
        #expect(origins.allow(["https://evil.example"]))
        #expect(origins.allow([String]()))
    }

    @Test(
        "With a list those on it may, and programs that are no browser",
        arguments: [[], ["https://shop.example.com"], ["http://localhost:3000"], ["https://[2001:db8::1]:8443"]]
    )
    func allowed(values: [String]) throws {
        let origins = try AllowedOrigins(Self.setting)
        #expect(!origins.areAny)
        #expect(origins.allow(values))
    }

    @Test(
        "All others may not, however alike",
        arguments: [
            ["https://evil.example"], ["http://shop.example.com"], ["https://shop.example.com:444"],
            ["https://shop.example.com."],
            ["https://www.shop.example.com"], ["https://shop.example.com.evil.example"],
            ["https://evil.example/shop.example.com"],
            ["https://shop.example.com@evil.example"], ["https://shop.example.com/"], ["http://localhost:30000"],
            ["http://localhost"], ["null"], [""], ["https://shop.example.com https://evil.example"],
            ["https://shop.example.com", "https://evil.example"],
            ["https://shop.example.com", "https://shop.example.com"],
            ["https://\u{212A}hop.example.com"],
        ]
    )
    func refused(values: [String]) throws {
        #expect(try !AllowedOrigins(Self.setting).allow(values))
    }

    @Test("A list may be written with capitals, and with a scheme's own port; browsers send neither")
    func normalized() throws {
        #expect(try AllowedOrigins("HTTPS://Shop.Example.com:443").allow(["https://shop.example.com"]))
        #expect(try AllowedOrigins("http://shop.example.com:80").allow(["http://shop.example.com"]))
        #expect(try AllowedOrigins("https://[2001:db8::1]").allow(["https://[2001:db8::1]"]))
        #expect(try AllowedOrigins("https://[2001:0DB8:0::0001]:8443").allow(["https://[2001:db8::1]:8443"]))
        #expect(try AllowedOrigins("http://192.0.2.1:3000").allow(["http://192.0.2.1:3000"]))
        #expect(try AllowedOrigins("capacitor://localhost").allow(["capacitor://localhost"]))
    }

    @Test(
        "A list that is none is refused with the entry at fault and what to do",
        arguments: [
            ("*", "leave it unset"), ("null", "sandboxed frame"), ("shop.example.com", "begin with https://"),
            ("https://shop.example.com/", "not even /"), ("https://shop.example.com/chat", "not even /"),
            ("https://*.example.com", "list each host"), ("https://user@example.com", "list each host"),
            ("https://商店.example", "xn--"), ("https://a.example https://b.example", "no spaces"),
            ("https://", "a host"),
            ("https://:8443", "a host"), ("https://a.example:0", "1 to 65535"),
            ("https://a.example:65536", "1 to 65535"),
            ("https://a.example:", "1 to 65535"), ("https://a.example:+1", "1 to 65535"), ("", "begin with https://"),
            ("://a.example", "begin with https://"), ("https://a:b:80", "a host is"), ("https://[::1", "a host is"),
            ("https://::1]", "a host is"), ("https://[a.example]", "a host is"), ("https://[192.0.2.1]", "a host is"),
            ("https://[fe80::1%1]", "a host is"), ("https://a\"b", "a host is"), ("https://a;b", "a host is"),
            ("https://192.0.2.256", "a host is"), ("https://192.0.2.1.", "a host is"),
        ]
    )
    func refusedSetting(entry: String, hint: String) throws {
        let error = #expect(throws: InvalidSetting.self) { try AllowedOrigins("https://good.example,\(entry)") }
        #expect(error?.value == entry)
        #expect(error?.expected.contains(hint) == true, "\(error?.expected ?? "")")
    }
}
