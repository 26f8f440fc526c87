import Hiredis
import Hummingbird
import NIOCore

/// `/health` (this process runs) and `/ready` (it can serve: Redis answers), and the descriptions of both interfaces:
/// OpenAPI of REST, AsyncAPI of the gateway's WebSocket.
struct ServiceRoutes: Sendable {
    let redis: RedisClient

    /// How long Redis has for a PING before this counts as not ready.
    static let readyTimeout = Duration.seconds(1)

    func add(to router: Router<APIContext>) {
        router.get("health") { _, _ in
            APIResponse.success(json: #"{"status":"alive"}"#.utf8)
        }
        router.get("ready") { _, _ in
            guard await answers() else {
                var error = APIError(.serviceUnavailable, "not_ready", "Redis does not answer.")
                error.headers[.retryAfter] = "1"
                throw error
            }
            return APIResponse.success(json: #"{"status":"ready"}"#.utf8)
        }
        router.get("api/v1/openapi.yaml") { _, _ in Self.yaml(PackageResources.openapi_yaml) }
        router.get("api/v1/asyncapi.yaml") { _, _ in Self.yaml(PackageResources.asyncapi_yaml) }
    }

    private static func yaml(_ bytes: [UInt8]) -> Response {
        let text = ByteBuffer(bytes: bytes)
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/yaml; charset=utf-8", .contentLength: String(text.readableBytes),
                .cacheControl: "no-cache",
            ],
            body: ResponseBody(byteBuffer: text)
        )
    }

    /// Whether every event loop has its connection and Redis answers a PING in time; of a Redis Cluster one server is enough.
    /// The PING itself goes on until its own deadline.
    private func answers() async -> Bool {
        guard redis.isReady || redis.isOfCluster else { return false }
        let (verdicts, verdict) = AsyncStream.makeStream(of: Bool.self)
        let ping = Task {
            verdict.yield((try? await redis.send(RedisCommand("PING"))) != nil)
        }
        let limit = Task {
            try await Task.sleep(for: Self.readyTimeout)
            verdict.yield(false)
        }
        defer {
            ping.cancel()
            limit.cancel()
        }
        return await verdicts.first { _ in true } ?? false
    }
}
