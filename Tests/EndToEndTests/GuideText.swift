import Foundation

/// The access guide as it is published, and the sample code in it.
///
/// Tests run the guide's own samples, so these are cut out of its text when they are needed and cannot drift from it.
/// Only the address is another one, and a token where the guide shows a made-up one.
struct GuideText {
    private let lines: [Substring]

    init() throws {
        let url = Repository.endToEndTests.appendingPathComponent("Guide/websocket-access-guide.zh.md")
        lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The code block number `number` (from 0) in that language under a heading.
    ///
    /// - Parameter heading: without its `#`, as in `步骤 1: 获取客户 Token`.
    func sample(under heading: String, in language: String, number: Int = 0) throws -> String {
        let section = try section(heading)
        let starts = section.indices.filter { section[$0] == "```\(language)" }
        guard starts.indices.contains(number), let end = section[starts[number]...].dropFirst().firstIndex(of: "```")
        else { throw EndToEndError("The guide has no sample \(number) in \(language) under \(heading).") }
        return section[(starts[number] + 1)..<end].joined(separator: "\n")
    }

    /// The rows of the first table under a heading, without its head; cells without spaces and back quotes.
    func table(under heading: String) throws -> [[String]] {
        try section(heading).drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }.dropFirst(2).map { row in
            row.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
        }
    }

    private func section(_ heading: String) throws -> ArraySlice<Substring> {
        guard let start = lines.firstIndex(where: { $0.hasPrefix("#") && $0.drop { $0 == "#" } == " \(heading)" })
        else {
            throw EndToEndError("The guide has no heading \(heading).")
        }
        let level = lines[start].prefix { $0 == "#" }.count
        var inCode = false
        let end = lines[(start + 1)...].firstIndex { line in
            if line.hasPrefix("```") { inCode.toggle() }
            let marks = line.prefix { $0 == "#" }.count
            return !inCode && (1...level).contains(marks) && line.dropFirst(marks).hasPrefix(" ")
        }
        return lines[(start + 1)..<(end ?? lines.endIndex)]
    }
}

extension String {
    /// A sample of the guide with the address of a running system.
    func on(_ stack: Stack) -> String {
        replacingOccurrences(of: "127.0.0.1:8080", with: "127.0.0.1:\(stack.edgePort)")
            .replacingOccurrences(of: "https://your-api.com", with: "http://127.0.0.1:\(stack.edgePort)")
            .replacingOccurrences(of: "wss://your-api.com", with: "ws://127.0.0.1:\(stack.edgePort)")
    }
}

/// Where things are.
enum Repository {
    static let endToEndTests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    static let root = endToEndTests.deletingLastPathComponent().deletingLastPathComponent()
    /// The folder with the programs: the one that the test bundle is in, as both are built together.
    static let programs: URL = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let folder = URL(fileURLWithPath: bundle).deletingLastPathComponent()
        let isBuilt = FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("gateway").path)
        return isBuilt ? folder : root.appendingPathComponent(".build/release")
    }()
}
