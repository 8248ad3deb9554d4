package import Linux

/// One file of the log, read from front to back in memory that does not grow with it.
struct AuditFile: ~Copyable {
    /// Bytes read at once: more than one line by far, so that each chunk holds whole lines, and little enough to stay in
    /// the processor's cache while it is looked through.
    static let chunkBytes = 256 << 10

    /// Whole lines of the file, or what follows the last of them.
    ///
    /// To be let go of before the next is read: then that is read over it, and not into memory of its own.
    struct Chunk {
        let bytes: [UInt8]
        /// Of the first byte in the file.
        let offset: Int64
        /// How many bytes belong to whole lines.
        let wholeCount: Int
        /// In the file, where the next chunk begins; a line longer than a chunk is cut there.
        var end: Int64 { offset + Int64(wholeCount == 0 ? bytes.count : wholeCount) }

        /// The place after the line that begins at a position, its line feed included; nil past the last whole one.
        func lineEnd(from position: Int) -> Int? {
            ByteSearch.first(UInt8(ascii: "\n"), in: bytes, position..<wholeCount).map { $0 + 1 }
        }
    }

    let path: String
    private let file: FileDescriptor
    private var offset: Int64
    private let limit: Int64
    private var buffer: [UInt8] = []

    /// What comes after `limit` is not read.
    init(_ path: String, from offset: Int64 = 0, upTo limit: Int64 = .max) throws(SystemError) {
        file = try Self.open(path)
        self.path = path
        self.offset = offset
        self.limit = limit
    }

    /// Opens a regular file; a FIFO is refused and never waited for.
    static func open(_ path: String) throws(SystemError) -> FileDescriptor {
        let file = try Files.open(path, [.read, .nonBlocking])
        guard try file.attributes().kind == .regular else { throw SystemError("open", .invalid, path) }
        return file
    }

    /// The next lines; nil at the end. Only the last chunk can hold no whole line: then it is torn, or longer than
    /// any record.
    mutating func next() throws(SystemError) -> Chunk? {
        do throws(SystemError) {
            // No more than there is: most logs are short, and to make room takes time too.
            let end = min(limit, try file.attributes().size)
            let count = Int(min(Int64(Self.chunkBytes), max(0, end - offset)))
            if buffer.count < count { buffer += [UInt8](repeating: 0, count: count - buffer.count) }
            buffer.removeLast(buffer.count - count)
            let read = try file.read(into: &buffer, at: offset)
            buffer.removeLast(count - read)
        } catch {
            throw SystemError(error.call, error.code, path)
        }
        guard !buffer.isEmpty else { return nil }
        let wholeCount = ByteSearch.last(UInt8(ascii: "\n"), in: buffer, 0..<buffer.count).map { $0 + 1 } ?? 0
        let chunk = Chunk(bytes: buffer, offset: offset, wholeCount: wholeCount)
        offset = chunk.end
        return chunk
    }
}

/// The files of one log: `audit-00000001.jsonl` and so on, so that their names sort as they follow each other.
package enum AuditSegments {
    private static let prefix = "audit-"
    private static let suffix = ".jsonl"
    private static let digits = 8

    /// The paths of a directory's segments, oldest first. Blocks on the disk.
    package static func list(in directory: String) throws(SystemError) -> [String] {
        try numbers(in: directory).map { "\(directory)/\(name($0))" }
    }

    static func numbers(in directory: String) throws(SystemError) -> [Int] {
        try Files.list(directory).compactMap(number)
    }

    static func name(_ number: Int) -> String {
        let text = String(number)
        return prefix + String(repeating: "0", count: max(0, digits - text.utf8.count)) + text + suffix
    }

    private static func number(_ name: String) -> Int? {
        let bytes = Array(name.utf8)
        guard bytes.count == prefix.utf8.count + digits + suffix.utf8.count, bytes.starts(with: prefix.utf8),
            bytes.reversed().starts(with: suffix.utf8.reversed())
        else { return nil }
        return Int(String(decoding: bytes.dropFirst(prefix.utf8.count).prefix(digits), as: UTF8.self))
    }
}
