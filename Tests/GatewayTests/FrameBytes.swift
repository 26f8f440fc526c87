import Gateway
import NIOCore

/// The bytes of a frame as a client sends it.
func frameBytes(
    _ opcode: WebSocketOpcode,
    _ payload: some Sequence<UInt8>,
    fin: Bool = true,
    rsv: UInt8 = 0,
    masked: Bool = true
) -> [UInt8] {
    frameBytes(opcode.rawValue, payload, fin: fin, rsv: rsv, masked: masked)
}

/// The same, also for opcodes that are reserved.
func frameBytes(
    _ opcode: UInt8,
    _ payload: some Sequence<UInt8>,
    fin: Bool = true,
    rsv: UInt8 = 0,
    masked: Bool = true
) -> [UInt8] {
    let payload = Array(payload)
    var bytes: [UInt8] = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
    let mask: UInt8 = masked ? 0x80 : 0
    switch payload.count {
    case 0...125: bytes.append(mask | UInt8(payload.count))
    case 126...65_535: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    default: bytes += [mask | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
    }
    guard masked else { return bytes + payload }
    let key: [UInt8] = [0x37, 0xfa, 0x21, 0x3d]
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
}

/// A frame whose head says that its payload has another length, in 64 bits.
func frameBytes(_ opcode: WebSocketOpcode, _ payload: [UInt8], claiming length: UInt64) -> [UInt8] {
    let size = (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
    return [0x80 | opcode.rawValue, 0xff] + size + [0, 0, 0, 0] + payload
}

func textBytes(_ text: String, fin: Bool = true) -> [UInt8] { frameBytes(.text, text.utf8, fin: fin) }

func closeBytes(_ code: UInt16, _ reason: String = "") -> [UInt8] {
    frameBytes(.connectionClose, [UInt8(code >> 8), UInt8(code & 255)] + reason.utf8)
}

/// A frame of the server, read from its bytes.
struct ServerFrame: Equatable, CustomStringConvertible {
    var opcode: UInt8
    var payload: [UInt8]

    static func text(_ text: String) -> ServerFrame { ServerFrame(opcode: 1, payload: Array(text.utf8)) }
    static func pong(_ text: String) -> ServerFrame { ServerFrame(opcode: 10, payload: Array(text.utf8)) }
    static func close(_ code: UInt16) -> ServerFrame {
        ServerFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 255)])
    }

    /// The code of a close frame.
    var closeCode: UInt16? {
        opcode == 8 && payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
    }
    var text: String { String(decoding: payload, as: UTF8.self) }
    var description: String { "\(opcode): \(closeCode.map(String.init) ?? text)" }

    /// Reads whole frames from the front of `bytes`; the rest stays. `nil` if one is masked or has a reserved bit.
    static func read(from bytes: inout [UInt8]) -> [ServerFrame]? {
        var frames: [ServerFrame] = []
        while bytes.count >= 2 {
            guard bytes[0] & 0xf0 == 0x80, bytes[1] & 0x80 == 0 else { return nil }
            var (start, length) = (2, Int(bytes[1]))
            if length >= 126 {
                let size = length == 126 ? 2 : 8
                guard bytes.count >= 2 + size else { break }
                length = bytes[2..<(2 + size)].reduce(0) { $0 << 8 | Int($1) }
                start += size
            }
            guard bytes.count >= start + length else { break }
            frames.append(ServerFrame(opcode: bytes[0] & 15, payload: Array(bytes[start..<(start + length)])))
            bytes.removeFirst(start + length)
        }
        return frames
    }
}
