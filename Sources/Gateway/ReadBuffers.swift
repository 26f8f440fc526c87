package import NIOCore

/// Memory that sockets are read into, which none of them holds while it is idle.
///
/// NIO keeps the first buffer that a channel was read into, for the next read; and with a `maxMessagesPerRead` of 1, which this
/// is made for, no second one. So the first is as small as can be: the handshake's first bytes. Each later one is made for one
/// read, and gone after it.
package struct ReadBuffers: RecvByteBufferAllocator {
    private static let first = 16
    /// Holds a handshake, and is of a size that the system's allocator has at hand.
    private static let usual = 1024
    /// For those who send more than a buffer at a time.
    private static let largest = 16 * 1024

    private var size = first

    package init() {}

    package func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: size) }

    /// - Returns: `true`, whatever comes next: what was read into is not used again.
    package mutating func record(actualReadBytes: Int) -> Bool {
        size = actualReadBytes < size ? Self.usual : min(max(2 * size, Self.usual), Self.largest)
        return true
    }
}
