import Crypto

extension SHA256 {
    /// How a SHA-256 begins, as keys in Redis have it: two lower-case hexadecimal digits for each byte.
    ///
    /// - Parameter bytes: 1 to 32.
    static func text(of data: [UInt8], bytes: Int = SHA256.byteCount) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 2 * bytes) { buffer in
            var count = 0
            for byte in SHA256.hash(data: data).prefix(bytes) {
                buffer[count] = digits[Int(byte >> 4)]
                buffer[count + 1] = digits[Int(byte & 15)]
                count += 2
            }
            return count
        }
    }
}
