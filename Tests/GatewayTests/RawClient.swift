import NIOCore
import NIOPosix

/// A TCP client that sends any bytes and shows what came back.
final class RawClient {
    struct Ended: Error {}

    private let channel: any Channel
    private var pieces: AsyncStream<ByteBuffer>.Iterator
    /// What was received and not yet taken.
    private(set) var received: [UInt8] = []

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let pieces: AsyncStream<ByteBuffer>.Continuation

        init(_ pieces: AsyncStream<ByteBuffer>.Continuation) { self.pieces = pieces }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { pieces.yield(unwrapInboundIn(data)) }
        func channelInactive(context: ChannelHandlerContext) { pieces.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    init(to address: SocketAddress) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Receiver(continuation))
                }
            }
            .connect(to: address).get()
        pieces = stream.makeAsyncIterator()
    }

    func send(_ bytes: some Collection<UInt8>) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func endInput() async throws { try await channel.close(mode: .output) }
    func close() async throws { try await channel.close() }

    /// Everything until the server closes.
    func readToEnd() async -> String {
        while let piece = await pieces.next() { received += piece.readableBytesView }
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    /// One HTTP answer with its body, by `Content-Length`; of a 101, the head.
    func readResponse() async throws -> Response {
        while true {
            if let end = received.firstRange(of: Array("\r\n\r\n".utf8)) {
                let response = Response(head: String(decoding: received[..<end.lowerBound], as: UTF8.self))
                let length = response.header("content-length").flatMap { Int($0) } ?? 0
                if received.count >= end.upperBound + length {
                    let body = String(decoding: received[end.upperBound..<(end.upperBound + length)], as: UTF8.self)
                    received.removeFirst(end.upperBound + length)
                    return Response(head: response.head, body: body)
                }
            }
            try await more()
        }
    }

    /// The next frame of the server.
    func readFrame() async throws -> ServerFrame {
        while true {
            var bytes = received
            guard let frames = ServerFrame.read(from: &bytes) else { throw Ended() }
            if let first = frames.first {
                // Frames of the server are at most 65,535 bytes in these tests.
                received.removeFirst(first.payload.count + (first.payload.count < 126 ? 2 : 4))
                return first
            }
            try await more()
        }
    }

    private func more() async throws {
        guard let piece = await pieces.next() else { throw Ended() }
        received += piece.readableBytesView
    }

    struct Response {
        var head: String
        var body = ""

        var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }

        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts[0].lowercased() == name { return parts[1].drop(while: { $0 == " " }).description }
            }
            return nil
        }
    }
}
