import Crypto
@testable import CustomerAPI
import Foundation
import HTTPTypes
import Hummingbird
@testable import Messaging
import NIOCore
import NIOEmbedded

/// One byte that says which, then what a client of REST sends: the beginning of a connection, a JSON body, a place in the audit
/// log, or a proof of an identity.
enum RequestTarget: FuzzTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let which = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch which % 4 {
        case 0: checkRequestLine(bytes)
        case 1: checkBody(bytes)
        case 2: checkPosition(String(decoding: bytes, as: UTF8.self))
        default: checkProof(bytes)
        }
    }

    // MARK: Request lines

    /// The first byte says how the others are cut.
    private static func checkRequestLine(_ input: [UInt8]) {
        guard let seed = input.first else { return }
        let bytes = Array(input.dropFirst())
        // Bytes past ASCII in the first line that is not empty are encoded, all others are passed on.
        let start = bytes.firstIndex { $0 != 0x0D && $0 != 0x0A } ?? bytes.endIndex
        let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.endIndex
        let line = bytes[start..<end].flatMap { $0 < 0x80 ? [$0] : Array(String(format: "%%%02X", $0).utf8) }
        let expected = bytes[..<start] + line + bytes[end...]
        for pieces in [[bytes[...]], Array(Pieces(of: bytes, seed: seed))] {
            let channel = EmbeddedChannel()
            let handler = RequestLineHandler()
            var count = 0
            handler.onBytes = { count += 1 }
            var passed: [UInt8] = []
            do {
                try channel.pipeline.syncOperations.addHandler(handler)
                for piece in pieces {
                    try channel.writeInbound(ByteBuffer(bytes: piece))
                    while let buffer = try channel.readInbound(as: ByteBuffer.self) {
                        passed += buffer.readableBytesView
                    }
                }
                _ = try channel.finish()
            } catch {
                fatalError("Broken: \(error) while bytes are passed on")
            }
            promise(passed.elementsEqual(expected), "the parser gets \(expected), not \(passed)")
            promise(count == pieces.count, "each piece is told of")
            promise(handler.isAtRequestLine == (end == bytes.endIndex), "a line's end is seen")
        }
    }

    // MARK: Bodies

    private static let maxBodyBytes = 4096

    /// As a body with a field of each type that there is.
    private struct Body: JSONBody {
        let text: String
        let texts: JSONFields.Change<[String]>
        let number: JSONFields.Change<Int>
        let flag: JSONFields.Change<Bool>
        let object: ByteBuffer?

        init(fields: JSONFields) throws {
            try fields.refuseUnknown(except: ["text", "texts", "number", "flag", "object"])
            text = try fields.text("text")
            texts = try fields.optionalTexts("texts")
            number = try fields.optionalInteger("number")
            flag = try fields.optionalFlag("flag")
            object = try fields.optionalObject("object")
        }
    }

    private static func checkBody(_ bytes: [UInt8]) {
        let request = Request(
            uri: URI(query: nil),
            headers: [.contentType: "application/json"],
            body: RequestBody(ByteBuffer(bytes: bytes))
        )
        let whole = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) as? [String: Any]
        do {
            let body = try atOnce { try await BodyReader(maxBytes: maxBodyBytes).read(Body.self, from: request) }
            promise(bytes.count <= maxBodyBytes, "a body is short")
            // Of equal names one is as good as the other.
            guard let whole, whole.count == nameCount(bytes) else { return }
            promise(whole["text"] as? String == body.text, "a text is what was sent")
            if case .set(let texts) = body.texts { promise(whole["texts"] as? [String] == texts, "so are texts") }
            if case .set(let number) = body.number {
                promise((whole["number"] as? NSNumber)?.doubleValue == Double(number), "so is a number")
            }
            if case .set(let flag) = body.flag { promise(whole["flag"] as? Bool == flag, "so is a flag") }
            if let object = body.object {
                promise(
                    (try? JSONSerialization.jsonObject(with: Data(object.readableBytesView))) is [String: Any],
                    "and JSON"
                )
            }
        } catch let error as APIError {
            let codes = ["malformed_json", "body_too_large", "missing_field", "wrong_type", "unknown_field"]
            promise(codes.contains(error.code), "a body is refused as one, not \(error.code)")
            promise(error.field?.count ?? 0 <= 64 && error.message.count <= 2000, "an error quotes little")
        } catch {
            fatalError("Broken: \(error) is no answer")
        }
    }

    /// How many names stand at the top, with those that are there twice; `nil` where that is not simple.
    private static func nameCount(_ bytes: [UInt8]) -> Int? {
        let text = String(decoding: bytes, as: UTF8.self)
        return text.contains { "{[\\".contains($0) && $0 != "{" } || text.count(where: { $0 == "{" }) != 1
            ? nil : text.count { $0 == ":" }
    }

    /// What has nothing to wait for.
    private static func atOnce<Value>(_ work: @Sendable @escaping () async throws -> Value) throws -> Value {
        nonisolated(unsafe) var outcome: Result<Value, any Error>?
        let done = DispatchSemaphore(value: 0)
        Task {
            do { outcome = .success(try await work()) } catch { outcome = .failure(error) }
            done.signal()
        }
        done.wait()
        return try outcome!.get()
    }

    // MARK: Places in the audit log

    /// A place, and in a second line a time.
    private static func checkPosition(_ text: String) {
        let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard let position = AuditPosition(String(lines[0])) else { return }
        promise(AuditPosition(position.description) == position, "a place is read as it is shown")
        let words = position.description.split(separator: "-").map(String.init)
        promise(words.count == 3 && Int(words[0]) == position.milliseconds, "a place is three numbers")
        if let previous = position.previous { promise(previous < position, "what is before comes earlier") }
        let before = lines.count > 1 ? Int(lines[1]).map { Timestamp(milliseconds: $0) } : nil
        for stream in 0...Partition.count {
            guard let end = AuditPosition.end(of: stream, after: position, before: before) else { continue }
            promise(end < position, "what follows is older")
            promise(before.map { end.milliseconds < $0.milliseconds } ?? true, "and before the time that was asked for")
            promise(end.description.hasSuffix("-\(stream)"), "each stream goes on by itself")
        }
    }

    // MARK: Proofs

    private static let secret = "a secret that has thirty-two characters"
    private static let now = Timestamp(milliseconds: 1_700_000_000_000)
    private static let proof = IdentityProof(secrets: [.weChat: [secret]], isRequired: true)

    /// An id, a time and a signature, each in a line.
    private static func checkProof(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard lines.count == 3 else { return }
        check(lines[0], expires: Int(lines[1]), signature: lines[2])
        // As somebody who has the secret would sign it: it is good for its time, and altered it is not.
        guard let expires = Int(lines[1]) else { return }
        let good = signature(of: lines[0], expires)
        promise(
            check(lines[0], expires: expires, signature: good.uppercased())
                == check(lines[0], expires: expires, signature: good),
            "letters are alike"
        )
        promise(!check(lines[0] + "x", expires: expires, signature: good), "it is one id's")
        promise(!check(lines[0], expires: expires &+ 1, signature: good), "it is one time's")
        promise(!check(lines[0], expires: expires, signature: good + "00"), "it is as long as it is")
        for channel in [CustomerChannel.web, .line] {
            let isTaken = refusal(lines[0], in: channel, expires: expires, signature: good) == nil
            let isRandom = IdentityProof.isUnguessable(lines[0])
            promise(isTaken == (channel == .web && isRandom), "who can't prove needs an id that nobody guesses")
            promise(!isRandom || UUID(uuidString: String(lines[0].suffix(36))) != nil, "which ends with a UUID")
        }
    }

    /// - Returns: Whether it proves the id.
    @discardableResult
    private static func check(_ id: String, expires: Int?, signature: String) -> Bool {
        let seconds = now.milliseconds / 1000
        if let error = refusal(id, in: .weChat, expires: expires, signature: signature) {
            promise(
                ["proof_required", "proof_invalid", "proof_expired", "invalid_value"].contains(error.code),
                "as a proof"
            )
            if error.code == "proof_expired" { promise(expires! <= seconds, "what has expired ended before") }
            if error.code == "invalid_value" { promise(expires! > seconds + 24 * 3600, "what is too long is") }
            return false
        }
        promise(signature.lowercased() == self.signature(of: id, expires!), "only the right one is right")
        promise(expires! > seconds && expires! <= seconds + 25 * 3600, "and in its time")
        return true
    }

    /// Why it is no proof; `nil`: it is one, or none is wanted.
    private static func refusal(
        _ id: String,
        in channel: CustomerChannel,
        expires: Int?,
        signature: String
    ) -> APIError? {
        let claim = IdentityProof.Claim(signature: signature, expires: expires)
        do throws(APIError) {
            _ = try proof.check(claim, of: ChannelIdentity(channel: channel, channelID: id), by: .loopback, at: now)
            return nil
        } catch {
            return error
        }
    }

    private static func signature(of id: String, _ expires: Int) -> String {
        let key = Array(secret.utf8)
        let block = key + Array(repeating: 0, count: 64 - key.count)
        let text = Array("WECHAT\n\(id)\n\(expires)".utf8)
        let inner = SHA256.hash(data: block.map { $0 ^ 0x36 } + text)
        return SHA256.hash(data: block.map { $0 ^ 0x5c } + inner).map { String(format: "%02x", $0) }.joined()
    }
}
