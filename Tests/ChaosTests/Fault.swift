import Messaging

/// Something that goes wrong. Each ends by itself, after its time: when it is over, everything runs again.
enum Fault: Sendable, CustomStringConvertible {
    // MARK: Gateways

    /// SIGKILL, and a new one in its place.
    case killGateway(Int)
    /// SIGTERM, its end, and a new one in its place.
    case restartGateway(Int)
    /// SIGSTOP.
    case suspendGateway(Int, Duration)
    /// As many new ones behind the edge, then SIGTERM to the old ones, one after the other.
    case replaceGateways

    // MARK: Redis

    /// SIGKILL, and Redis again from its file.
    case killRedis(downFor: Duration)
    /// SIGTERM, and Redis again from its file.
    case restartRedis(downFor: Duration)
    /// SIGSTOP.
    case suspendRedis(Duration)
    /// No file of Redis can grow.
    case fillDisk(Duration)
    /// Redis and all gateways are gone at once, and what Redis wrote in the last so many seconds as well.
    case cutPower(unsynced: Duration)
    /// `CLIENT KILL TYPE pubsub`.
    case cutSubscriptions
    /// `CLIENT KILL TYPE normal`.
    case cutCommands
    case flushScripts
    /// `maxmemory 1`: no write is accepted.
    case outOfMemory(Duration)
    /// No write is accepted: a replica of nobody, or a primary that wants more replicas than there are.
    case refuseWrites(Duration)
    case failOver(Failover)
    /// To other primaries, while everybody talks.
    case moveSlots([Partition])

    // MARK: The network between gateways and Redis

    /// All connections are cut.
    case cutProxy
    /// Bytes go nowhere.
    case swallow(Duration)
    /// Bytes arrive late.
    case delay(milliseconds: Int, Duration)
    /// So many of a thousand publications do not arrive, until further notice.
    case losePublications(perMille: Int)
    /// Nothing that is published arrives but ticks.
    case loseAllPublications(Duration)
    /// The subscriptions that there are stay up, and nothing that is published arrives on them any more.
    case deafen

    // MARK: Clients

    /// Some, by chance, lose their network for two seconds.
    case cutClients(share: Double)
    /// Some, by chance, lose it without a word: the gateway's end of the connection stays open. They come back in a second.
    case changeNetworks(share: Double)
    /// Two customers read nothing while much comes for them, until they are closed for it.
    case stopReading(atMost: Duration)
    /// Two customers are away while so many messages come for each.
    case stayAway(missing: Int)

    /// Whether messages wait for its end.
    var isOutage: Bool {
        switch self {
        case .killRedis, .restartRedis, .suspendRedis, .fillDisk, .cutPower, .outOfMemory, .refuseWrites, .failOver,
            .swallow, .cutProxy, .cutCommands:
            true
        default: false
        }
    }

    var description: String {
        switch self {
        case .killGateway(let number): "SIGKILL of gateway \(number)"
        case .restartGateway(let number): "SIGTERM of gateway \(number)"
        case .suspendGateway(let number, let time): "SIGSTOP of gateway \(number) for \(time)"
        case .replaceGateways: "new gateways for old"
        case .killRedis(let time): "SIGKILL of Redis, down for \(time)"
        case .restartRedis(let time): "SIGTERM of Redis, down for \(time)"
        case .suspendRedis(let time): "SIGSTOP of Redis for \(time)"
        case .fillDisk(let time): "Redis's disk full for \(time)"
        case .cutPower(let time): "power cut, \(time) not synced"
        case .cutSubscriptions: "CLIENT KILL TYPE pubsub"
        case .cutCommands: "CLIENT KILL TYPE normal"
        case .flushScripts: "SCRIPT FLUSH"
        case .outOfMemory(let time): "Redis out of memory for \(time)"
        case .refuseWrites(let time): "Redis refuses writes for \(time)"
        case .failOver(let cause): "failover, \(cause.rawValue)"
        case .moveSlots(let partitions): "\(partitions.count) slots moved"
        case .cutProxy: "connections to Redis cut"
        case .swallow(let time): "bytes to and from Redis swallowed for \(time)"
        case .delay(let delay, let time): "bytes to and from Redis \(delay) ms late for \(time)"
        case .losePublications(let share): "publications lost, \(share) of 1000"
        case .loseAllPublications(let time): "publications lost, all for \(time)"
        case .deafen: "subscriptions deaf"
        case .cutClients(let share): "clients cut for 2 s, \(Int(share * 100)) %"
        case .changeNetworks(let share): "clients gone without a word, \(Int(share * 100)) %"
        case .stopReading(let time): "two customers read nothing, at most for \(time)"
        case .stayAway(let count): "two customers away for \(count) messages"
        }
    }
}

/// A fault and when it begins, from the beginning of the load.
struct TimedFault: Sendable {
    let at: Duration
    let fault: Fault
}
