import Hummingbird
import Messaging
import NIOCore

/// `/conversations/{id}/notes`: what agents write for each other. For agents of any role.
struct NoteRoutes: Sendable {
    let conversations: ConversationStore
    let bodies: BodyReader

    func add(to group: RouterGroup<APIContext>) {
        group.get("conversations/:id/notes") { _, context in
            let notes = try await conversations.notes(of: try context.id(of: "conversation"))
            var json = ByteBuffer(string: #"{"notes":["#)
            for (index, note) in notes.enumerated() {
                if index > 0 { json.writeString(",") }
                note.writeJSON(into: &json)
            }
            json.writeString("]}")
            return APIResponse.success(json: json.readableBytesView)
        }
        group.post("conversations/:id/notes") { request, context in
            let agent = try context.agent()
            let id = try context.id(of: "conversation")
            let body = try await bodies.read(NewNote.self, from: request)
            let note = try await conversations.addNote(body.content, to: id, by: agent.id, name: agent.name)
            var json = ByteBuffer()
            note.writeJSON(into: &json)
            return APIResponse.success(json: json.readableBytesView, status: .created)
        }
    }
}

/// The body of `POST /conversations/{id}/notes`.
private struct NewNote: JSONBody {
    let content: String

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: ["content"])
        content = try TextRules.notBlank(
            try fields.text("content"),
            field: "content",
            maxCharacters: Note.maxCharacters
        )
    }
}
