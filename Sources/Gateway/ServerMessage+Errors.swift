package import Messaging
package import NIOCore

extension ServerMessage {
    /// What went wrong, for programs and for people.
    package struct Problem: Sendable, Equatable {
        /// Such as `malformed_json`.
        package var code: String
        /// One English sentence.
        package var message: String
        /// The JSON field at fault.
        package var field: String?
        /// Whether the same frame may be sent again later.
        package var retry: Bool

        package init(code: String, message: String, field: String? = nil, retry: Bool = false) {
            self.code = code
            self.message = message
            self.field = field
            self.retry = retry
        }

        package init(_ error: ClientMessageError) {
            self.init(code: error.code.rawValue, message: error.message, field: error.field)
        }

        package init(_ error: MessagingError) {
            self.init(
                code: error.code.rawValue,
                message: error.message,
                field: error.field,
                retry: error.code == .storeUnavailable || error.code == .rateLimited
            )
        }
    }

    /// A problem in the full dialect, with what tells which frame it is about.
    package static func error(_ problem: Problem, about frame: FrameReference) -> ByteBuffer {
        var json = JSONWriter(capacity: 256 + problem.message.utf8.count + frame.conversation.utf8.count)
        json.raw(#"{"type":"error","#)
        writeMembers(of: problem, to: &json)
        if let type = frame.type {
            json.raw(#","requestType":"#)
            json.string(type)
        }
        if !frame.conversation.isEmpty {
            json.raw(#","conversationId":"#)
            json.string(frame.conversation)
        }
        if let clientMessageID = frame.clientMessageID {
            json.raw(#","clientMessageId":"#)
            json.raw(clientMessageID)
        }
        json.raw(#","retry":"#)
        json.bool(problem.retry)
        json.raw("}")
        return json.buffer
    }

    /// A problem in the guide dialect: a message from `senderId` `system`, whose `content` a page can show as it is, Chinese
    /// first, and an `error` object for programs.
    ///
    /// - Parameters:
    ///   - channel: the customer's; for an agent, the conversation's. Without either, `channel` is empty.
    ///   - conversationID: the conversation it is about; without one, `conversationId` is empty.
    package static func guideError(
        _ problem: Problem,
        channel: CustomerChannel?,
        conversationID: UniqueID?,
        at: Timestamp
    ) -> ByteBuffer {
        var json = JSONWriter(capacity: 320 + problem.message.utf8.count * 2)
        json.raw(#"{"channel":""#)
        json.raw(channel?.rawValue ?? "")
        json.raw(#"","conversationId":"#)
        if let conversationID { json.id(conversationID) } else { json.raw("\"\"") }
        json.raw(#","senderId":"system","content":"#)
        json.string("\(chinese(problem)) \(problem.message)")
        json.raw(#","timestamp":"#)
        json.time(at)
        json.raw(#","error":{"#)
        writeMembers(of: problem, to: &json)
        json.raw("}}")
        return json.buffer
    }

    private static func writeMembers(of problem: Problem, to json: inout JSONWriter) {
        json.raw(#""code":"#)
        json.string(problem.code)
        json.raw(#","message":"#)
        json.string(problem.message)
        if let field = problem.field {
            json.raw(#","field":"#)
            json.string(field)
        }
    }

    /// What a person reads first, for each code of ``ClientMessageError`` and `MessagingError`.
    private static func chinese(_ problem: Problem) -> String {
        switch problem.code {
        case "malformed_json": "消息格式错误：必须是一个 JSON 对象。"
        case "missing_field" where problem.field == "conversationId": "客服必须指明会话（conversationId）。"
        case "missing_field": "消息缺少必填字段。"
        case "invalid_value": "消息中有无效的值。"
        case "too_long": "消息中有过长的字段。"
        case "unknown_type": "未知的消息类型。"
        case "not_found": "会话不存在。"
        case "conflict": "该会话已由其他客服处理。"
        case "forbidden": "没有权限执行此操作。"
        case "unauthenticated": "登录已失效，请重新获取令牌。"
        case "rate_limited": "发送过于频繁，请稍后再试。"
        case "limit_reached": "已达到数量上限。"
        case "store_unavailable": "服务暂时不可用，消息可能未保存，请稍后重试。"
        default: "消息未能处理。"
        }
    }
}
