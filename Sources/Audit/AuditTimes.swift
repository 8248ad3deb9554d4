internal import Linux
internal import MIG

/// The least and the greatest wall time of a segment's records, so that a reader can pass it over.
struct AuditTimes {
    private(set) var earliest: Timestamp?
    private(set) var latest: Timestamp?
    /// Up to where the segment was written by an earlier run, and its times are not known.
    private(set) var unknownEnd: Int64
    /// Of the segment's first record.
    private(set) var first: Timestamp?

    /// Of a segment that has nothing yet.
    init() { unknownEnd = 0 }

    /// Of a segment with records from an earlier run; reads the first of them. Blocks on the disk.
    init(of path: String, end: Int64) {
        unknownEnd = end
        // Without its time the segment is not rotated for its age; its next one is.
        guard end > 0, var file = try? AuditFile(path), let chunk = try? file.next(), let line = chunk.lineEnd(from: 0)
        else { return }
        first = Self.time(chunk.bytes, 0..<line)
    }

    mutating func add(_ time: Timestamp) {
        if first == nil, unknownEnd == 0 { first = time }
        earliest = min(earliest ?? time, time)
        latest = max(latest ?? time, time)
    }

    /// The times of what an earlier run wrote, or nil where a line has none. Blocks on the disk.
    static func read(_ path: String, to end: Int64) throws(SystemError) -> AuditTimes? {
        var times = AuditTimes()
        var file = try AuditFile(path)
        while let chunk = try file.next(), chunk.offset < end {
            var position = 0
            while let line = chunk.lineEnd(from: position), chunk.offset + Int64(line) <= end {
                guard let time = time(chunk.bytes, position..<line) else { return nil }
                times.add(time)
                position = line
            }
        }
        return times
    }

    /// Takes in what `read` found.
    mutating func complete(with past: AuditTimes) {
        unknownEnd = 0
        if let time = past.earliest { add(time) }
        if let time = past.latest { add(time) }
        first = past.first ?? first
    }

    /// As a `rotate` record has them; nil where they are not known.
    var text: String? {
        guard unknownEnd == 0, let earliest, let latest else { return nil }
        return "earliest=\(AuditFormat.time(earliest)) latest=\(AuditFormat.time(latest))"
    }

    private static let key = Array("\"time\":\"".utf8)
    private static let length = 27

    /// The time of a line, which stands before anything that a client had a hand in.
    private static func time(_ bytes: [UInt8], _ line: Range<Int>) -> Timestamp? {
        guard let found = ByteSearch.first(key, in: bytes, line), found + key.count + length <= line.upperBound else {
            return nil
        }
        let start = found + key.count
        return Timestamp(String(decoding: bytes[start..<start + length], as: UTF8.self))
    }
}

extension Timestamp {
    /// Whether so many seconds lie between another moment and this one.
    func isPast(_ other: Timestamp, by seconds: Int64) -> Bool {
        let (span, overflow) = nanosecondsSinceEpoch.subtractingReportingOverflow(other.nanosecondsSinceEpoch)
        return !overflow && span / 1_000_000_000 >= seconds
    }
}
