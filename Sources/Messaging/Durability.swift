/// `DURABILITY`: on how many replicas of Redis something must be before it is acknowledged.
package enum Durability {
    package static let expected = "single, replicated, or replicated:N with N from 1 to 5"

    /// - Returns: 0 for `single`, 1 for `replicated`, N for `replicated:N`; `nil` for anything else.
    package static func replicas(_ text: String) -> Int? {
        switch text {
        case "single": return 0
        case "replicated": return 1
        default:
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == "replicated", let count = Int(parts[1]), 1...5 ~= count else {
                return nil
            }
            return count
        }
    }
}
