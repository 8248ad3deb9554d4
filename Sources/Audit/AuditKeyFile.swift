internal import Linux

/// Where the key of the running epoch is kept while the broker does not run.
///
/// It holds one line `EPOCH:KEY`, is root's and 0600, and never holds a key whose epoch is sealed for longer than it
/// takes to replace it.
struct AuditKeyFile: Sendable {
    let path: String

    /// The key; nil where there is no file. Blocks on the disk.
    func load() throws(AuditKeyError) -> AuditKey? {
        let file: FileDescriptor
        do throws(SafePathError) {
            file = try SafePath.openFile(path)
        } catch {
            if error.isNotFound { return nil }
            throw .unsafe(error)
        }
        let mode: UInt32
        var bytes: [UInt8]
        do throws(SystemError) {
            mode = try file.attributes().mode
            bytes = try file.readAll(limit: 256)
        } catch {
            throw .system(SystemError(error.call, error.code, path))
        }
        defer { Secret.wipe(&bytes) }
        guard mode & 0o077 == 0 else { throw .readable(path, mode: mode) }
        guard bytes.last == UInt8(ascii: "\n"), let key = AuditKey(bytes.dropLast()) else { throw .malformed(path) }
        return key
    }

    /// Puts another key in the place of the old one, durably, and overwrites the old one. Blocks on the disk.
    func store(_ key: AuditKey) throws(SystemError) {
        var bytes = key.text + [UInt8(ascii: "\n")]
        defer { Secret.wipe(&bytes) }
        // Where there is no old key there is nothing to overwrite.
        let old = try? Files.open(path, [.readWrite, .noFollow])
        try Files.replace(path, with: bytes, mode: 0o600)
        // The old file has no name any more; the blocks that it had are not to tell what was in them. A file system
        // that writes elsewhere keeps them all the same: nothing can be done about that from here.
        guard let old else { return }
        let count = min(256, Int(try old.attributes().size))
        _ = try old.writeOnce([UInt8](repeating: UInt8(ascii: "0"), count: count)[...])
        try old.synchronizeData()
    }
}

/// Why the log cannot be sealed with the key that is kept for it.
enum AuditKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case unsafe(SafePathError)
    case system(SystemError)
    /// Others than its owner may read it.
    case readable(String, mode: UInt32)
    case malformed(String)

    var description: String {
        switch self {
        case .unsafe(let error): error.description
        case .system(let error): error.description
        case .readable(let path, let mode): "\(path): others may read it (mode \(String(mode, radix: 8)))"
        case .malformed(let path): "\(path): not one line EPOCH:KEY"
        }
    }
}
