package import Linux
internal import Synchronization

/// Tells the system's journal every record of the log, each as its `summary`, on a thread of its own.
///
/// The audit log is what is never lost; the journal is a second witness on the same machine, and may be away. What it could
/// not be told is counted, and the count is told as soon as it answers again. It also hears the head of the log after
/// some seconds in which there were new records.
package final class JournalFollower: Sendable {
    /// How far the journal has been told.
    package struct Status: Hashable, Sendable {
        /// Records that it took.
        package var told: Int64 = 0
        /// Records that it did not take, and does not know of yet.
        package var untold: Int64 = 0
        /// Why the last message was not taken; nil where it was.
        package var problem: SystemError?
    }

    package let path: String
    private let queue: AuditQueue<AuditEntry>
    private let published = Mutex(Status())

    /// Tells whoever listens at the path, from the moment that somebody does. Starts the thread.
    package init(
        at path: String, capacity: Int = 4096, headSeconds: Int = 60, patienceMilliseconds: Int = 1000
    ) throws(SystemError) {
        self.path = path
        queue = AuditQueue(capacity: capacity)
        let interval = Int64(headSeconds) * 1_000_000_000
        let thread = try Thread(named: "journal") { [self] in
            var teller = JournalTeller(path, headInterval: interval, patience: patienceMilliseconds)
            while let batch = queue.next(milliseconds: teller.isDueLater ? 1000 : nil) {
                teller.take(batch)
                published.withLock { $0 = teller.status }
            }
            queue.isDone()
        }
        thread.detach()
    }

    /// Takes records that were written; never waits.
    package func put(_ entries: [AuditEntry]) { queue.put(entries) }

    /// Never waits.
    package var status: Status { published.withLock { $0 } }

    /// Takes no more, and waits until what was taken has been told, but not for longer than this.
    package func finish(milliseconds: Int) { queue.finish(milliseconds: milliseconds) }
}

/// The thread's own part: the socket and what is owed.
private struct JournalTeller: ~Copyable {
    /// Bytes of one datagram. No record comes near it; a kernel with smaller buffers gets the most important fields.
    private static let lengths = [48 << 10, 2 << 10]

    private let path: String
    private let headInterval: Int64
    private let patience: Int
    private var socket: JournalSocket?
    /// The last record that was seen, told or not.
    private var head: AuditHead?
    private var headDue = Clock.monotonic()
    private var isHeadTold = true
    /// Whether the journal was waited for in vain; then it is not waited for again until it takes something.
    private var isStuck = false
    private(set) var status = JournalFollower.Status()

    init(_ path: String, headInterval: Int64, patience: Int) {
        self.path = path
        self.headInterval = headInterval
        self.patience = patience
        headDue = Clock.monotonic() + headInterval
    }

    /// Whether there is something to be told even if no record comes.
    var isDueLater: Bool { status.untold > 0 || !isHeadTold }

    mutating func take(_ batch: AuditQueue<AuditEntry>.Batch) {
        for entry in batch.items { tell(entry) }
        status.untold += batch.missed
        if batch.items.isEmpty { tellUntold() }
        guard !isHeadTold, let head, Clock.monotonic() >= headDue, send(AuditSummary.head(head)) else { return }
        isHeadTold = true
        headDue = Clock.monotonic() + headInterval
    }

    private mutating func tell(_ entry: AuditEntry) {
        tellUntold()
        head = AuditHead(seq: entry.seq, hash: entry.hash, segment: "", offset: 0)
        isHeadTold = false
        // Without having told of the gap, nothing is told: what stands behind it would hide it.
        if status.untold == 0, send(entry.summary) { status.told += 1 } else { status.untold += 1 }
    }

    private mutating func tellUntold() {
        if status.untold > 0, send(AuditSummary.untold(status.untold, head)) { status.untold = 0 }
    }

    /// - Returns: whether the journal took it.
    private mutating func send(_ message: JournalMessage) -> Bool {
        var lengths = Self.lengths[...]
        let deadline = Clock.monotonic() + Int64(patience) * 1_000_000
        while let length = lengths.first {
            do throws(SystemError) {
                if socket == nil { socket = try JournalSocket(at: path) }
                try socket?.send(message.datagram(atMost: length, mark: AuditSummary.mark))
                (isStuck, status.problem) = (false, nil)
                return true
            } catch  where error.code == .messageTooLong {
                status.problem = error
                lengths = lengths.dropFirst()
            } catch  where error.code == .again && !isStuck && Clock.monotonic() < deadline {
                // Its queue is short, and a burst of records fills it; the log does not wait for this thread.
                Clock.sleep(milliseconds: 2)
            } catch {
                if error.code == .again { isStuck = true }
                status.problem = error
                return false
            }
        }
        return false
    }
}
