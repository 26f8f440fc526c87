import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

/// The JSON around every answer: `{"success":true,"data":…}` or `{"success":false,"error":{"code","message","field"?}}`.
///
/// Source: access guide, "Obtaining a Customer Token".
enum APIResponse {
    /// - Parameter status: 200, or 201 for what was created.
    static func success(_ data: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        // Sorted, as the order would otherwise change from answer to answer.
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return success(json: try encoder.encode(data), status: status)
    }

    /// With `data` as JSON text.
    static func success(json: some Sequence<UInt8>, status: HTTPResponse.Status = .ok) -> Response {
        var body = ByteBuffer(string: #"{"success":true,"data":"#)
        body.writeBytes(json)
        body.writeString("}")
        return response(status, body)
    }

    static func failure(_ error: APIError) -> Response {
        var response = response(error.status, failureBody(error))
        for field in error.headers { response.headers[field.name] = field.value }
        return response
    }

    static func failureBody(_ error: APIError) -> ByteBuffer {
        struct Failure: Encodable {
            let code: String
            let message: String
            let field: String?
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = try? encoder.encode(Failure(code: error.code, message: error.message, field: error.field))
        var body = ByteBuffer(string: #"{"success":false,"error":"#)
        body.writeBytes(json ?? Data(#"{"code":"internal_error","message":""}"#.utf8))
        body.writeString("}")
        return body
    }

    private static func response(_ status: HTTPResponse.Status, _ body: ByteBuffer) -> Response {
        let headers: HTTPFields = [
            .contentType: "application/json; charset=utf-8", .contentLength: String(body.readableBytes),
        ]
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}
