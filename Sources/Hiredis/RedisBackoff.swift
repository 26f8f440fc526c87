/// How long to wait before the next attempt to connect: "full jitter", a random time between nothing and a ceiling that
/// doubles with each failure.
///
/// With the randomness, a thousand gateways that lost Redis at the same moment do not come back at the same moment.
///
/// Source: [Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
package struct RedisBackoff: Sendable, Hashable {
    /// The ceiling after the first failure.
    package var first: Duration
    /// What the ceiling never passes: half a second, so that everything goes on within two of Redis accepting again.
    package var longest: Duration

    package init(first: Duration = .milliseconds(50), longest: Duration = .milliseconds(500)) {
        self.first = first
        self.longest = longest
    }

    /// - Parameter failures: How many attempts have failed in a row, from 1.
    package func ceiling(afterFailures failures: Int) -> Duration {
        // 2^20 times any sensible `first` is past `longest`; the cap keeps the product from overflowing.
        min(longest, first * (1 << min(max(failures - 1, 0), 20)))
    }

    package func delay(afterFailures failures: Int) -> Duration {
        ceiling(afterFailures: failures) * Double.random(in: 0...1)
    }
}
