import Foundation

/// What this server sent on a connection, read by RFC 9112 and RFC 6455 alone; ends the process where it breaks them.
struct ServerBytes {
    struct Answer {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]
    }

    struct Frame {
        let opcode: UInt8
        let payload: ArraySlice<UInt8>
    }

    private(set) var answers: [Answer] = []
    private(set) var frames: [Frame] = []

    /// - Parameter isUpgraded: whether there is no HTTP before the frames.
    init(_ bytes: [UInt8], isUpgraded: Bool) {
        var rest = bytes[...]
        var isUpgraded = isUpgraded
        while !isUpgraded, !rest.isEmpty {
            let answer = Self.answer(&rest)
            answers.append(answer)
            isUpgraded = answer.status == 101
        }
        while !rest.isEmpty { frames.append(Self.frame(&rest)) }
        promise(frames.dropLast().allSatisfy { $0.opcode != 8 }, "nothing is sent after a close frame")
    }

    private static func answer(_ rest: inout ArraySlice<UInt8>) -> Answer {
        let end = rest.firstRange(of: Array("\r\n\r\n".utf8))
        promise(end != nil, "an answer has a whole head")
        let head = String(decoding: rest[..<end!.lowerBound], as: UTF8.self)
        rest = rest[end!.upperBound...]
        let lines = head.components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ", maxSplits: 2)
        promise(words.count >= 2 && words[0] == "HTTP/1.1" && Int(words[1]) != nil, "an answer begins with its status")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            promise(parts.count == 2, "a header has a name and a value")
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let status = Int(words[1])!
        guard status != 101 else { return Answer(status: status, headers: headers, body: []) }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        // The answer to HEAD has the length of a body that does not come.
        let hasBody = rest.first == UInt8(ascii: "{")
        promise(!hasBody || rest.count >= length, "an answer's body is whole")
        let body = hasBody ? Array(rest.prefix(length)) : []
        rest = rest.dropFirst(body.count)
        if hasBody {
            promise((try? JSONSerialization.jsonObject(with: Data(body))) is [String: Any], "a body is a JSON object")
        }
        return Answer(status: status, headers: headers, body: body)
    }

    private static func frame(_ rest: inout ArraySlice<UInt8>) -> Frame {
        func take(_ count: Int) -> ArraySlice<UInt8> {
            promise(rest.count >= count, "a frame is whole")
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        let head = Array(take(2))
        promise(head[0] & 0xf0 == 0x80, "a frame is final, without reserved bits")
        promise(head[1] & 0x80 == 0, "a server's frame has no mask")
        var length = Int(head[1])
        if length == 126 {
            length = take(2).reduce(0) { $0 << 8 | Int($1) }
            promise(length > 125, "a length is in its shortest form")
        } else if length == 127 {
            length = take(8).reduce(0) { $0 << 8 | Int($1) }
            promise(length > 0xffff, "a length is in its shortest form")
        }
        let frame = Frame(opcode: head[0] & 0xf, payload: take(length))
        switch frame.opcode {
        case 1: promise(String(validating: frame.payload, as: UTF8.self) != nil, "a text frame is UTF-8")
        case 8:
            promise(frame.payload.count != 1 && frame.payload.count <= 125, "a close frame has a code or nothing")
            if frame.payload.count >= 2 {
                let code = frame.payload.prefix(2).reduce(0) { $0 << 8 | Int($1) }
                promise(
                    (1000..<5000).contains(code) && ![1004, 1005, 1006, 1015].contains(code),
                    "\(code) may be sent"
                )
                promise(String(validating: frame.payload.dropFirst(2), as: UTF8.self) != nil, "a reason is UTF-8")
            }
        case 9, 10: promise(frame.payload.count <= 125, "a control frame is short")
        default: promise(false, "there is no opcode \(frame.opcode)")
        }
        return frame
    }
}
