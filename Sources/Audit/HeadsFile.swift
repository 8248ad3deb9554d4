internal import Linux
internal import MIG

/// The file of heads: one line for each batch of records that was written to the log, `SEQ:HASH TIME`.
///
/// It is of use where somebody who can alter the log cannot alter it too: on another disk, or copied away. A line is in
/// the kernel's hands as soon as the log's own records are on the disk, and on the disk within a minute: so a daemon that
/// dies loses no head, and a machine that loses its power may lose those of the last minute.
struct HeadsFile: ~Copyable {
    private static let longestLine = 128

    private let path: String
    private var file: FileDescriptor?
    private var identity: FileAttributes?
    private var isSynchronized = true

    init(at path: String) { self.path = path }

    /// Appends lines, all or none.
    mutating func append(_ lines: [UInt8]) throws(AuditUnavailable) {
        try open()
        do throws(SystemError) {
            let size = try file?.attributes().size ?? 0
            guard try file?.writeOnce(lines[...]) == lines.count else {
                // A full disk took a part: what is left must not look like a head.
                try file?.truncate(to: size)
                throw SystemError("write", .noSpace, path)
            }
        } catch {
            file = nil
            throw .system(error)
        }
        isSynchronized = false
    }

    /// Has the disk confirm what was appended.
    mutating func synchronize() throws(AuditUnavailable) {
        guard !isSynchronized else { return }
        do throws(SystemError) {
            try file?.synchronizeData()
        } catch {
            file = nil
            throw .system(error)
        }
        isSynchronized = true
    }

    /// Opens the file, again where another one lies at its path now, as it does after a rotation.
    private mutating func open() throws(AuditUnavailable) {
        if file != nil, let identity, (try? Files.attributes(path))?.isSameFile(as: identity) == true { return }
        file = nil
        let opened = try AuditUnavailable.safe { () throws(SafePathError) in
            try SafePath.openFile(path, [.append, .create], createMode: 0o640)
        }
        let reading = try AuditUnavailable.safe { () throws(SafePathError) in try SafePath.openFile(path) }
        do throws(SystemError) {
            let attributes = try opened.attributes()
            guard try reading.attributes().isSameFile(as: attributes) else { throw SystemError("open", .busy, path) }
            if let end = try Self.tornLine(of: reading) { try opened.truncate(to: end) }
            identity = attributes
        } catch {
            throw .system(error)
        }
        file = consume opened
    }

    /// Where a last line begins that a power failure left unfinished: the next head must not be joined to it.
    private static func tornLine(of file: borrowing FileDescriptor) throws(SystemError) -> Int64? {
        let size = try file.attributes().size
        let start = max(0, size - Int64(longestLine))
        let tail = try file.read(upTo: longestLine, at: start)
        guard !tail.isEmpty, tail.last != UInt8(ascii: "\n") else { return nil }
        if let end = tail.lastIndex(of: UInt8(ascii: "\n")) { return start + Int64(end) + 1 }
        // What has no line as short as ours is not ours to cut.
        guard start == 0 else { throw SystemError("read", .invalid) }
        return 0
    }
}
