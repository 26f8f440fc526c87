// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
    name: "customer-service",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "customer-api", targets: ["CustomerAPI"]),
        .executable(name: "gateway", targets: ["Gateway"]),
    ],
    dependencies: [
        // Event loops, sockets and HTTP/1.1 for the gateway and the Redis client.
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        // The REST server of customer-api. No traits: full Foundation would add 40 MB of ICU data to the image.
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        // SHA-256 for token hashes, scrypt (CryptoExtras) for password hashes.
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        // `--help`, subcommands and their errors.
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        // Settings from environment variables, read once at start.
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: []),
        // Ordered start and stop, signals.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        // Structured logs.
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
    ],
    targets: [
        // libhiredis-dev, 0.14.1 (Debian 12) or 1.x. No `pkgConfig:`: Debian's headers are on the default path, and its
        // pkg-config file carries a flag that SwiftPM warns about at each build.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .target(
            name: "Hiredis",
            dependencies: ["CHiredis", nioCore, nioPosix, logging, lifecycle, crypto],
            swiftSettings: strict
        ),
        .target(
            name: "Messaging",
            dependencies: ["Hiredis", nioCore, logging, crypto],
            resources: [
                "add_note", "append_message", "change_assignment", "describe_conversations", "list_conversations",
                "move_cursors", "publish", "publish_assignment", "publish_presence", "publish_typing", "read_log",
                "register_agent", "register_customer", "tick",
                "add_attachment", "agent_tokens", "audit", "audit_entry", "begin_erasure", "count_login_attempt",
                "count_token_issue", "create_agent", "customer_changes",
                "customer_rows", "delete_canned_answer", "erase_attachment", "erase_conversation", "finish_erasure",
                "forget_login_failures", "index_customers", "issue_agent_token",
                "issue_customer_token", "proofs", "read_customers", "read_token", "reserve_identity", "revoke_agent_token",
                "revoke_customer_token", "revoke_tokens", "settle_identity", "trim_audit", "update_agent",
                "write_canned_answer", "write_customer",
            ].map { .embedInCode("Scripts/\($0).lua") },
            swiftSettings: strict
        ),
        .executableTarget(
            name: "CustomerAPI",
            dependencies: [
                "Messaging", "Hiredis", nioCore, nioPosix, nioHTTP1, logging, lifecycle, configuration, argumentParser,
                crypto,
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
            ],
            // The plugin reads the folder itself.
            exclude: ["Web"],
            resources: [.embedInCode("openapi.yaml"), .embedInCode("asyncapi.yaml")],
            swiftSettings: strict,
            plugins: ["EmbedWeb"]
        ),
        .executableTarget(
            name: "Gateway",
            dependencies: [
                "Messaging", "Hiredis", nioCore, nioPosix, nioHTTP1, logging, lifecycle, configuration,
                argumentParser, crypto,
            ],
            swiftSettings: strict
        ),

        // Puts the widget and the console into customer-api, at each build in which one of their files changed.
        .plugin(
            name: "EmbedWeb",
            capability: .buildTool(),
            dependencies: ["WebEmbedder"],
            path: "Sources/EmbedWeb"
        ),
        .executableTarget(name: "WebEmbedder", swiftSettings: strict),

        // A private redis-server for a test, and what tests of several targets need to talk to it.
        .target(
            name: "RedisFixture",
            dependencies: ["Hiredis", logging],
            path: "Tests/RedisFixture",
            swiftSettings: strict
        ),
        .testTarget(
            name: "HiredisTests",
            dependencies: ["Hiredis", "RedisFixture", nioCore, nioPosix, logging, lifecycle],
            swiftSettings: strict
        ),
        .testTarget(
            name: "MessagingTests",
            dependencies: ["Messaging", "Hiredis", "RedisFixture"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "CustomerAPITests",
            dependencies: [
                "CustomerAPI", "Messaging", "Hiredis", "RedisFixture", nioPosix, logging, lifecycle, configuration, crypto,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "Messaging", "Hiredis", "RedisFixture", nioCore, nioPosix, nioHTTP1,
                nioEmbedded,
                logging, configuration,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["RedisFixture", nioCore, nioPosix],
            // Read at run time, where they are: the access guide, what its samples run in, and the screens' stories.
            exclude: ["Guide", "Harness", "Screens"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ChaosTests",
            dependencies: ["Messaging", "Hiredis", "RedisFixture", nioCore, nioPosix, logging],
            swiftSettings: strict
        ),
    ]
)
