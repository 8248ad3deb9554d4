internal import MIG

/// Denials of one user, method and error, counted instead of written one by one: nobody can flood the log, and no
/// text of a client decides what is counted together.
struct DenialTable {
    private struct Key: Hashable {
        let uid: UserID?
        let method: String?
        let error: String?
    }

    private struct Entry {
        /// The first denial since the last flush, which stands for the rest.
        var record: AuditRecord
        /// Denials that are not in the log yet.
        var pending: Int64
    }

    /// Different denials at once; those past it are counted together.
    private static let length = 4096

    private var entries: [Key: Entry] = [:]

    /// Counts a denial.
    ///
    /// - Returns: what to write at once, where it is the first of its kind since the last flush.
    mutating func count(_ record: AuditRecord) -> AuditRecord? {
        var key = Key(uid: record.caller.uid, method: record.method, error: record.error)
        var record = record
        if entries[key] == nil, entries.count >= Self.length {
            key = Key(uid: nil, method: nil, error: nil)
            record = AuditRecord(.denied)
            record.reason = "too many different denials to be counted each"
        }
        let isFirst = entries[key] == nil
        entries[key, default: Entry(record: record, pending: 0)].pending += 1
        return isFirst ? record : nil
    }

    /// What `count` returned is in the log.
    mutating func markWritten(_ record: AuditRecord) {
        let key = Key(uid: record.caller.uid, method: record.method, error: record.error)
        entries[key]?.pending -= 1
    }

    /// A record for each kind of denial that was counted since the last flush.
    var counts: [AuditRecord] {
        entries.values.filter { $0.pending > 0 }.map { entry in
            var record = entry.record
            record.count = entry.pending
            return record
        }
    }

    /// The counts are in the log; what was not denied since the last flush is forgotten, so that the next one is a
    /// first again.
    mutating func markCountsWritten() {
        entries = entries.filter { $0.value.pending > 0 }
        for key in entries.keys { entries[key]?.pending = 0 }
    }
}
