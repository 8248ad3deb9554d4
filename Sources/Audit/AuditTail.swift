internal import Linux
internal import MIG

/// How a segment ends: its last good record, and what comes after it.
struct AuditTail {
    /// Nil where no good record is near the end.
    let last: AuditEntry?
    /// Where the last good record ends; 0 without one.
    let end: Int64
    /// How many bytes come after it.
    let restCount: Int64
    /// Their SHA-256 in hex, empty where there are none.
    let restHash: String
    /// Whether the rest is the beginning of one line: what a crash in the middle of a write leaves.
    let isTorn: Bool

    /// Far more than a line: after a crash the last good record is no further from the end than that.
    private static let windowBytes: Int64 = 1 << 20

    /// Reads the end of a file by the safe rule. Blocks on the disk.
    init(of path: String) throws(AuditUnavailable) {
        let file = try AuditUnavailable.safe { () throws(SafePathError) in try SafePath.openFile(path) }
        self = try AuditUnavailable.system { () throws(SystemError) in try Self.read(file) }
    }

    private init(last: AuditEntry?, end: Int64, restCount: Int64, restHash: String, isTorn: Bool) {
        self.last = last
        self.end = end
        self.restCount = restCount
        self.restHash = restHash
        self.isTorn = isTorn
    }

    private static func read(_ file: borrowing FileDescriptor) throws(SystemError) -> AuditTail {
        let size = try file.attributes().size
        let start = max(0, size - windowBytes)
        let bytes = try file.read(upTo: Int(size - start), at: start)
        let (last, length) = lastRecord(in: bytes)
        let end = last == nil ? 0 : start + Int64(length)
        let rest = try hash(file, from: end, to: size)
        // A write that was cut short leaves less than one line: the lines before it are whole, and good.
        let isTorn = (1...Int64(AuditFormat.lineBytes)).contains(size - end) && !bytes[length...].contains(0x0A)
        return AuditTail(last: last, end: end, restCount: size - end, restHash: rest, isTorn: isTorn)
    }

    /// The last line that has its own hash and is a record, and the place after it; nil and 0 where there is none.
    private static func lastRecord(in bytes: [UInt8]) -> (AuditEntry?, Int) {
        var end = bytes.lastIndex(of: UInt8(ascii: "\n"))
        while let lineFeed = end {
            let previous = bytes[..<lineFeed].lastIndex(of: UInt8(ascii: "\n"))
            let line = bytes[(previous.map { $0 + 1 } ?? 0)..<lineFeed]
            if line.count <= AuditFormat.lineBytes, let parts = AuditLine(line), parts.hasOwnHash {
                do throws(AuditDecodeError) {
                    return (try AuditEntry(line: Array(line)), lineFeed + 1)
                } catch {
                    // Its hash is right, but no broker of this format wrote it: look further back.
                }
            }
            end = previous
        }
        return (nil, 0)
    }

    private static func hash(
        _ file: borrowing FileDescriptor, from start: Int64, to end: Int64
    ) throws(SystemError) -> String {
        guard start < end else { return "" }
        var hasher = SHA256()
        var offset = start
        while offset < end {
            let part = try file.read(upTo: Int(min(end - offset, 1 << 20)), at: offset)
            if part.isEmpty { break }
            hasher.update(part)
            offset += Int64(part.count)
        }
        return Hex.text(of: hasher.finalize())
    }
}
