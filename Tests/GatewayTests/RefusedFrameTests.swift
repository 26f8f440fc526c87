import Hiredis
import Messaging
import Testing

@Suite("Frames that are refused")
struct RefusedFrameTests {
    @Test("An agent's message must name a conversation, and the error says which message it is about")
    func agentNamesConversation() async throws {
        try await RunningGateway.run { gateway in
            let agent = try await AgentStore(redis: gateway.redis)
                .create(login: "ann", name: "Ann", role: .agent, passwordHash: "none")
            let token = try await gateway.tokens.issueAgentToken(for: agent.id).token

            let full = try await gateway.connect(token, "chat.v2")
            try await full.say("您好")
            #expect(
                try await full.next(containing: #""type":"error""#)
                    == #"{"type":"error","code":"missing_field","message":"An agent must name the conversation.","#
                    + #""field":"conversationId","requestType":"message","retry":false}"#
            )
            let unknown = UniqueID(in: agent.id.partition).description
            try await full.say("您好", in: unknown)
            let error = try await full.next(containing: #""type":"error""#)
            #expect(error.contains(#""code":"not_found""#))
            #expect(error.contains(#""requestType":"message","conversationId":"\#(unknown)""#))

            let guide = try await gateway.connect(token, "guide")
            try await guide.say("您好")
            let problem = try await guide.next(containing: "error")
            #expect(problem.contains("客服必须指明会话（conversationId）。 An agent must name the conversation."))
            #expect(problem.contains(#""code":"missing_field""#))
            try await full.close()
            try await guide.close()
        }
    }
}
