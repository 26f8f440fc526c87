import Glibc
import Messaging
import NIOCore
import NIOPosix

/// Attachments as files of a folder: `XX/ID`, where XX are the first two digits of ID, so that no folder gets too many, and
/// `uploads/ID` while one arrives. A path is made of an id of ours alone; the name that a client gave is in Redis.
///
/// Several programs may share the folder. Everything here blocks, so it runs on NIO's thread pool.
struct AttachmentFolder: Sendable {
    let path: String

    /// What is left of an upload that is older was left behind by a crash.
    private static let abandonedAfter = 3600
    /// So much of the disk stays free: what it is full of may be Redis's file.
    static let minFreeBytes = 256 * 1024 * 1024

    private var uploads: String { "\(path)/uploads" }
    private func upload(_ id: UniqueID) -> String { "\(uploads)/\(id)" }
    private func folder(_ id: UniqueID) -> String { "\(path)/\(id.description.prefix(2))" }
    private func file(_ id: UniqueID) -> String { "\(folder(id))/\(id)" }

    /// Makes the folder if it is not there, sees that it can be written, and removes what crashes left.
    ///
    /// - Throws: ``StartError``.
    func prepare() throws {
        for folder in [path, uploads] where mkdir(folder, 0o700) != 0 && errno != EEXIST {
            throw StartError("ATTACHMENTS_DIR: can't make \(folder): \(Self.reason)")
        }
        guard access(uploads, W_OK | X_OK) == 0, let list = opendir(uploads) else {
            throw StartError("ATTACHMENTS_DIR: can't write in \(uploads): \(Self.reason)")
        }
        defer { closedir(list) }
        while let entry = readdir(list) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            guard let id = UniqueID(name), stat(upload(id), &status) == 0 else { continue }
            if status.st_mtim.tv_sec < time(nil) - Self.abandonedAfter { unlink(upload(id)) }
        }
    }

    /// A file that is written or read.
    // Its descriptor never changes; one task at a time uses it.
    final class OpenFile: Sendable {
        fileprivate let descriptor: Int32
        fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }
    }

    /// Begins a file for an attachment that arrives, and takes its room, so that others that arrive meanwhile don't.
    ///
    /// - Throws: 507 when the disk has not enough room for `size` bytes.
    func begin(_ id: UniqueID, size: Int) async throws -> OpenFile {
        try await run {
            guard hasRoom(for: size) else { throw APIError.storageFull }
            let descriptor = Glibc.open(upload(id), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw Self.failure("begin an upload") }
            let file = OpenFile(descriptor)
            guard size > 0 else { return file }
            var result: Int32
            repeat { result = posix_fallocate(descriptor, 0, size) } while result == EINTR
            // A disk that reserves nothing still takes what it has room for.
            guard ![ENOSPC, EDQUOT].contains(result) else { throw APIError.storageFull }
            // Others may have taken theirs since the first look.
            guard hasRoom(for: 0) else { throw APIError.storageFull }
            return file
        }
    }

    /// Whether enough stays free with `size` bytes more.
    private func hasRoom(for size: Int) -> Bool {
        var disk = statvfs()
        return statvfs(path, &disk) != 0 || Int(disk.f_bavail) * Int(disk.f_frsize) >= size + Self.minFreeBytes
    }

    func write(_ part: ByteBuffer, to file: OpenFile) async throws {
        try await run {
            var rest = part.readableBytesView
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(file.descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw Self.failure("write an upload") }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Sees that what was written is on the disk.
    func sync(_ file: OpenFile) async throws {
        try await run { if fsync(file.descriptor) != 0 { throw Self.failure("sync an upload") } }
    }

    /// The upload is complete and recorded: puts it where it is found.
    func keep(_ id: UniqueID) async throws {
        try await run {
            if mkdir(folder(id), 0o700) != 0, errno != EEXIST { throw Self.failure("make a folder") }
            if rename(upload(id), file(id)) != 0 { throw Self.failure("keep an upload") }
        }
    }

    /// The upload was refused or broken off.
    func discard(_ id: UniqueID) async {
        try? await run { _ = unlink(upload(id)) }
    }

    /// Removes an attachment; one that is not there is no error.
    func remove(_ id: UniqueID) async throws {
        try await run {
            if unlink(file(id)) != 0, errno != ENOENT { throw Self.failure("remove an attachment") }
        }
    }

    /// - Returns: `nil` if there is no such file.
    func open(_ id: UniqueID) async throws -> OpenFile? {
        try await run {
            let descriptor = Glibc.open(file(id), O_RDONLY | O_CLOEXEC)
            if descriptor < 0, errno == ENOENT { return nil }
            guard descriptor >= 0 else { throw Self.failure("open an attachment") }
            return OpenFile(descriptor)
        }
    }

    /// The next bytes, `size` at most; empty at the end.
    func read(_ file: OpenFile, upTo size: Int) async throws -> ByteBuffer {
        try await run {
            var buffer = ByteBuffer()
            try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
                while true {
                    let count = Glibc.read(file.descriptor, bytes.baseAddress, size)
                    if count >= 0 { return count }
                    guard errno == EINTR else { throw Self.failure("read an attachment") }
                }
            }
            return buffer
        }
    }

    private func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await NIOThreadPool.singleton.runIfActive(work)
    }

    private static var reason: String { String(cString: strerror(errno)) }

    /// What goes to the log, with status 500.
    private static func failure(_ what: String) -> any Error {
        errno == ENOSPC || errno == EDQUOT ? APIError.storageFull : AttachmentFolderError("Can't \(what): \(reason)")
    }
}

/// The folder of the attachments does not do what it should.
struct AttachmentFolderError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension APIError {
    /// 507: the disk is full, or nearly.
    static var storageFull: APIError {
        APIError(
            .init(code: 507, reasonPhrase: "Insufficient Storage"),
            "storage_full",
            "There is no room for more attachments."
        )
    }
}
