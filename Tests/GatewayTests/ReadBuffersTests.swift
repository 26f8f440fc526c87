import Gateway
import NIOCore
import Testing

@Suite("The memory that sockets are read into")
struct ReadBuffersTests {
    @Test("Of all that a socket was read into, NIO keeps a few bytes only; who sends much is read in larger pieces")
    func nothingIsKept() {
        var pool = NIOPooledRecvBufferAllocator(capacity: 1, recvAllocator: ReadBuffers())
        var capacities: [Int] = []
        for sent in [300, 284, 6, 5000, 5000, 100_000, 100_000, 100_000, 6, 6] {
            let (buffer, count) = pool.buffer(allocator: ByteBufferAllocator()) { buffer in
                buffer.writeRepeatingByte(0, count: min(sent, buffer.writableBytes))
            }
            pool.record(actualReadBytes: count)
            capacities.append(buffer.capacity)
        }
        #expect(capacities == [16, 1024, 1024, 1024, 2048, 4096, 8192, 16384, 16384, 1024])
        // The first one.
        #expect(pool.count == 1)
    }
}
