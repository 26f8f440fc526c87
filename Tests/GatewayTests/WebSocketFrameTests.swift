import Gateway
import NIOCore
import Testing

@Suite("Frames of the server")
struct WebSocketFrameTests {
    @Test("A head says the length in the shortest form", arguments: [0, 1, 125, 126, 65_535, 65_536, 200_000])
    func lengths(count: Int) throws {
        let payload = ByteBuffer(repeating: 0x61, count: count)
        var bytes = Array(WebSocketFrame.encode(.text, payload).readableBytesView)
        #expect(bytes.count == count + (count <= 125 ? 2 : count <= 65_535 ? 4 : 10))
        #expect(ServerFrame.read(from: &bytes) == [ServerFrame(opcode: 1, payload: Array(payload.readableBytesView))])
        #expect(bytes.isEmpty)
    }

    @Test("A payload that has room for its head is not copied")
    func headroom() {
        var payload = ByteBuffer.withHeadroom(capacity: 300)
        payload.writeRepeatingByte(0x62, count: 300)
        let before = payload.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        let frame = WebSocketFrame.encode(.text, consume payload)
        let after = frame.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        #expect(after == before - 4)
    }

    @Test("A payload that somebody else holds stays as it is")
    func shared() {
        var payload = ByteBuffer.withHeadroom(capacity: 4)
        payload.writeString("text")
        let other = payload
        let first = WebSocketFrame.encode(.text, payload)
        let second = WebSocketFrame.encode(.ping, payload)
        #expect(String(buffer: other) == "text")
        #expect(first.getInteger(at: first.readerIndex, as: UInt8.self) == 0x81)
        #expect(second.getInteger(at: second.readerIndex, as: UInt8.self) == 0x89)
    }
}
