// swift-tools-version: 6.1
// The fuzzer: a program of its own, so that the project's package keeps to what is deployed. deploy/fuzz builds and runs it.
import Foundation
import PackageDescription

/// Swift's part of the project's settings, `@testable import`, and what lets libFuzzer see which branches an input takes. The
/// last is for the project's code only: NIO is along as a means, and checked for bad memory accesses alone.
let watched: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Not `-sanitize=fuzzer`: of several such options the compiler heeds the last.
    .unsafeFlags(["-enable-testing", "-sanitize-coverage=edge,indirect-calls,trace-cmp,inline-8bit-counters,pc-table"]),
]

/// A folder of the project, of which some files are taken: those that read what comes from outside, and what these need.
func project(_ name: String, _ dependencies: [Target.Dependency], _ files: String...) -> Target {
    // Links to the project's folders.
    let path = "Project/\(name)"
    let sources = files.map { "\($0).swift" }
    let all = try? FileManager.default.contentsOfDirectory(atPath: "\(Context.packageDirectory)/\(path)")
    return .target(
        name: name,
        dependencies: dependencies,
        path: path,
        exclude: (all ?? []).filter { !sources.contains($0) }.sorted(),
        sources: sources,
        swiftSettings: watched
    )
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")

let package = Package(
    name: "fuzzing",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CHiredis", path: "Project/CHiredis"),
        project(
            "Hiredis",
            ["CHiredis", "Crypto", nioCore],
            "HandshakeStep",
            "HiredisCodec",
            "HiredisReply",
            "RedisBackoff",
            "RedisClusterMap",
            "RedisCommand",
            "RedisConfiguration",
            "RedisConfiguration+URL",
            "RedisError",
            "RedisReply",
            "RedisScript",
            "RedisSlot"
        ),
        project(
            "Messaging",
            ["Hiredis", "Crypto", nioCore],
            "Agent",
            "AllowedOrigins",
            "AttachmentReference",
            "AuditPosition",
            "Conversation",
            "CustomerChannel",
            "InvalidSetting",
            "JSONText",
            "Message",
            "MessagingError",
            "NetworkAddress",
            "Note",
            "Partition",
            "Principal",
            "ProofUse",
            "Publication",
            "RecordFields",
            "SHA256+Text",
            "Timestamp",
            "Token",
            "TrustedProxies",
            "UniqueID",
            "WordReader"
        ),
        project(
            "Gateway",
            ["Messaging", "Hiredis", "Crypto", nioCore, nioHTTP1],
            "Allowance",
            "ClientMessage",
            "ClientMessageFields",
            "CloseCode",
            "Dialect",
            "EncodedMessage",
            "HTTPEndpoints",
            "HTTPRefusal",
            "Handshake",
            "JSONScanner",
            "JSONStringLiteral",
            "JSONWriter",
            "RequestBytes",
            "ServerMessage",
            "ServerMessage+Errors",
            "UTF8Validator",
            "WebSocketFrame",
            "WebSocketHandler",
            "WebSocketStateMachine"
        ),
        project(
            "CustomerAPI",
            ["Messaging", "Hummingbird", "Crypto", httpTypes, nioCore],
            "APIError",
            "ContentSniffing",
            "IdentityProof",
            "JSONBody",
            "JSONValue",
            "QueryParameters",
            "RequestLineHandler",
            "TextRules"
        ),
        // Stand-ins, for the build's time: BoringSSL alone takes longer than all of this.
        .target(name: "Crypto"),
        .target(name: "Hummingbird", dependencies: [httpTypes, nioCore]),
        .target(name: "CFuzzer"),
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "CFuzzer", "CustomerAPI", "Gateway", "Messaging", "Hiredis", "Hummingbird", "Crypto", httpTypes, nioCore,
                nioHTTP1, nioEmbedded,
            ],
            swiftSettings: watched
        ),
    ]
)
