internal import Linux
internal import MIG

/// Where the log of a directory ends, and how to go on from there.
struct AuditEnding {
    /// The last record; of an empty log, seq 0.
    private(set) var head = AuditHead.empty
    /// When the last record was written.
    private(set) var last: AuditStamp?
    /// Of the newest segment; 0 where there is none.
    private(set) var number = 0
    /// The segment to go on in and the end of its good part; nil where a new one has to be begun.
    private(set) var current: (path: String, end: Int64)?
    /// Older segments that the log's end was looked for in: a torn end, and what was reserved, is to be cut off.
    private(set) var ended: [(path: String, end: Int64)] = []
    /// What tells of bytes that were no record, and of records that are gone.
    private(set) var gaps: [AuditRecord] = []

    /// Reads the ends of a directory's segments, newest first, until one holds a record. Blocks on the disk.
    ///
    /// A segment that is not a regular file of root's with one link is an error.
    init(in directory: String) throws(AuditUnavailable) {
        let numbers = try AuditUnavailable.system { () throws(SystemError) in
            try AuditSegments.numbers(in: directory)
        }
        number = numbers.last ?? 0
        for number in numbers.reversed() {
            let path = "\(directory)/\(AuditSegments.name(number))"
            let tail = try AuditTail(of: path)
            add(tail, path, isNewest: number == self.number)
            guard let entry = tail.last else { continue }
            let segment = AuditSegments.name(number)
            head = AuditHead(seq: entry.seq, hash: entry.hash, segment: segment, offset: tail.end)
            last = entry.stamp
            // What a rotation ended is not gone on with.
            if entry.record.type == .rotate, number == self.number { current = nil }
            break
        }
    }

    /// Whether the first record goes into an empty file that follows another.
    var beginsSegment: Bool { number > 0 && (current?.end ?? 0) == 0 && (head.seq > 0 || current == nil) }

    /// Takes in what a checkpoint knows: records that it saw and that are gone now leave a gap in the numbers, so that
    /// no later record can stand in for them.
    mutating func extend(to known: AuditHead?) {
        guard let known, known.seq > head.seq else { return }
        var gap = AuditRecord(.gap)
        gap.reason = "records \(head.seq + 1) to \(known.seq) are gone"
        gaps.append(gap)
        head = known
        current = nil
    }

    private mutating func add(_ tail: AuditTail, _ path: String, isNewest: Bool) {
        if tail.restCount == 0 || tail.isTorn {
            if isNewest { current = (path, tail.end) } else { ended.append((path, tail.end)) }
        }
        guard tail.restCount > 0 else { return }
        var gap = AuditRecord(.gap)
        gap.reason = tail.isTorn ? "a torn write was cut off" : "damaged bytes were left as they are"
        gap.params =
            "segment=\(Files.name(of: path)) offset=\(tail.end) bytes=\(tail.restCount) sha256=\(tail.restHash)"
        gaps.insert(gap, at: 0)
    }
}
