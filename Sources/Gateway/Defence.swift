/// Something that keeps the promise when a part fails. A test that switches it off has to see the promise broken.
///
/// Not here: that a replica must have a message first, which is a setting (`DURABILITY`); that an acknowledgement comes
/// after the write, since it tells what only the write's answer knows; and that one Redis only is taken for the primary,
/// where each of three checks is enough (the Redis client's tests try them one by one).
package enum Defence: String, CaseIterable, Sendable {
    /// Each second a mailbox is told its count, so that a lost last publication is missed.
    case tick
    /// Where a publication is missing, the log is read.
    case gapRepair = "gap-repair"
    /// After a lost subscription everybody is written down again as being here.
    case registration
    /// A subscription on which nothing arrives is replaced.
    case deafness = "deaf-subscription"
    /// A gateway that gives no sign of life counts as gone, and so do its clients.
    case lease
    /// The same `clientMessageId` is stored once.
    case deduplication
    /// After a restart of Redis, which may have forgotten the last it was told, positions are of another generation.
    case generation
    /// A client's position is held against the log.
    case resume
    /// Guide dialect: what was written counts as received with the pong only.
    case pong
    /// A client that does not read is closed.
    case slowReader = "slow-reader"
    /// What a client sent before it knew that it is sent away is stored.
    case drain
}
