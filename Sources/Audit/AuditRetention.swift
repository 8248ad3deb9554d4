internal import Linux
internal import MIG

/// The removal of old segments, and how it is put on record.
enum AuditRetention {
    /// How a record names the last record that was removed: the log begins after it.
    static func last(_ seq: Int64, _ hash: String) -> String { "last=\(seq):\(hash)" }

    private static let type = Array(",\"type\":\"\(AuditRecordType.checkpoint.rawValue)\",".utf8)

    /// Whether a line tells of the removal that `last` names.
    static func explains(_ line: ArraySlice<UInt8>, _ last: [UInt8]) -> Bool {
        // A client's text may hold the one, but never the other: a quote in a string is escaped.
        contains(line, type) && contains(line, last)
    }

    private static func contains(_ line: ArraySlice<UInt8>, _ needle: [UInt8]) -> Bool {
        ByteSearch.first(needle, in: Array(line), 0..<line.count) != nil
    }

    /// A segment that may go.
    struct Candidate {
        let path: String
        let bytes: Int64
        let last: AuditEntry
    }
}

extension AuditWriter {
    /// How often old segments are looked for, in nanoseconds, and how many go at once.
    private static let removalInterval: Int64 = 3_600_000_000_000
    private static let mostAtOnce = 8

    /// Removes the oldest segments that are older than they are kept, or that there is no room for.
    ///
    /// Only whole segments go, only those before the one that a checkpoint's head is in, and in a log with seals only
    /// those that a seal behind them covers. Their seals are kept, and a record that names the last record of each is on
    /// disk before.
    mutating func removeOld(before checkpoint: () -> AuditHead?) throws(AuditUnavailable) {
        let now = clock.now()
        guard !isClosed, trouble == nil, now.monotonicNs >= nextRemoval else { return }
        nextRemoval = now.monotonicNs + Self.removalInterval
        guard let head = checkpoint(), head.seq > 0 else { return }
        let old = try AuditUnavailable.system { () throws(SystemError) in try candidates(before: head, now) }
        guard !old.isEmpty else { return }
        do throws(AuditUnavailable) {
            try AuditKeptSeals.keep(sealsOf: old.map(\.path), in: directory)
        } catch {
            owe([
                Pending(
                    record: .health("no old segment is removed, for its seals cannot be kept: \(error)"), stamp: now)
            ])
            throw error
        }
        try write(old.map { .removed($0) }, .event)
        try AuditUnavailable.system { () throws(SystemError) in
            for candidate in old { try Files.remove(candidate.path) }
            try Files.synchronizeDirectory(of: "\(directory)/.")
        }
        // There may be more.
        if old.count == Self.mostAtOnce { nextRemoval = now.monotonicNs }
    }

    private mutating func candidates(
        before head: AuditHead, _ now: AuditStamp
    ) throws(SystemError) -> [AuditRetention.Candidate] {
        let paths = try AuditSegments.list(in: directory)
        let kept = paths.firstIndex { Files.name(of: $0).utf8.elementsEqual(head.segment.utf8) }
        guard let kept, kept > 0 else { return [] }
        var total: Int64 = 0
        for path in paths { total += try Files.attributes(path).size }
        var found: [AuditRetention.Candidate] = []
        for path in paths[..<kept].prefix(Self.mostAtOnce) {
            // What cannot be read by the rule, or ends in damage, is for a person to look at.
            guard let tail = try? AuditTail(of: path), tail.restCount == 0, let last = tail.last,
                last.seq < head.seq, lastSeal.map({ last.seq <= $0 }) ?? true
            else { break }
            let isOld = now.monotonicNs >= settledAt && now.time.isPast(last.stamp.time, by: settings.keepSeconds)
            guard isOld || total > settings.keepBytes else { break }
            found.append(.init(path: path, bytes: tail.end, last: last))
            total -= tail.end
        }
        return found
    }
}

extension AuditLog {
    /// Removes segments that are older than they are kept, once in a while; to be called every few seconds.
    ///
    /// `checkpoint` is the head that the checkpoint on disk has, and is asked for only when it is needed: what a start
    /// would read again is never removed.
    package func removeOld(before checkpoint: () -> AuditHead?) throws(AuditUnavailable) {
        try withWriter { writer throws(AuditUnavailable) in try writer.removeOld(before: checkpoint) }
    }
}

extension AuditRecord {
    fileprivate static func removed(_ segment: AuditRetention.Candidate) -> AuditRecord {
        var record = AuditRecord(.checkpoint)
        record.reason = "a segment that is kept no longer was removed"
        record.params =
            "removed=\(Files.name(of: segment.path)) bytes=\(segment.bytes) "
            + AuditRetention.last(segment.last.seq, segment.last.hash)
        return record
    }
}
