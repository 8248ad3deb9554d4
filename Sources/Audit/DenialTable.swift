internal import MIG

/// Denials of one user, for one whom he acts for, of one method and error, counted instead of written one by one: nobody can
/// flood the log, and no text of a client decides what is counted together.
struct DenialTable {
    private struct Key: Hashable {
        let uid: UserID?
        let owner: UserID?
        let method: String?
        let error: String?

        init(_ record: AuditRecord) {
            uid = record.caller.uid
            owner = record.caller.onBehalfOf
            method = record.method
            error = record.error
        }
    }

    private struct Entry {
        /// What all of them have in common, the first included.
        var record: AuditRecord
        /// Denials that are not in the log yet.
        var pending: Int64

        mutating func add(_ other: AuditRecord) {
            record = record.common(with: other)
            pending += 1
        }
    }

    /// Different denials at once; those past it are counted together.
    private static let length = 4096

    private var entries: [Key: Entry] = [:]
    /// The first of each kind since the last flush, as long as they are not handed out.
    private var firsts: [AuditRecord] = []

    /// Counts a denial.
    ///
    /// - Returns: whether it is the first of its kind since the last flush.
    mutating func count(_ record: AuditRecord) -> Bool {
        var record = record
        if entries[Key(record)] == nil, entries.count >= Self.length {
            record = AuditRecord(.denied)
            record.reason = "too many different denials to be counted each"
        }
        let key = Key(record)
        let isFirst = entries[key] == nil
        entries[key, default: Entry(record: record, pending: 0)].add(record)
        if isFirst { firsts.append(record) }
        return isFirst
    }

    /// Hands out the firsts that are not in the log yet; what cannot be written is to be put back.
    mutating func takeFirsts() -> [AuditRecord] {
        for record in firsts { entries[Key(record)]?.pending -= 1 }
        defer { firsts = [] }
        return firsts
    }

    /// Hands out a record for each kind of denial that was counted since the last flush, with how many they were; what
    /// cannot be written is to be put back.
    ///
    /// What was not denied since the last flush is forgotten, so that the next one is a first again.
    mutating func takeCounts() -> [AuditRecord] {
        firsts = []
        entries = entries.filter { $0.value.pending > 0 }
        return entries.keys.compactMap { key in
            guard var record = entries[key]?.record else { return nil }
            // Each had its own; what is left tells of all of them.
            record.op = nil
            record.conn = nil
            record.question = []
            record.count = entries[key]?.pending
            entries[key]?.pending = 0
            return record
        }
    }

    /// Counts again what was handed out and could not be written.
    mutating func putBack(_ records: [AuditRecord]) {
        for record in records { entries[Key(record)]?.pending += record.count ?? 1 }
    }
}

extension AuditRecord {
    /// The same without what another one says otherwise: a record that stands for several says nothing false of any.
    fileprivate func common(with other: AuditRecord) -> AuditRecord {
        var common = self
        func keep<Value: Equatable>(_ field: WritableKeyPath<AuditRecord, Value?>) {
            if self[keyPath: field] != other[keyPath: field] { common[keyPath: field] = nil }
        }
        keep(\.policy)
        keep(\.gpu)
        keep(\.gi)
        keep(\.ci)
        keep(\.profile)
        keep(\.lease)
        keep(\.params)
        keep(\.key)
        keep(\.reason)
        keep(\.nvml)
        keep(\.caller.user)
        keep(\.caller.gid)
        keep(\.caller.pid)
        keep(\.caller.comm)
        keep(\.caller.cgroup)
        keep(\.caller.loginuid)
        keep(\.caller.session)
        keep(\.caller.origin)
        keep(\.caller.onBehalfOfUser)
        if rules != other.rules { common.rules = [] }
        if caller.groups != other.caller.groups { common.caller.groups = [] }
        return common
    }
}
