internal import Linux
internal import MIG

/// Between which times the records of a closed segment lie, as its last record tells: a `rotate` whose `params` hold
/// `earliest=TIME latest=TIME`, as the log writes times.
///
/// The wall clock may have been set while the segment was written, so its first and last record would not tell.
struct AuditSpan: Equatable {
    let earliest: Timestamp
    let latest: Timestamp

    /// Far more than such a record.
    private static let windowBytes: Int64 = 4 << 10

    /// Of the record that closes a segment; nil of any other, and of one that does not say.
    init?(_ entry: AuditEntry) {
        guard entry.record.type == .rotate, let params = entry.record.params else { return nil }
        guard let earliest = Self.time("earliest=", in: params), let latest = Self.time("latest=", in: params) else {
            return nil
        }
        // The closing record is one of them.
        self.earliest = min(earliest, entry.stamp.time)
        self.latest = max(latest, entry.stamp.time)
    }

    /// Of a file that ends with such a record; nil where it does not, and so has to be read. Reads its end alone.
    static func ofClosed(_ path: String) throws(SystemError) -> AuditSpan? {
        let file = try AuditFile.open(path)
        let size = try file.attributes().size
        let start = max(0, size - windowBytes)
        let bytes = try file.read(upTo: Int(size - start), at: start)
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let end = bytes.count - 1
        guard let before = ByteSearch.last(UInt8(ascii: "\n"), in: bytes, 0..<end) else { return nil }
        guard let line = AuditLine(bytes[before + 1..<end]), line.hasOwnHash else { return nil }
        do throws(AuditDecodeError) {
            return AuditSpan(try AuditEntry(line: Array(bytes[before + 1..<end])))
        } catch {
            return nil
        }
    }

    /// Whether all records lie outside a filter's times.
    func isOutside(_ filter: AuditFilter) -> Bool {
        if let since = filter.since, latest < since { return true }
        if let until = filter.until, earliest >= until { return true }
        return false
    }

    private static func time(_ key: String, in params: String) -> Timestamp? {
        let words = params.split(separator: " ").filter { $0.utf8.starts(with: key.utf8) }
        guard let word = words.first, words.count == 1 else { return nil }
        return Timestamp(String(word.dropFirst(key.utf8.count)))
    }
}
