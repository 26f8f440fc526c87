// Everything that touches hiredis. Written against 0.14.1 and 1.x: integers are always bridged with `Int(…)`, since
// their widths differ, and replies are told apart with a `default:`, since 1.x knows more kinds.
private import CHiredis
package import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

// MARK: - Commands to bytes

package enum HiredisEncoder {
    /// Appends `command` in RESP to `buffer`.
    ///
    /// - Parameters:
    ///   - inFull: For a script's command: send `EVAL` and the source in place of `EVALSHA` and the SHA-1.
    ///   - onCluster: Send the form of the script that is for a Redis Cluster, if it has one.
    ///   - runID: What stands where the command has ``RedisCommand/appendRunID()``.
    /// - Returns: `false` if there was no memory for it; `buffer` is unchanged then.
    package static func append(
        _ command: RedisCommand,
        inFull: Bool = false,
        onCluster: Bool = false,
        runID: [UInt8] = [],
        to buffer: inout ByteBuffer
    ) -> Bool {
        let count = command.argumentCount
        return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { pointers in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { lengths in
                command.storage.withUnsafeBytes { storage in
                    var offset = 0
                    for index in 0..<count {
                        let length = Int(storage.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                        offset += RedisCommand.lengthBytes
                        pointers[index] = storage[offset..<offset + length].chars
                        lengths[index] = length
                        offset += length
                    }
                    let variant = onCluster ? command.script?.onCluster : nil
                    guard inFull || variant != nil || command.runIDIndex != nil else {
                        return append(pointers, lengths, to: &buffer)
                    }
                    // What stands in the command's own bytes is replaced where it is not the thing to send.
                    let script = inFull || variant != nil ? variant ?? command.script : nil
                    let text = (inFull ? script?.source : script?.sha1Bytes) ?? []
                    return evalName.withUnsafeBytes { name in
                        text.withUnsafeBytes { text in
                            runID.withUnsafeBytes { runID in
                                if script != nil { (pointers[1], lengths[1]) = (text[...].chars, text.count) }
                                if script != nil, inFull { (pointers[0], lengths[0]) = (name[...].chars, name.count) }
                                if let index = command.runIDIndex {
                                    (pointers[index], lengths[index]) = (runID[...].chars, runID.count)
                                }
                                return append(pointers, lengths, to: &buffer)
                            }
                        }
                    }
                }
            }
        }
    }

    private static let evalName = Array("EVAL".utf8)

    private static func append(
        _ pointers: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>,
        _ lengths: UnsafeMutableBufferPointer<Int>,
        to buffer: inout ByteBuffer
    ) -> Bool {
        // The "Sds" form is the faster of the two.
        var formatted: UnsafeMutablePointer<CChar>?
        let size = lengths.withMemoryRebound(to: size_t.self) {
            Int(redisFormatSdsCommandArgv(&formatted, CInt(pointers.count), pointers.baseAddress, $0.baseAddress))
        }
        guard size > 0, let formatted else { return false }
        defer { redisFreeSdsCommand(formatted) }
        buffer.writeBytes(UnsafeRawBufferPointer(start: formatted, count: size))
        return true
    }
}

extension Slice<UnsafeRawBufferPointer> {
    /// The slice as C knows it; for an empty one a pointer that must not be read.
    fileprivate var chars: UnsafePointer<CChar>? {
        base.baseAddress.map { ($0 + startIndex).assumingMemoryBound(to: CChar.self) }
    }
}

// MARK: - Bytes to replies

/// Cuts a stream of bytes into replies. Not thread-safe: its owner's event loop guards it.
package final class HiredisReader {
    private let reader: UnsafeMutablePointer<redisReader>
    private let parts = HiredisReplyParts()

    /// hiredis moves the rest of its buffer to the front after each kilobyte that it has read, so that a big feed takes
    /// quadratic time: 210 kB at once cost nine times as much as in slices of this size.
    static let sliceBytes = 4096

    package init() {
        // `nil` means that there is no memory for 200 bytes; Swift's own allocations end the program in that case too.
        guard let reader = redisReaderCreateWithFunctions(Self.functions) else {
            fatalError("hiredis has no memory for a reader.")
        }
        self.reader = reader
        reader.pointee.privdata = Unmanaged.passUnretained(parts).toOpaque()
    }

    /// Called by hiredis for each part of a reply. What they return only has to be something, and nothing is to be freed.
    // Unsafe, guarded by `static let`, which fills it once before anybody sees it: never written to after that, and never freed.
    nonisolated(unsafe) private static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(to: redisReplyObjectFunctions())
        functions.pointee.createString = { task, text, length in
            guard let task else { return nil }
            let kind: HiredisReplyParts.Kind =
                switch task.pointee.type {
                case REDIS_REPLY_STRING: .bulk
                case REDIS_REPLY_STATUS: .status
                case REDIS_REPLY_ERROR: .error
                // RESP3 kinds of hiredis 1.x. They come only to who says HELLO 3, and we do not.
                default: .unknown
                }
            return take(task) { $0.append(kind, UnsafeRawBufferPointer(start: text, count: Int(length))) }
        }
        functions.pointee.createArray = { task, count in take(task) { $0.append(.array, Int(count)) } }
        functions.pointee.createInteger = { task, value in take(task) { $0.append(.integer, Int(value)) } }
        functions.pointee.createNil = { task in take(task) { $0.append(.null) } }
        functions.pointee.freeObject = { _ in }
        return functions
    }()

    private static func take(
        _ task: UnsafePointer<redisReadTask>?,
        _ append: (HiredisReplyParts) -> Void
    ) -> UnsafeMutableRawPointer? {
        guard let data = task?.pointee.privdata else { return nil }
        append(Unmanaged<HiredisReplyParts>.fromOpaque(data).takeUnretainedValue())
        return data
    }

    deinit {
        redisReaderFree(reader)
    }

    /// Takes in `bytes` and calls `body` for each reply that they complete.
    ///
    /// - Parameter body: Returns whether to go on; after `false` the reader must not be fed again.
    /// - Throws: `.protocolViolation`. The error stays: the connection must be closed.
    package func feed(_ bytes: UnsafeRawBufferPointer, _ body: (HiredisReply) -> Bool) throws(RedisError) {
        var offset = 0
        while offset < bytes.count {
            let slice = bytes[offset..<min(offset + HiredisReader.sliceBytes, bytes.count)]
            guard redisReaderFeed(reader, slice.chars, slice.count) == REDIS_OK else { throw violation }
            while true {
                var raw: UnsafeMutableRawPointer?
                guard redisReaderGetReply(reader, &raw) == REDIS_OK else { throw violation }
                guard raw != nil else { break }
                defer { parts.removeAll() }
                guard body(HiredisReply(parts)) else { return }
            }
            offset += slice.count
        }
    }

    private var violation: RedisError {
        let reason = withUnsafeBytes(of: &reader.pointee.errstr) { text(of: $0) }
        return RedisError(.protocolViolation, "Redis sent something that is not RESP2: \(reason).", mayHaveRun: true)
    }
}

// MARK: - Opening a connection

/// A socket that is connected, logged in, and has nothing in flight.
struct HiredisSocket: Sendable {
    let descriptor: CInt
    /// Whose it is.
    let address: RedisConfiguration.Address
    /// Redis's `run_id`, which changes with each start of the server; `nil` if the user may not run `INFO`.
    let runID: String?

    func close() {
        #if canImport(Darwin)
            _ = Darwin.close(descriptor)
        #elseif canImport(Musl)
            _ = Musl.close(descriptor)
        #else
            _ = Glibc.close(descriptor)
        #endif
    }

    /// Connects, logs in, selects the database and asks who is there. Blocks, so call it on a thread of its own.
    ///
    /// The host's name is resolved at each call. The time-out is for the connect and for each answer.
    ///
    /// - Parameter requiresPrimary: Whether to refuse a server that is a replica.
    /// - Throws: `.timedOut`; `.unavailable` if there is no connection; `.server` if Redis refuses, such as `WRONGPASS`
    ///   or `LOADING`. In each case it makes sense to try again later.
    static func open(
        _ configuration: RedisConfiguration,
        requiresPrimary: Bool = false
    ) throws(RedisError) -> HiredisSocket {
        let context = try connect(configuration)
        do throws(RedisError) {
            let steps = HandshakeStep.all(for: configuration, requiresPrimary: requiresPrimary)
            var runID: String?
            for (step, reply) in zip(steps, try perform(steps, context, configuration)) {
                if step.tellsRunID { runID = reply.string.flatMap(HandshakeStep.runID) }
                if step.tellsRole, reply.array?.first?.string != "master" {
                    throw RedisError(
                        .unavailable,
                        "Redis at \(configuration.address) is not the primary any more, or not yet.",
                        mayHaveRun: false
                    )
                }
            }
            return HiredisSocket(
                descriptor: CInt(redisFreeKeepFd(context)),
                address: configuration.address,
                runID: runID
            )
        } catch {
            redisFree(context)
            throw error
        }
    }

    /// Connects, logs in, asks one thing, and closes. Blocks, and fails, as ``open(_:requiresPrimary:)``.
    ///
    /// - Parameter other: Something else to ask, which may be refused.
    /// - Returns: Both answers; `.null` for `other` if there is none.
    static func ask(
        _ command: RedisCommand,
        _ configuration: RedisConfiguration,
        and other: RedisCommand? = nil
    ) throws(RedisError) -> (RedisReply, RedisReply) {
        let context = try connect(configuration)
        defer { redisFree(context) }
        let logIn = HandshakeStep.logIn(configuration)
        var steps = logIn + [HandshakeStep(command: command)]
        if let other { steps.append(HandshakeStep(command: other, isRequired: false)) }
        let replies = try perform(steps, context, configuration).dropFirst(logIn.count)
        return (replies.first ?? .null, replies.dropFirst().first ?? .null)
    }

    private static func connect(
        _ configuration: RedisConfiguration
    ) throws(RedisError) -> UnsafeMutablePointer<redisContext> {
        // hiredis writes with `write`, which ends the process if the other side is gone.
        signal(SIGPIPE, SIG_IGN)
        let timeout = timeval(configuration.connectTimeout)
        let context: UnsafeMutablePointer<redisContext>?
        let isTCP: Bool
        switch configuration.address {
        case .tcp(let host, let port): (context, isTCP) = (redisConnectWithTimeout(host, CInt(port), timeout), true)
        case .unix(let path): (context, isTCP) = (redisConnectUnixWithTimeout(path, timeout), false)
        case .sentinel, .cluster: preconditionFailure("The server has to be found before it is connected to.")
        }
        guard let context else { throw RedisError(.unavailable, "There is no memory to connect.", mayHaveRun: false) }
        do throws(RedisError) {
            try check(context, configuration, "connect to")
            redisSetTimeout(context, timeout)
            // Not on a unix socket: it has no such option, and hiredis would report that as an error.
            if isTCP { redisEnableKeepAlive(context) }
            try check(context, configuration, "connect to")
            return context
        } catch {
            redisFree(context)
            throw error
        }
    }

    /// Sends all steps in one write and takes their replies; `.null` for one that failed and is not required.
    private static func perform(
        _ steps: [HandshakeStep],
        _ context: UnsafeMutablePointer<redisContext>,
        _ configuration: RedisConfiguration
    ) throws(RedisError) -> [RedisReply] {
        for step in steps {
            var bytes = ByteBuffer()
            guard HiredisEncoder.append(step.command, to: &bytes) else {
                throw RedisError(.unavailable, "There is no memory to log in.", mayHaveRun: false)
            }
            bytes.withUnsafeReadableBytes { _ = redisAppendFormattedCommand(context, $0[...].chars, $0.count) }
        }
        var replies: [RedisReply] = []
        for step in steps {
            var raw: UnsafeMutableRawPointer?
            guard redisGetReply(context, &raw) == REDIS_OK, let raw else {
                try check(context, configuration, "log in to")
                throw RedisError(.unavailable, "Redis closed the connection while logging in.", mayHaveRun: false)
            }
            defer { freeReplyObject(raw) }
            switch RedisReply(raw.assumingMemoryBound(to: redisReply.self)) {
            case .error(let text):
                if step.isRequired { throw RedisError(reply: text) }
                replies.append(.null)
            case let reply: replies.append(reply)
            }
        }
        return replies
    }

    private static func check(
        _ context: UnsafeMutablePointer<redisContext>,
        _ configuration: RedisConfiguration,
        _ verb: String
    ) throws(RedisError) {
        let error = context.pointee.err
        guard error != 0 else { return }
        let isTimeout = error == REDIS_ERR_IO && [EAGAIN, ETIMEDOUT].contains(errno)
        let reason = isTimeout ? "no answer in time" : withUnsafeBytes(of: &context.pointee.errstr) { text(of: $0) }
        throw RedisError(
            isTimeout ? .timedOut : .unavailable,
            "Could not \(verb) Redis at \(configuration.address): \(reason).",
            mayHaveRun: false
        )
    }
}

extension RedisReply {
    /// Copies an object that hiredis made.
    fileprivate init(_ pointer: UnsafePointer<redisReply>) {
        let text = UnsafeRawBufferPointer(start: pointer.pointee.str, count: Int(pointer.pointee.len))
        switch pointer.pointee.type {
        case REDIS_REPLY_STRING: self = .bulk(Array(text))
        case REDIS_REPLY_STATUS: self = .status(String(decoding: text, as: UTF8.self))
        case REDIS_REPLY_ERROR: self = .error(String(decoding: text, as: UTF8.self))
        case REDIS_REPLY_INTEGER: self = .integer(Int(pointer.pointee.integer))
        case REDIS_REPLY_ARRAY:
            self = .array(
                (0..<Int(pointer.pointee.elements)).map { index in
                    pointer.pointee.element[index].map { RedisReply($0) } ?? .null
                }
            )
        case REDIS_REPLY_NIL: self = .null
        default: self = .error("ERR reply of a kind that RESP2 does not have")
        }
    }
}

extension timeval {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init()
        tv_sec = .init(seconds)
        tv_usec = .init(attoseconds / 1_000_000_000_000)
    }
}

/// The text in a C array of fixed size, up to its zero byte.
private func text(of characters: UnsafeRawBufferPointer) -> String {
    String(decoding: characters.prefix { $0 != 0 }, as: UTF8.self)
}
