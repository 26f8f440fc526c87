/// The unit of placement: one of 64 parts that everything of a customer lives in, on one Redis or on a Cluster.
///
/// All keys of a partition share its hash tag, so whatever must be atomic is one script in one slot. The number of
/// partitions is fixed for the life of a deployment (``Keyspace/layout``).
///
/// Source: [Redis Cluster hash tags](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags).
package struct Partition: Hashable, Sendable, Comparable {
    /// How many partitions there are.
    package static let count = 64

    /// Where agents, their logins and their tokens live: few records that must be listed and checked as a whole.
    package static let ofAgents = Partition(0)

    package static let all = (0..<count).map { Partition($0) }

    /// 0 to 63.
    package let number: Int

    package init(_ number: Int) {
        precondition(0..<Self.count ~= number)
        self.number = number
    }

    /// The partition of a customer whose first channel identity is `identity`: FNV-1a over `CHANNEL:channelId`, the same
    /// on every program and for ever.
    package init(of identity: ChannelIdentity) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(identity.channel.rawValue):\(identity.channelID)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        // FNV's low bits alone mix poorly.
        self.init(Int((hash ^ hash >> 32 ^ hash >> 16) & 63))
    }

    /// Where a customer without a channel identity goes.
    package static func random() -> Partition { Partition(Int.random(in: 0..<count)) }

    package static func < (a: Partition, b: Partition) -> Bool { a.number < b.number }

    /// The hash tag with its braces, such as `{p07g}`.
    package var tag: String { "{\(Self.tags[number])}" }

    /// Partition N's tag hashes into slots `N*256 ..< (N+1)*256`, near their middle, so that any even division of the
    /// 16,384 slots among primaries divides the partitions evenly too.
    private static let tags = [
        "p00pe", "p01lb", "p02tg", "p03vb", "p04vw", "p05kn", "p06bh", "p07g", "p08po", "p09mv", "p10tf", "p11vc",
        "p12ct",
        "p13aq", "p14bi", "p15om", "p16bj", "p17on", "p18us", "p19hj", "p20ia", "p21de", "p22c", "p23of", "p24fa",
        "p25ke",
        "p26bc", "p27u", "p28ik", "p29tr", "p30mb", "p31og", "p32se", "p33ob", "p34md", "p35oa", "p36ej", "p37xs",
        "p38mo",
        "p39oj", "p40ql", "p41lu", "p42zo", "p43gv", "p44gc", "p45zz", "p46ca", "p47qy", "p48py", "p49ba", "p50tp",
        "p51ii",
        "p52cb", "p53ag", "p54rb", "p55pg", "p56lb", "p57ng", "p58dg", "p59fb", "p60hh", "p61uq", "p62ck", "p63an",
    ]
}
