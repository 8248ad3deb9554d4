internal import MIG

/// A record with the moment it tells of, before it has its place.
struct Pending {
    let record: AuditRecord
    let stamp: AuditStamp
}

/// The lines of one write while they are put together; nothing has happened until they are in the file.
struct AuditDraft {
    private(set) var chain: AuditChain
    private(set) var bytes: [UInt8] = []
    private(set) var times: [Timestamp] = []
    private(set) var hasSeal = false
    /// The records in their places, for whoever follows the log; empty where nobody does.
    private(set) var entries: [AuditEntry] = []
    private let isFollowed: Bool

    init(after head: AuditHead, isFollowed: Bool) {
        chain = AuditChain(after: head)
        self.isFollowed = isFollowed
    }

    mutating func add(_ pending: Pending) {
        let prev = chain.hash
        take(chain.link(pending.record, pending.stamp), pending.record, pending.stamp, prev)
    }

    private mutating func take(_ line: [UInt8], _ record: AuditRecord, _ stamp: AuditStamp, _ prev: String) {
        bytes += line
        times.append(stamp.time)
        guard isFollowed else { return }
        entries.append(AuditEntry(seq: chain.seq, stamp: stamp, record: record, prev: prev, hash: chain.hash))
    }

    /// Ends the epoch, if the log is sealed and the epoch has a record.
    mutating func seal(_ sealer: inout AuditSealer?, _ stamp: AuditStamp, _ reason: String? = nil) {
        let prev = chain.hash
        guard sealer?.hasRecords(after: chain.seq) == true || reason != nil,
            let (line, record) = sealer?.seal(&chain, stamp, reason)
        else { return }
        take(line, record, stamp, prev)
        hasSeal = true
    }
}

extension AuditRecord {
    /// The first record of a segment that follows another.
    static func continuing(_ previous: String) -> AuditRecord {
        var record = AuditRecord(.continue)
        record.params = "previous=\(previous)"
        return record
    }

    static func health(_ reason: String) -> AuditRecord {
        var record = AuditRecord(.health)
        record.reason = reason
        return record
    }

    /// Records that could not be kept any longer.
    static func lost(_ count: Int) -> AuditRecord {
        var record = AuditRecord(.gap)
        record.reason = "records could not be written for too long and were lost"
        record.count = Int64(count)
        return record
    }
}
