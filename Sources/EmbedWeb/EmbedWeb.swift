import Foundation
import PackagePlugin

/// Turns the files of the folder `Web` of a target into a Swift source of that target, whenever one of them changes, so
/// that the program is still one file.
///
/// `.embedInCode` would do that too, but writes an array of numbers, which the compiler takes 0.1 ms a byte for: half a
/// minute for this folder, with each build of the target. A string literal costs nothing.
@main
struct EmbedWeb: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        guard let target = target as? any SourceModuleTarget else { return [] }
        let folder = target.directoryURL.appending(path: "Web")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { !$0.lastPathComponent.hasPrefix(".") }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedWebFiles.swift")
        return [
            .buildCommand(
                displayName: "Embedding the files of \(target.name)/Web",
                executable: try context.tool(named: "WebEmbedder").url,
                arguments: [output.path] + files.map(\.path),
                inputFiles: files,
                outputFiles: [output]
            )
        ]
    }
}
