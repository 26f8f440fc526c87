package import NIOCore

/// One command: a name and its arguments, cheap to build and to pass on.
///
/// All arguments lie in one array, each after its length, so that a command is one allocation however many arguments it
/// has. hiredis turns it into RESP when it is sent.
///
///     var command = RedisCommand("HSET", key)
///     command.append("name")
///     command.append(nameBytes)
package struct RedisCommand: Sendable {
    /// For each argument: its length in bytes as a `UInt32` in the machine's order, then its bytes.
    private(set) var storage: [UInt8]
    /// The number of arguments, the name included.
    private(set) var argumentCount = 0
    /// Set for `EVALSHA`: what to run if Redis does not have the script.
    let script: RedisScript?

    /// Whether it succeeds only once as many replicas have it as ``RedisConfiguration/replicas`` says. A script may say it for
    /// all that run it.
    ///
    /// A reply that rests on an earlier write needs a write of its own, for instance of what is there already: replicas are
    /// waited for up to the connection's last write only, and the earlier one may have come by another connection.
    package var mustBeReplicated = false

    /// Where the server's `run_id` goes.
    private(set) var runIDIndex: Int?

    /// The slot to go by in place of that of the first key.
    private(set) var assignedSlot: Int?

    /// What one length takes up in `storage`.
    static let lengthBytes = MemoryLayout<UInt32>.size

    /// A command of one word, to which arguments may be appended.
    package init(_ name: String) {
        self.init(name: name, script: nil)
    }

    package init(_ name: String, _ arguments: String...) {
        self.init(name: name, script: nil)
        for argument in arguments { append(argument) }
    }

    /// `EVALSHA sha1 numkeys key …`; append the script's arguments (`ARGV`).
    ///
    /// Where Redis does not have the script (restart, `SCRIPT FLUSH`) the connection sends its source instead.
    package init(evaluating script: RedisScript, keys: [String]) {
        self.init(evaluating: script)
        append(keys.count)
        for key in keys { append(key) }
    }

    /// `EVALSHA sha1`, for a script whose keys come to light with its arguments: append these, then ``insert(keys:)``.
    package init(evaluating script: RedisScript) {
        self.init(name: "EVALSHA", script: script)
        mustBeReplicated = script.mustBeReplicated
        append(script.sha1)
    }

    /// Puts `numkeys key …` behind the SHA-1. Once per command.
    package mutating func insert(keys: [String]) {
        var inserted = RedisCommand(name: String(keys.count), script: nil)
        for key in keys { inserted.append(key) }
        let offset = 2 * Self.lengthBytes + "EVALSHA".utf8.count + 40
        storage.insert(contentsOf: inserted.storage, at: offset)
        argumentCount += inserted.argumentCount
        if let index = runIDIndex { runIDIndex = index + inserted.argumentCount }
    }

    private init(name: String, script: RedisScript?) {
        self.storage = []
        self.storage.reserveCapacity(192)
        self.script = script
        append(name)
    }

    /// Appends the UTF-8 of `text` as one argument.
    package mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(raw: UnsafeRawBufferPointer($0)) }
    }

    /// Appends `number` in decimal.
    package mutating func append(_ number: Int) {
        append(String(number))
    }

    /// Appends the `run_id` of the very server that the command is sent to, which in a Redis Cluster nobody knows before;
    /// empty if the user may not run `INFO`. It changes with each start of a server and with a failover. Once per command.
    package mutating func appendRunID() {
        runIDIndex = argumentCount
        append([])
    }

    /// On a Redis Cluster: sends this command, which has no key of its own, to the server that `other` goes to.
    package mutating func goes(with other: RedisCommand) {
        assignedSlot = other.slot
    }

    package mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append(raw: $0) }
    }

    /// Appends the readable bytes of `buffer`.
    package mutating func append(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { append(raw: $0) }
    }

    package mutating func append(_ bytes: some Sequence<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { append(raw: UnsafeRawBufferPointer($0)) }
        if done == nil { append(Array(bytes)) }
    }

    /// Appends one argument that `write` puts together.
    package mutating func append(_ write: (inout RedisArgument) -> Void) {
        let start = storage.count
        var argument = RedisArgument()
        swap(&argument.bytes, &storage)
        argument.bytes.append(contentsOf: repeatElement(0, count: Self.lengthBytes))
        write(&argument)
        swap(&argument.bytes, &storage)
        let length = UInt32(storage.count - start - Self.lengthBytes)
        storage.withUnsafeMutableBytes { $0.storeBytes(of: length, toByteOffset: start, as: UInt32.self) }
        argumentCount += 1
    }

    private mutating func append(raw bytes: UnsafeRawBufferPointer) {
        // Redis refuses arguments past 512 MB; a trap here is a defect of the caller, which must bound what it stores.
        withUnsafeBytes(of: UInt32(bytes.count)) { storage.append(contentsOf: $0) }
        storage.append(contentsOf: bytes)
        argumentCount += 1
    }
}

/// An argument in the making: its pieces, one after the other.
package struct RedisArgument {
    /// The arguments before it, and what there is of this one.
    fileprivate var bytes: [UInt8] = []

    package mutating func write(_ piece: [UInt8]) { bytes.append(contentsOf: piece) }

    package mutating func write(_ piece: ByteBuffer) {
        piece.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
    }

    /// - Parameter fill: writes all `count` bytes.
    package mutating func write(count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count))
        bytes.withUnsafeMutableBytes { fill(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
    }
}
