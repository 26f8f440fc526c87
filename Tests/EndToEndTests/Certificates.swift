import Foundation

/// A folder of certificates as `TLS_CERTS_DIR` wants it, and what a client trusts.
struct Certificates {
    let folder: URL
    let authority: URL

    static func make() async throws -> Certificates {
        let folder = Program.temporaryFile("certificates")
        let certificates = Certificates(
            folder: folder.appendingPathComponent("served"),
            authority: folder.appendingPathComponent("certificate.pem")
        )
        try FileManager.default.createDirectory(at: certificates.folder, withIntermediateDirectories: true)
        let key = folder.appendingPathComponent("key.pem")
        let (code, output) = try await Program.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout", key.path, "-out", certificates.authority.path,
            ]
        )
        guard code == 0 else { throw EndToEndError("openssl made no certificate: \(output)") }
        var both = try Data(contentsOf: certificates.authority)
        both.append(try Data(contentsOf: key))
        try both.write(to: certificates.folder.appendingPathComponent("localhost.pem"))
        return certificates
    }

    func remove() { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }

    /// What curl prints: its own words and the whole answer.
    func curl(_ arguments: [String]) async throws -> String {
        let (code, output) = try await Program.run(
            "curl",
            ["-sS", "-i", "--noproxy", "*", "--max-time", "40", "--cacert", authority.path] + arguments
        )
        return code == 0 ? output : "curl ended with \(code): \(output)"
    }
}
