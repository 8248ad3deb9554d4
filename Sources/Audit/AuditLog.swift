internal import Linux
internal import Synchronization

/// The audit log of a broker, which is its write-ahead log too.
///
/// All methods but `head`, `health`, `sealing` and `count` block on the disk, and on each other: they are for change threads,
/// never for the event loop. A log that could not be written tries again at each call; nothing has to be reopened.
package final class AuditLog: Sendable {
    private struct Published {
        var head: AuditHead
        var health: AuditHealth
        var sealing: AuditSealing

        init(_ writer: borrowing AuditWriter) {
            head = writer.head
            health = writer.health
            sealing = writer.sealing
        }
    }

    /// The directory of the segments.
    package let directory: String
    private let writer: Mutex<AuditWriter>
    private let published: Mutex<Published>
    private let follower: (@Sendable ([AuditEntry]) -> Void)?
    /// Taken for a moment only, and inside the writer's lock where both are.
    private let denials = Mutex(DenialTable())

    /// Space that changes may not use, so that what was begun can be ended when the disk is full.
    package static let reserveBytes: Int64 = 4 << 20

    /// Opens the log in a directory, which must be there and safe, or begins one there.
    ///
    /// A torn end is repaired, and a `gap` record ahead of the first one written names what was cut off. One process
    /// at a time may have a log open. `head` is what the last checkpoint knew; where the log ends before it, a `gap`
    /// record says so. `reserve` bytes are kept free for the ends of changes. A key that is missing or cannot be used does
    /// not keep the log from being opened; a `health` record and `sealing` tell.
    ///
    /// The follower is told every record that was written, in order and with its place in the log. The log waits for it,
    /// so it must take them and return: `JournalFollower` and `HeadsFollower` have threads of their own.
    package init(
        _ directory: String, expecting head: AuditHead? = nil, reserve: Int64 = reserveBytes,
        settings: AuditSettings = AuditSettings(), clock: AuditClock,
        follower: (@Sendable ([AuditEntry]) -> Void)? = nil
    ) throws(AuditUnavailable) {
        var writer = try AuditWriter(
            in: directory, expecting: head, reserve: reserve, settings: settings, clock: clock)
        writer.isFollowed = follower != nil
        self.follower = follower
        self.directory = directory
        published = Mutex(Published(writer))
        self.writer = Mutex(writer)
    }

    /// Makes the first key of a log, or another one after the loss of its key, and seals the log with it.
    ///
    /// The key is never written to disk; `keyFile` gets the one that follows from it. No broker may be running. Blocks on
    /// the disk.
    /// - Returns: `EPOCH:KEY`, to be shown to the admin once.
    package static func makeKey(
        for directory: String, keyFile: String, expecting head: AuditHead?, clock: AuditClock
    ) throws(AuditUnavailable) -> [UInt8] {
        var writer = try AuditWriter(
            in: directory, expecting: head, reserve: reserveBytes, settings: AuditSettings(), clock: clock)
        // Held against the lock: two at once cannot both find no key.
        guard !Files.exists(keyFile) else { throw .keyExists }
        let key = try writer.beginSealing(keyFile)
        try writer.close(with: [])
        return key.text
    }

    /// The last record written. Never waits for the disk.
    package var head: AuditHead { published.withLock { $0.head } }

    /// What the log could do when it was last used. Never waits for the disk.
    package var health: AuditHealth { published.withLock { $0.health } }

    /// Whether records are sealed, and by which epoch's key. Never waits for the disk.
    package var sealing: AuditSealing { published.withLock { $0.sealing } }

    /// Puts the intents of one operation on disk, all or none, before anything of it is done.
    ///
    /// One record for each instance of the request, all of type `intent` and of the same `op`. Nothing was recorded
    /// when this throws. `ending` says that the change only ends or repairs something: then it may use the reserve
    /// of a full disk.
    package func intend(
        _ intents: [AuditRecord], ending: Bool = false
    ) throws(AuditUnavailable) -> IntentReceipt {
        guard let operation = intents.first?.op, intents.allSatisfy({ $0.type == .intent && $0.op == operation }) else {
            preconditionFailure("intents are of type intent and of one operation")
        }
        let last = try write(intents, ending ? .ending : .change)
        return IntentReceipt(operation: operation, records: last - Int64(intents.count) + 1...last)
    }

    /// Puts the end of an operation on disk: one `outcome` (or `recovered`) record or more, and what goes with it.
    ///
    /// When this throws, the records are kept, and written before anything else as soon as that is possible.
    package func conclude(
        _ receipt: consuming IntentReceipt, _ outcomes: [AuditRecord]
    ) throws(AuditUnavailable) {
        let operation = receipt.operation
        guard outcomes.contains(where: { $0.type == .outcome && $0.op == operation }) else {
            preconditionFailure("an operation ends with an outcome of its own")
        }
        _ = try write(outcomes, .event)
    }

    /// Puts something that happened on disk: starts, lease ends, repairs, recoveries.
    ///
    /// When this throws, the records are kept, and written before anything else as soon as that is possible.
    package func note(_ records: [AuditRecord]) throws(AuditUnavailable) {
        _ = try write(records, .event)
    }

    /// Counts a denial; never waits for the disk, so any thread may.
    ///
    /// - Returns: whether it is the first of its user, method and error since the last flush: then `writeDenials` is
    ///   due. The others are written as a count by `flushDenials`, so nobody can flood the log.
    package func count(_ denial: AuditRecord) -> Bool { denials.withLock { $0.count(denial) } }

    /// Writes the first denials of their kind, without waiting for the disk to confirm. Where the log cannot be
    /// written they stay counted.
    package func writeDenials() {
        withWriter { writer in
            let firsts = denials.withLock { $0.takeFirsts() }
            guard !firsts.isEmpty else { return }
            do throws(AuditUnavailable) {
                try writer.write(firsts, .tally)
            } catch {
                // The log's health tells why.
                denials.withLock { $0.putBack(firsts) }
            }
        }
    }

    /// Counts a denial, and writes it where it is the first of its kind.
    package func deny(_ denial: AuditRecord) {
        if count(denial) { writeDenials() }
    }

    /// Writes the counts of denials; to be called every few seconds. What cannot be written stays counted.
    package func flushDenials() throws(AuditUnavailable) {
        try withWriter { writer throws(AuditUnavailable) in try writeCounts(&writer) }
    }

    /// Writes all counts and the last records, a `stop` as a rule, and takes no more.
    package func close(_ records: [AuditRecord]) throws(AuditUnavailable) {
        try withWriter { writer throws(AuditUnavailable) in
            try writer.close(with: denials.withLock { $0.takeCounts() } + records)
        }
    }

    /// Does what is due between changes, to be called every few seconds: writes what could not be written, ends an epoch
    /// or a segment that is old or long enough, replaces the key on disk.
    package func tend() throws(AuditUnavailable) {
        try withWriter { writer throws(AuditUnavailable) in try writer.tend() }
    }

    private func writeCounts(_ writer: inout AuditWriter) throws(AuditUnavailable) {
        let counts = denials.withLock { $0.takeCounts() }
        guard !counts.isEmpty else { return }
        do throws(AuditUnavailable) {
            try writer.write(counts, .tally)
        } catch {
            denials.withLock { $0.putBack(counts) }
            throw error
        }
    }

    /// - Returns: the number of the last record.
    private func write(_ records: [AuditRecord], _ purpose: AuditPurpose) throws(AuditUnavailable) -> Int64 {
        try withWriter { writer throws(AuditUnavailable) in
            try writer.write(records, purpose)
            return writer.head.seq
        }
    }

    /// Runs with the log locked, and lets everybody see what came of it.
    func withWriter<Value, Failure: Error>(
        _ body: (inout AuditWriter) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try writer.withLock { writer throws(Failure) in
            defer {
                let now = Published(writer)
                published.withLock { $0 = now }
                // Still locked, for the order of the records is what makes them a log.
                if let follower {
                    let entries = writer.takeWritten()
                    if !entries.isEmpty { follower(entries) }
                }
            }
            return try body(&writer)
        }
    }
}
