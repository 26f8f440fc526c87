import Crypto
import HTTPTypes
import Hummingbird
import NIOCore

/// The pages that come with the program: `/` (a page with the chat widget on it), `/widget.js` (the widget's one line),
/// `/console` (where agents answer) and `/web/FILE` for what these load. Every file of the folder `Web`, embedded.
///
/// Browsers ask each time whether a file is still the same (`ETag`, `Cache-Control: no-cache`), so that a new release
/// counts at once.
struct WebRoutes: Sendable {
    /// By name.
    private let files: [String: WebFile]

    init() {
        let files = EmbeddedWebFiles.contents.map { WebFile(name: $0.name, text: $0.text) }
        self.files = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0) })
    }

    func add(to router: Router<APIContext>) {
        for (path, name) in [("", "index.html"), ("console", "console.html"), ("widget.js", "widget.js")] {
            guard let file = files[name] else { continue }
            router.get(RouterPath(path)) { request, _ in file.response(to: request) }
        }
        router.get("web/:file") { request, context in
            guard let file = context.parameters.get("file").flatMap({ files[$0] }) else {
                throw APIError(.notFound, "not_found", "There is no such file.")
            }
            return file.response(to: request)
        }
    }
}

/// A file of the folder `Web`, as it is sent.
private struct WebFile: Sendable {
    let name: String
    private let body: ByteBuffer
    private let headers: HTTPFields

    init(name: String, text: StaticString) {
        self.name = name
        let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        body = ByteBuffer(bytes: bytes)
        var headers: HTTPFields = [
            .contentType: Self.contentType(of: name),
            // 16 hexadecimal digits of the content's hash: another file has another one.
            .eTag: "\"\(SHA256.hash(data: bytes).description.suffix(64).prefix(16))\"",
            .cacheControl: "no-cache",
            // The widget is for pages of other origins, also for those that isolate themselves.
            .crossOriginResourcePolicy: "cross-origin",
        ]
        if name.hasSuffix(".html") { headers[.contentSecurityPolicy] = Self.contentSecurityPolicy }
        self.headers = headers
    }

    /// 200, or 304 when the browser has it already.
    func response(to request: Request) -> Response {
        if let known = request.headers[.ifNoneMatch], known.contains(headers[.eTag]!) || known == "*" {
            return Response(status: .notModified, headers: headers)
        }
        var headers = headers
        headers[.contentLength] = String(body.readableBytes)
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }

    /// Nothing but our own files, our own addresses and pictures that scripts made: text that a customer wrote can't
    /// become a program, whatever a page does with it.
    ///
    /// `connect-src 'self'` allows WebSockets to this host too, and to no other.
    ///
    /// Source: [CSP Level 3](https://www.w3.org/TR/CSP3/), §6.7.2.8.
    private static let contentSecurityPolicy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
        connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    private static func contentType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "svg": "image/svg+xml"
        case "json": "application/json"
        default: "text/plain; charset=utf-8"
        }
    }
}

extension HTTPField.Name {
    static let crossOriginResourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
}
