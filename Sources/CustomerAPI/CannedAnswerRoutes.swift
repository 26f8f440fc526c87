import Hummingbird
import Messaging

/// `/canned-answers`: what agents send often. For agents of any role.
struct CannedAnswerRoutes: Sendable {
    let answers: CannedAnswerStore
    let bodies: BodyReader

    func add(to group: RouterGroup<APIContext>) {
        group.get("canned-answers") { _, _ in
            try APIResponse.success(["answers": try await answers.answers().map(CannedAnswerJSON.init)])
        }
        group.post("canned-answers") { request, _ in
            let body = try await bodies.read(CannedAnswerBody.self, from: request)
            guard let shortcut = body.shortcut else { throw APIError.missing("shortcut") }
            guard let content = body.content else { throw APIError.missing("content") }
            let answer = try await answers.create(shortcut: shortcut, content: content)
            return try APIResponse.success(CannedAnswerJSON(answer), status: .created)
        }
        group.put("canned-answers/:id") { request, context in
            let id = try context.id(of: "canned answer")
            let body = try await bodies.read(CannedAnswerBody.self, from: request)
            let answer = try await answers.update(id, shortcut: body.shortcut, content: body.content)
            return try APIResponse.success(CannedAnswerJSON(answer))
        }
        group.delete("canned-answers/:id") { _, context in
            try await answers.delete(try context.id(of: "canned answer"))
            return APIResponse.success(json: "null".utf8)
        }
    }
}

/// The body of `POST /canned-answers`, which needs both, and of `PUT`, which changes what is named.
private struct CannedAnswerBody: JSONBody {
    let shortcut: String?
    let content: String?

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: ["shortcut", "content"])
        shortcut = try fields.optionalText("shortcut").required("shortcut", "a string").map { text in
            guard CannedAnswer.isShortcut(text) else {
                let most = CannedAnswer.maxShortcutCharacters
                throw APIError.invalid("shortcut", "\"shortcut\" must have 1 to \(most) letters, digits, - or _.")
            }
            return text
        }
        content = try fields.optionalText("content").required("content", "a string").map {
            try TextRules.notBlank($0, field: "content", maxCharacters: CannedAnswer.maxContentCharacters)
        }
    }
}

private struct CannedAnswerJSON: Encodable {
    let id: String
    let shortcut: String
    let content: String
    let updatedAt: String

    init(_ answer: CannedAnswer) {
        id = answer.id.description
        shortcut = answer.shortcut
        content = answer.content
        updatedAt = answer.updatedAt.iso8601
    }
}
