import Foundation

/// A headless Chromium, driven by chromedriver.
///
/// Source: [WebDriver](https://www.w3.org/TR/webdriver2/).
final class Browser: Sendable {
    private let driver: Program
    private let port: Int
    private let session: String
    private let profile: URL

    /// Starts one, runs `body` and stops it, also when `body` throws.
    static func run(_ body: (Browser) async throws -> Void) async throws {
        let browser = try await Browser()
        do {
            try await body(browser)
        } catch {
            try await browser.quit()
            throw error
        }
        try await browser.quit()
    }

    private init() async throws {
        port = try Ports.freeBlock()
        profile = Program.temporaryFile("chromium")
        driver = try Program("chromedriver", ["--port=\(port)"])
        try await driver.line(containing: "started successfully")
        // As root and in containers Chromium needs to do without its sandbox, and without /dev/shm.
        let options =
            #"{"args":["--headless=new","--no-sandbox","--disable-gpu","--disable-dev-shm-usage","#
            + #""--no-first-run","--disable-background-networking","--user-data-dir=\#(profile.path)"]}"#
        let answer = try await Curl.request(
            "POST",
            port: port,
            "/session",
            json:
                #"{"capabilities":{"alwaysMatch":{"browserName":"chrome","acceptInsecureCerts":true,"goog:chromeOptions":\#(options)}}}"#
        )
        guard let session = answer.json["value"]["sessionId"].string else {
            throw EndToEndError("Chromium did not start: \(answer)")
        }
        self.session = session
    }

    private func quit() async throws {
        _ = try? await Curl.request("DELETE", port: port, "/session/\(session)")
        try await driver.kill()
        try? FileManager.default.removeItem(at: driver.outputFile)
        try? FileManager.default.removeItem(at: profile)
    }

    private func command(_ path: String, _ json: String) async throws -> JSON {
        let answer = try await Curl.request("POST", port: port, "/session/\(session)\(path)", json: json)
        guard answer.status == 200 else { throw EndToEndError("The browser refused \(path): \(answer)") }
        return answer.json["value"]
    }

    func open(_ url: String) async throws { _ = try await command("/url", #"{"url":\#(url.jsonLiteral)}"#) }

    /// Types into the element, as a person does.
    func type(_ text: String, into selector: String) async throws {
        _ = try await command("/element/\(try await element(selector))/value", #"{"text":\#(text.jsonLiteral)}"#)
    }

    func click(_ selector: String) async throws {
        _ = try await command("/element/\(try await element(selector))/click", "{}")
    }

    private func element(_ selector: String) async throws -> String {
        let found = try await command("/element", #"{"using":"css selector","value":\#(selector.jsonLiteral)}"#)
        guard case .object(let members) = found, let id = members.values.first?.string else {
            throw EndToEndError("There is no element \(selector): \(found)")
        }
        return id
    }

    /// The value of an expression in the page's scope.
    func value(of expression: String) async throws -> JSON {
        try await command("/execute/sync", #"{"script":\#("return \(expression);".jsonLiteral),"args":[]}"#)
    }

    /// Waits until an expression in the page is true.
    func wait(until expression: String) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try await value(of: expression) != .bool(true) {
            guard ContinuousClock.now < deadline else {
                let page = try await value(of: "document.documentElement.outerHTML").string ?? ""
                throw EndToEndError("Waited in vain for \(expression) in \(page.prefix(2000))")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

/// Serves a folder's files from an origin of its own, which is not the API's.
final class PageServer: Sendable {
    private let program: Program
    let origin: String

    init(folder: URL) async throws {
        let script = Repository.endToEndTests.appendingPathComponent("Harness/page-server.js").path
        program = try Program("node", [script, folder.path])
        let line = try await program.line(containing: "http://")
        origin = line
    }

    deinit {
        program.send(SIGKILL)
        try? FileManager.default.removeItem(at: program.outputFile)
    }
}
