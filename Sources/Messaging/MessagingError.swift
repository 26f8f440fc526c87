package import Hiredis

/// What went wrong in the domain: a code to switch on, a message for people, and Redis's error as its cause.
///
/// Messages name no token and no message text. customer-api maps codes to HTTP statuses, the gateway to error frames and
/// close codes, each in one place.
package struct MessagingError: Error, Sendable {
    package enum Code: String, Sendable {
        /// A value is not acceptable; `field` names it.
        case invalidValue = "invalid_value"
        /// No customer, conversation, agent with that id.
        case notFound = "not_found"
        /// Somebody else has it: a channel identity, a login, a conversation.
        case conflict
        /// Somebody else changed it since the version that the caller names.
        case preconditionFailed = "precondition_failed"
        /// The principal may not do this.
        case forbidden
        /// A proof of identity that was used by somebody else, or ended with a customer's tokens.
        case proofUsed = "proof_used"
        /// No such token, or it ended.
        case unauthenticated
        /// Too often; `retryAfter` tells when again.
        case rateLimited = "rate_limited"
        /// A stated limit is reached.
        case limitReached = "limit_reached"
        /// Redis gave no answer, or not the expected one. Safe to repeat if `mayHaveRun` is false.
        case storeUnavailable = "store_unavailable"
    }

    package let code: Code
    package let message: String
    /// The JSON field at fault.
    package var field: String?
    package var retryAfter: Duration?
    package var cause: RedisError?

    package init(
        _ code: Code,
        _ message: String,
        field: String? = nil,
        retryAfter: Duration? = nil,
        cause: RedisError? = nil
    ) {
        self.code = code
        self.message = message
        self.field = field
        self.retryAfter = retryAfter
        self.cause = cause
    }

    /// Redis failed.
    package init(_ cause: RedisError) {
        if cause.code == .notReplicated {
            self.init(notReplicated: cause)
            return
        }
        self.init(
            .storeUnavailable,
            "The message store is not available at the moment. Please try again.",
            retryAfter: .seconds(1),
            cause: cause
        )
    }

    /// Redis did it, and no replica has it for certain.
    init(notReplicated cause: RedisError?) {
        self.init(
            .storeUnavailable,
            "This is done, but no replica of the store has confirmed it, so a failover could undo it. Please repeat it; a "
                + "message only with the same clientMessageId, or it comes twice.",
            retryAfter: .seconds(1),
            cause: cause
        )
    }

    /// A script answered in a shape that this program does not know: two versions at work, or a defect.
    package static func unexpectedReply(to script: String) -> MessagingError {
        MessagingError(.storeUnavailable, "The message store gave an unexpected answer (\(script)).")
    }
}
