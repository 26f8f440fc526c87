package import NIOCore

/// What a frame is. Numbers that are not here are reserved.
///
/// Source: RFC 6455 §11.8.
package enum WebSocketOpcode: UInt8, CaseIterable, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case connectionClose = 8
    case ping = 9
    case pong = 10
}

/// The head of a client's frame: all of it but the payload.
///
/// Source: RFC 6455 §5.2.
package struct WebSocketFrameHead: Equatable, Sendable {
    /// FIN: the message ends with this frame.
    package var isLast: Bool
    /// RSV1 to RSV3, RSV1 as 4.
    package var reservedBits: UInt8
    package var opcode: UInt8
    /// The four bytes of the mask in their order in memory; `nil` without a mask.
    package var maskKey: UInt32?
    package var payloadBytes: Int

    package var isControl: Bool { opcode & 0x8 != 0 }

    /// 2 bytes, 8 of length, 4 of mask.
    package static let maxBytes = 14

    package enum Parsed: Equatable {
        /// The head goes on after these bytes.
        case incomplete
        /// No head begins like this.
        case invalid(reason: String)
        case head(WebSocketFrameHead, bytes: Int)
    }

    package static func parse(_ bytes: UnsafeRawBufferPointer) -> Parsed {
        guard bytes.count >= 2 else { return .incomplete }
        let isMasked = bytes[1] & 0x80 != 0
        var length = UInt64(bytes[1] & 0x7f)
        var size = 2
        switch length {
        case 126:
            size += 2
            guard bytes.count >= size else { return .incomplete }
            length = UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            guard length > 125 else { return .invalid(reason: "a length is not in its shortest form") }
        case 127:
            size += 8
            guard bytes.count >= size else { return .incomplete }
            length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard length > 0xffff else { return .invalid(reason: "a length is not in its shortest form") }
            guard length <= UInt64(Int64.max) else { return .invalid(reason: "a length has more than 63 bits") }
        default: break
        }
        var maskKey: UInt32?
        if isMasked {
            guard bytes.count >= size + 4 else { return .incomplete }
            maskKey = bytes.loadUnaligned(fromByteOffset: size, as: UInt32.self)
            size += 4
        }
        let head = WebSocketFrameHead(
            isLast: bytes[0] & 0x80 != 0,
            reservedBits: bytes[0] >> 4 & 0x7,
            opcode: bytes[0] & 0xf,
            maskKey: maskKey,
            payloadBytes: Int(length)
        )
        return .head(head, bytes: size)
    }
}

/// Frames as this server sends them: whole, without a mask.
package enum WebSocketFrame {
    /// What a payload's buffer should have free before its first byte, so that the head is written there and nothing is copied.
    package static let headroom = 10

    /// Puts the head before a payload.
    ///
    /// - Complexity: Constant, if the payload is its buffer's only owner's and has ``headroom``; else it is copied.
    package static func encode(_ opcode: WebSocketOpcode, _ payload: consuming ByteBuffer) -> ByteBuffer {
        let count = payload.readableBytes
        let size = count <= 125 ? 2 : count <= 0xffff ? 4 : 10
        guard payload.readerIndex >= size else {
            var roomy = ByteBuffer.withHeadroom(capacity: count)
            roomy.writeImmutableBuffer(payload)
            return encode(opcode, roomy)
        }
        var frame = payload
        let start = frame.readerIndex - size
        frame.setInteger(0x80 | opcode.rawValue, at: start)
        switch size {
        case 2: frame.setInteger(UInt8(count), at: start + 1)
        case 4:
            frame.setInteger(UInt8(126), at: start + 1)
            frame.setInteger(UInt16(count), at: start + 2)
        default:
            frame.setInteger(UInt8(127), at: start + 1)
            frame.setInteger(UInt64(count), at: start + 2)
        }
        frame.moveReaderIndex(to: start)
        return frame
    }
}

extension ByteBuffer {
    /// An empty one that ``WebSocketFrame/encode(_:_:)`` can put a head before.
    package static func withHeadroom(capacity: Int) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: WebSocketFrame.headroom + capacity)
        buffer.moveWriterIndex(to: WebSocketFrame.headroom)
        buffer.moveReaderIndex(to: WebSocketFrame.headroom)
        return buffer
    }
}

/// A mask that is taken off piece by piece.
///
/// Source: RFC 6455 §5.3.
struct WebSocketMask {
    private var key: UInt32

    /// - Parameter key: Its four bytes in their order in memory.
    init(key: UInt32) { self.key = key }

    /// Writes the next `source.count` bytes without their mask; `target` has room for them.
    mutating func remove(from source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        let wide = UInt64(key) << 32 | UInt64(key)
        var position = 0
        while position + 8 <= source.count {
            let word = source.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            target.storeBytes(of: word ^ wide, toByteOffset: position, as: UInt64.self)
            position += 8
        }
        withUnsafeBytes(of: key) { key in
            while position < source.count {
                target[position] = source[position] ^ key[position & 3]
                position += 1
            }
        }
        // So that the next piece begins with the byte that is due.
        withUnsafeBytes(of: key) { bytes in
            var turned: UInt32 = 0
            withUnsafeMutableBytes(of: &turned) { turned in
                for index in 0..<4 { turned[index] = bytes[(index + source.count) & 3] }
            }
            key = turned
        }
    }
}
