/// Something that goes wrong. Each ends by itself, after its time: when it is over, everything runs again.
enum Fault: Sendable, CustomStringConvertible {
    /// SIGKILL, and a new one in its place.
    case killGateway(Int)
    /// SIGTERM, its end, and a new one in its place.
    case restartGateway(Int)
    /// SIGKILL, and Redis again from its file.
    case killRedis(downFor: Duration)
    /// SIGSTOP.
    case suspendRedis(Duration)
    /// `CLIENT KILL TYPE pubsub`.
    case cutSubscriptions
    /// `CLIENT KILL TYPE normal`.
    case cutCommands
    case flushScripts
    /// `maxmemory 1`: no write is accepted.
    case outOfMemory(Duration)
    /// A replica of nobody: no write is accepted.
    case readOnly(Duration)
    /// SIGKILL of the primary, until a replica is the new one.
    case failOver
    /// All connections between gateways and Redis are cut.
    case cutProxy
    /// Bytes between gateways and Redis go nowhere.
    case swallow(Duration)
    /// Bytes between gateways and Redis arrive late.
    case delay(milliseconds: Int, Duration)
    /// So many of a thousand publications do not arrive, until further notice.
    case losePublications(perMille: Int)
    /// Nothing that is published arrives but ticks.
    case loseAllPublications(Duration)
    /// The subscriptions that there are stay up, and nothing arrives on them any more.
    case deafen
    /// Some of the clients, by chance, lose their network for two seconds.
    case cutClients(share: Double)

    /// Whether messages wait for its end.
    var isOutage: Bool {
        switch self {
        case .killRedis, .suspendRedis, .outOfMemory, .readOnly, .failOver, .swallow, .cutProxy, .cutCommands: true
        default: false
        }
    }

    var description: String {
        switch self {
        case .killGateway(let number): "SIGKILL of gateway \(number)"
        case .restartGateway(let number): "SIGTERM of gateway \(number)"
        case .killRedis(let time): "SIGKILL of Redis, down for \(time)"
        case .suspendRedis(let time): "SIGSTOP of Redis for \(time)"
        case .cutSubscriptions: "CLIENT KILL TYPE pubsub"
        case .cutCommands: "CLIENT KILL TYPE normal"
        case .flushScripts: "SCRIPT FLUSH"
        case .outOfMemory(let time): "Redis out of memory for \(time)"
        case .readOnly(let time): "Redis read-only for \(time)"
        case .failOver: "failover"
        case .cutProxy: "connections to Redis cut"
        case .swallow(let time): "bytes to and from Redis swallowed for \(time)"
        case .delay(let delay, let time): "bytes to and from Redis \(delay) ms late for \(time)"
        case .losePublications(let share): "publications lost, \(share) of 1000"
        case .loseAllPublications(let time): "publications lost, all for \(time)"
        case .deafen: "subscriptions deaf"
        case .cutClients(let share): "clients cut for 2 s, \(Int(share * 100)) %"
        }
    }
}

/// A fault and when it begins, from the beginning of the load.
struct TimedFault: Sendable {
    let at: Duration
    let fault: Fault
}
