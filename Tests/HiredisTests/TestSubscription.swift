import Hiredis
import Logging
import NIOCore
import NIOPosix

/// A subscription with an event loop of its own; what it reports comes out as streams.
struct TestSubscription {
    let states: AsyncStream<RedisSubscription.State>
    let publications: AsyncStream<(topic: Int, payload: ByteBuffer)>
    private let subscription: RedisSubscription
    private let group: MultiThreadedEventLoopGroup

    init(_ configuration: RedisConfiguration, topics: [String], logger: Logger = .silent) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let (states, state) = AsyncStream.makeStream(of: RedisSubscription.State.self)
        let (publications, publication) = AsyncStream.makeStream(of: (topic: Int, payload: ByteBuffer).self)
        self.states = states
        self.publications = publications
        let loop = group.next()
        subscription = RedisSubscription(
            configuration: configuration,
            eventLoop: loop,
            topics: topics,
            logger: logger,
            onMessage: { topic, payload in
                loop.preconditionInEventLoop()
                publication.yield((topic, payload))
            },
            onChange: { change in
                loop.preconditionInEventLoop()
                state.yield(change)
            }
        )
        try await loop.submit { [subscription] in subscription.start() }.get()
    }

    func close() async throws {
        try await group.next().flatSubmit { [subscription] in subscription.close() }.get()
        try await group.shutdownGracefully()
    }

    var isSubscribed: Bool {
        get async throws { try await group.next().submit { [subscription] in subscription.isSubscribed }.get() }
    }
}

func isSubscribed(_ state: RedisSubscription.State?) -> Bool {
    if case .subscribed = state { true } else { false }
}
