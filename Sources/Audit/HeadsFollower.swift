internal import Linux
internal import MIG
internal import Synchronization

/// Notes the heads of the log in a second file, on a thread of its own: a disk that hangs keeps nobody waiting.
///
/// That it cannot be written is a `health` record and stops nothing: the log itself has all records.
package final class HeadsFollower: Sendable {
    /// How the file does.
    package struct Status: Hashable, Sendable {
        /// The last record whose head is in the file; 0 before the first.
        package var noted: Int64 = 0
        /// Why the last head could not be noted; nil where it could.
        package var problem: AuditUnavailable?
    }

    /// The end of one batch of records.
    private struct Head: Sendable {
        let seq: Int64
        let hash: String
        let time: Timestamp

        var line: [UInt8] { Array("\(seq):\(hash) \(AuditFormat.time(time))\n".utf8) }
    }

    package let path: String
    private let queue = AuditQueue<Head>(capacity: 4096)
    /// The last one that was put in: where there was no room for it, it is noted all the same.
    private let latest = Mutex<Head?>(nil)
    private let published = Mutex(Status())

    /// Of a file whose directory must be safe when it is written; it is made where it is missing.
    package init(at path: String) { self.path = path }

    /// Starts the thread. `note` puts a record into the log, and may block for it.
    package func start(
        secondsToDisk: Int = 60, secondsToRetry: Int = 5, note: @escaping @Sendable (AuditRecord) -> Void
    ) throws(AuditUnavailable) {
        do throws(SystemError) {
            let thread = try Thread(named: "heads") { [self] in
                run(secondsToDisk: secondsToDisk, secondsToRetry: secondsToRetry, note: note)
            }
            thread.detach()
        } catch {
            throw .system(error)
        }
    }

    /// Takes records that were written at once; never waits.
    package func put(_ entries: [AuditEntry]) {
        guard let last = entries.last else { return }
        let head = Head(seq: last.seq, hash: last.hash, time: last.stamp.time)
        latest.withLock { $0 = head }
        queue.put([head])
    }

    /// Never waits.
    package var status: Status { published.withLock { $0 } }

    /// Takes no more, and waits until the file has what was taken, but not for longer than this.
    package func finish(milliseconds: Int) { queue.finish(milliseconds: milliseconds) }

    private func run(secondsToDisk: Int, secondsToRetry: Int, note: (AuditRecord) -> Void) {
        var file = HeadsFile(at: path)
        var owed: [Head] = []
        var syncDue: Int64?
        while true {
            // A head that could not be noted is tried again; one that was is brought to the disk.
            let wait =
                owed.isEmpty ? syncDue.map { max(0, $0 - Clock.monotonic()) / 1_000_000 } : Int64(secondsToRetry) * 1000
            let batch = queue.next(milliseconds: wait.map { Int($0) })
            owed += batch?.items ?? []
            if let batch, batch.missed > 0, let last = latest.withLock({ $0 }) { owed.append(last) }
            do throws(AuditUnavailable) {
                if !owed.isEmpty {
                    try file.append(owed.flatMap(\.line))
                    let seq = owed.last?.seq ?? 0
                    published.withLock { $0.noted = seq }
                    owed = []
                    if syncDue == nil { syncDue = Clock.monotonic() + Int64(secondsToDisk) * 1_000_000_000 }
                }
                if let due = syncDue, batch == nil || Clock.monotonic() >= due {
                    try file.synchronize()
                    syncDue = nil
                }
                tell(nil, note)
            } catch {
                syncDue = nil
                // A later head stands for those before it.
                owed = owed.suffix(1)
                tell(error, note)
            }
            if batch == nil { break }
        }
        queue.isDone()
    }

    /// Puts on record that the file cannot be written, for what reason, and that it can be again.
    private func tell(_ problem: AuditUnavailable?, _ note: (AuditRecord) -> Void) {
        let isNews = published.withLock { status in
            defer { status.problem = problem }
            return status.problem != problem
        }
        guard isNews else { return }
        var record = AuditRecord(.health)
        record.reason =
            problem.map { "the heads of the log cannot be noted: \($0)" } ?? "the heads of the log are noted again"
        note(record)
    }
}
