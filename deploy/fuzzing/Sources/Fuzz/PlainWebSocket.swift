/// What RFC 6455 makes of a client's bytes, written as simply as it can be and for all bytes at once: what the gateway's state
/// machine is held against.
enum PlainWebSocket {
    /// The text messages before the first byte that breaks a rule, asks to close, or is missing.
    static func messages(in bytes: [UInt8], maxMessageBytes: Int) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var message: [UInt8]?
        var pieces = 0
        var position = 0
        while position + 2 <= bytes.count {
            let (first, second) = (bytes[position], bytes[position + 1])
            position += 2
            guard first & 0x70 == 0, second & 0x80 != 0 else { return messages }
            var length = UInt64(second & 0x7f)
            let isControl = first & 8 != 0
            if length > 125 {
                let count = length == 126 ? 2 : 8
                guard !isControl, position + count <= bytes.count else { return messages }
                length = bytes[position..<position + count].reduce(0) { $0 << 8 | UInt64($1) }
                guard length > (count == 2 ? 125 : 0xffff), length <= UInt64(maxMessageBytes) else { return messages }
                position += count
            }
            guard position + 4 + Int(length) <= bytes.count else { return messages }
            let mask = bytes[position..<position + 4]
            let payload = bytes[position + 4..<position + 4 + Int(length)].enumerated().map {
                $1 ^ mask[mask.startIndex + $0 % 4]
            }
            position += 4 + Int(length)

            let isFinal = first & 0x80 != 0
            switch first & 0xf {
            case 0:
                pieces += 1
                guard message != nil, pieces <= 1024 else { return messages }
                message! += payload
            case 1:
                guard message == nil else { return messages }
                message = payload
                pieces = 1
            case 9, 10:
                guard isFinal else { return messages }
                continue
            default: return messages
            }
            guard message!.count <= maxMessageBytes else { return messages }
            if isFinal {
                guard String(validating: message!, as: UTF8.self) != nil else { return messages }
                messages.append(message!)
                message = nil
            }
        }
        return messages
    }
}
