import Gateway
import Messaging
import NIOCore
import Testing

@Suite("A message for many sockets of one gateway")
struct EncodedMessageTests {
    @Test("It is encoded once for each dialect, however many sockets it goes to", arguments: [Dialect.guide, .full])
    func once(dialect: Dialect) throws {
        let tail = Message.recordTail(
            content: ByteBuffer(string: #""hello""#),
            metadata: nil,
            clientMessageID: nil,
            senderNote: nil
        )
        var record = ByteBuffer(string: "\(UniqueID(in: Partition(3))) a \(UniqueID(in: Partition(0))) 1 - ")
        record.writeImmutableBuffer(tail)
        let message = Message(
            record: record,
            conversation: UniqueID(in: Partition(3)),
            seq: 1,
            generation: 1,
            channel: .web
        )
        let item = EncodedMessage(try #require(message))
        let frames = (0..<1000).map { _ in item.frame(in: dialect) }
        // The same memory, not only the same bytes.
        let places = Set(frames.map { frame in frame.withUnsafeReadableBytes { $0.baseAddress } })
        #expect(places.count == 1)
        #expect(frames[0].readableBytesView.contains(UInt8(ascii: "{")))
    }
}
