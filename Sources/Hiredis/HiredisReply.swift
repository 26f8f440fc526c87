/// The parts of the reply that hiredis is reading, each array before its elements. Kept in memory that is used again for the
/// next reply: hiredis' own objects are two allocations for each string, and a publication has three.
///
/// Owner: its ``HiredisReader``.
final class HiredisReplyParts {
    enum Kind { case bulk, status, error, integer, null, array, unknown }

    struct Part {
        let kind: Kind
        /// The integer, the number of bytes or of elements.
        let number: Int
        /// Where the bytes begin.
        let offset: Int
    }

    private(set) var parts: [Part] = []
    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 1)
    private var used = 0

    /// One large reply must not hold its memory for ever.
    private static let keptBytes = 64 * 1024
    private static let keptParts = 4096

    deinit { memory.deallocate() }

    func append(_ kind: Kind, _ number: Int = 0) {
        parts.append(Part(kind: kind, number: number, offset: used))
    }

    func append(_ kind: Kind, _ bytes: UnsafeRawBufferPointer) {
        append(kind, bytes.count)
        if memory.count - used < bytes.count { grow(by: bytes.count) }
        UnsafeMutableRawBufferPointer(rebasing: memory[used...]).copyMemory(from: bytes)
        used += bytes.count
    }

    private func grow(by count: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(2 * memory.count, used + count),
            alignment: 1
        )
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<used]))
        memory.deallocate()
        memory = larger
    }

    func removeAll() {
        parts.removeAll(keepingCapacity: parts.count <= Self.keptParts)
        used = 0
        guard memory.count > Self.keptBytes else { return }
        memory.deallocate()
        memory = .allocate(byteCount: 1024, alignment: 1)
    }

    func bytes(of part: Part) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[part.offset..<part.offset + part.number])
    }

    /// The value of the part at `index`, which moves behind it.
    func value(_ index: inout Int) -> RedisReply {
        let part = parts[index]
        index += 1
        switch part.kind {
        case .bulk: return .bulk(Array(bytes(of: part)))
        case .status: return .status(String(decoding: bytes(of: part), as: UTF8.self))
        case .error: return .error(String(decoding: bytes(of: part), as: UTF8.self))
        case .integer: return .integer(part.number)
        case .null: return .null
        case .array:
            var elements: [RedisReply] = []
            elements.reserveCapacity(part.number)
            for _ in 0..<part.number { elements.append(value(&index)) }
            return .array(elements)
        case .unknown: return .error("ERR reply of a kind that RESP2 does not have")
        }
    }

    /// Behind the part at `index` and, if it is an array, its elements.
    fileprivate func end(of index: Int) -> Int {
        guard parts[index].kind == .array else { return index + 1 }
        return (0..<parts[index].number).reduce(index + 1) { next, _ in end(of: next) }
    }
}

/// A reply that its reader owns: valid only until the closure that was given it returns. Take out what is needed.
package struct HiredisReply {
    private unowned(unsafe) let parts: HiredisReplyParts
    private let index: Int

    init(_ parts: HiredisReplyParts, _ index: Int = 0) {
        self.parts = parts
        self.index = index
    }

    /// The reply as a value, or as the error that it is.
    package func result() -> Result<RedisReply, RedisError> {
        switch value() {
        case .error(let text): .failure(RedisError(reply: text))
        case let reply: .success(reply)
        }
    }

    package func value() -> RedisReply {
        var index = index
        return parts.value(&index)
    }

    /// The bytes of a bulk, a status or an error, in place; empty for other kinds.
    package var bytes: UnsafeRawBufferPointer {
        let part = parts.parts[index]
        switch part.kind {
        case .bulk, .status, .error: return parts.bytes(of: part)
        default: return UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    var isError: Bool { parts.parts[index].kind == .error }

    /// The number of elements; 0 unless it is an array.
    package var count: Int { parts.parts[index].kind == .array ? parts.parts[index].number : 0 }

    /// The element at `index`, or `nil` past the end.
    package func element(_ index: Int) -> HiredisReply? {
        guard index < count else { return nil }
        var next = self.index + 1
        for _ in 0..<index { next = parts.end(of: next) }
        return HiredisReply(parts, next)
    }
}
