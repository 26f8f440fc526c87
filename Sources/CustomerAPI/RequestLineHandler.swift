import NIOCore

/// Percent-encodes raw UTF-8 in request lines. curl and scripts send `?name=张三` as it stands; the HTTP parser refuses such
/// bytes (RFC 3986 has ASCII only), and everybody expects it to work.
///
/// The second of two requests that arrive in one piece is not looked at: whoever pipelines encodes.
final class RequestLineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Whether the next bytes are of a request line.
    var isAtRequestLine = true { didSet { hasBegun = false } }
    /// Whether the request line's first bytes have come.
    private var hasBegun = false
    /// Called with each piece that arrives, before the parser has it.
    var onBytes: () -> Void = {}

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        onBytes()
        if isAtRequestLine { encodeRequestLine(of: &buffer) }
        context.fireChannelRead(wrapInboundOut(buffer))
    }

    private func encodeRequestLine(of buffer: inout ByteBuffer) {
        let bytes = buffer.readableBytesView
        // Empty lines before a request are allowed (RFC 9112 §2.2).
        let empty = bytes.prefix { !hasBegun && ($0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n")) }
        let start = empty.endIndex
        let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        if end < bytes.endIndex { isAtRequestLine = false } else if start < end { hasBegun = true }
        guard bytes[start..<end].contains(where: { $0 >= 0x80 }) else { return }
        var encoded = ByteBuffer()
        encoded.reserveCapacity(buffer.readableBytes * 2)
        for byte in bytes[..<end] {
            if byte < 0x80 {
                encoded.writeInteger(byte)
            } else {
                encoded.writeInteger(UInt8(ascii: "%"))
                encoded.writeInteger(hexDigit(byte >> 4))
                encoded.writeInteger(hexDigit(byte & 15))
            }
        }
        encoded.writeBytes(bytes[end...])
        buffer = encoded
    }

    private func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
