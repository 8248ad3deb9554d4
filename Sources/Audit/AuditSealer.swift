internal import Linux
internal import MIG

/// Whether the log is sealed.
package enum AuditSealing: Hashable, Sendable {
    /// No key was ever made: the chain stands alone.
    case none
    /// This epoch runs; its key is at hand.
    case running(epoch: Int64)
    /// The log was sealed and is not any more: why.
    case lost(String)
}

/// Ends the log's epochs, each with its own key.
///
/// A seal is on disk before the next epoch's key is: a crash between the two leaves a key that `init` brings up to the
/// log's last seal.
struct AuditSealer {
    /// So many records after the last seal, the next one is a seal: a few less than an epoch may have, so that a new
    /// segment can still begin with what it has to begin with.
    static let mostRecords = AuditFormat.epochRecords - 10
    /// So many are enough for a seal between two changes, where nobody waits for it.
    static let manyRecords = AuditFormat.epochRecords - 100

    private let file: AuditKeyFile
    /// Of the running epoch.
    private(set) var key: AuditKey
    /// The number of the last seal; what follows is the running epoch.
    private(set) var lastSeal: Int64
    /// On the boot's clock, when the running epoch had its first record; nil before that, and where that is not known.
    private var begun: Int64?
    /// What holds when the records being written are on disk.
    private var ahead: (key: AuditKey, seal: Int64)?
    /// Whether the file has the running epoch's key.
    private(set) var isStored: Bool

    /// A first key: the very next record is to be its seal.
    init(_ first: AuditKey, after seq: Int64, _ file: AuditKeyFile) {
        self.file = file
        key = first
        lastSeal = seq
        isStored = true
    }

    /// Goes on with the key in the file, which may be older than the log's last seal by what a crash leaves.
    ///
    /// `problems` tells what is wrong with log and key together; sealing goes on all the same, so that what follows is
    /// protected and the verifier sees the break.
    init(_ stored: AuditKey, _ last: FoundSeal?, head: Int64, _ file: AuditKeyFile, _ problems: inout [String]) {
        self.file = file
        key = stored
        lastSeal = last?.seq ?? head
        isStored = true
        guard let last else {
            problems.append("the audit key is of epoch \(stored.epoch), and no seal is near the end of the log")
            return
        }
        if last.epoch >= stored.epoch {
            guard last.epoch - stored.epoch < 100_000, let next = Self.next(after: last, from: stored) else {
                problems.append("seal \(last.epoch) of the log was not made with the audit key that is kept for it")
                return
            }
            key = next
            isStored = false
        } else if last.epoch < stored.epoch - 1 {
            problems.append("the log's last seal is \(last.epoch), and the audit key is of epoch \(stored.epoch)")
        }
    }

    /// The key of the epoch after a seal, if the seal was made with a key that follows from this one.
    private static func next(after seal: FoundSeal, from key: AuditKey) -> AuditKey? {
        var key = key
        while key.epoch < seal.epoch { key = key.next() }
        return key.mac(of: seal.covered).elementsEqual(seal.mac) ? key.next() : nil
    }

    /// Whether the next record, which would be that after `seq`, must be a seal.
    func mustSeal(after seq: Int64) -> Bool { seq - (ahead?.seal ?? lastSeal) >= Self.mostRecords }

    /// Whether the epoch has lasted as long as one may; one without a record lasts for ever.
    func isOver(after seq: Int64, at now: Int64) -> Bool {
        guard hasRecords(after: seq) else { return false }
        // An epoch that an earlier run began is over: nobody knows how long it has lasted.
        guard let begun else { return true }
        return now - begun >= AuditFormat.epochNanoseconds
    }

    /// Whether so many records wait for their seal that one between two changes is worth it.
    func isFull(_ seq: Int64) -> Bool { seq - lastSeal >= Self.manyRecords }

    func hasRecords(after seq: Int64) -> Bool { seq > (ahead?.seal ?? lastSeal) }

    /// A seal that ends the running epoch, with its line; `commit` or `abandon` follows.
    mutating func seal(
        _ chain: inout AuditChain, _ stamp: AuditStamp, _ reason: String?
    ) -> (line: [UInt8], record: AuditRecord) {
        let key = ahead?.key ?? key
        var record = AuditRecord(.seal)
        record.reason = reason
        record.epoch = key.epoch
        let line = chain.link(record, stamp, key: key)
        ahead = (key.next(), chain.seq)
        return (line, record)
    }

    /// The records are on disk, the last one with this number: keys whose epochs were sealed are forgotten.
    mutating func commit(_ seq: Int64, at now: Int64) {
        if let ahead {
            key = ahead.key
            lastSeal = ahead.seal
            begun = nil
            isStored = false
            self.ahead = nil
        }
        if seq > lastSeal, begun == nil { begun = now }
    }

    /// The records are not on disk: the running epoch goes on.
    mutating func abandon() { ahead = nil }

    /// Puts the running epoch's key in the place of the last one's. Blocks on the disk.
    mutating func store() throws(SystemError) {
        guard !isStored else { return }
        try file.store(key)
        isStored = true
    }
}
