internal import Linux
internal import Synchronization

/// What was written to the log, on its way to somebody who must never keep the log waiting: bounded, and in order.
final class AuditQueue<Item: Sendable>: Sendable {
    /// What came since the last time.
    struct Batch: Sendable {
        var items: [Item] = []
        /// Items for which there was no room, all of them later than `items`.
        var missed: Int64 = 0
    }

    private struct State {
        var batch = Batch()
        var isClosed = false
        /// Whether the one who takes has seen the end.
        var isOver = false
    }

    private let capacity: Int
    private let change = Condition()
    private let end = Condition()
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = capacity }

    /// Puts items in, as many as there is room for; the rest is counted. Never waits.
    func put(_ items: [Item]) {
        state.withLock { state in
            // After something was missed, nothing is taken until that is known: else later items would seem earlier.
            let room = state.batch.missed > 0 ? 0 : capacity - state.batch.items.count
            state.batch.items += items.prefix(room)
            state.batch.missed += Int64(max(0, items.count - room))
        }
        change.signal()
    }

    /// Ends it: what is in it is still handed out.
    func close() {
        state.withLock { $0.isClosed = true }
        change.signalAll()
    }

    /// Ends it, and waits until the last items have been dealt with, but not for longer than this.
    func finish(milliseconds: Int) {
        close()
        let deadline = Clock.monotonic() + Int64(milliseconds) * 1_000_000
        while true {
            let ticket = end.ticket()
            if state.withLock({ $0.isOver }) || !end.wait(after: ticket, until: deadline) { return }
        }
    }

    /// Tells whoever waits in `finish` that everything has been dealt with.
    func isDone() {
        state.withLock { $0.isOver = true }
        end.signalAll()
    }

    /// Waits for items, at most so long; an empty batch where none came, nil at the end.
    func next(milliseconds: Int?) -> Batch? {
        let deadline = milliseconds.map { Clock.monotonic() + Int64($0) * 1_000_000 }
        while true {
            let ticket = change.ticket()
            let (batch, isClosed) = state.withLock { state in
                defer { state.batch = Batch() }
                return (state.batch, state.isClosed)
            }
            if !batch.items.isEmpty || batch.missed > 0 { return batch }
            if isClosed { return nil }
            guard change.wait(after: ticket, until: deadline) else { return Batch() }
        }
    }
}
