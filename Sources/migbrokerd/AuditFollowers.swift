import JSON
import Synchronization
import Varlink

/// Those who have been shown the whole audit log and wait for its next record.
///
/// Whoever waits is let go of when a record is written, and comes back when he has been shown it: no thread waits for
/// him, and somebody who left is dropped with the next record.
final class AuditFollowers: Sendable {
    private struct Follower: Sendable {
        let responder: VarlinkResponder
        let goOn: @Sendable () -> Void
    }

    private struct State {
        var waiting: [Follower] = []
        /// The last record that was heard of.
        var latest: Int64 = 0
        var isOver = false
    }

    private let state = Mutex(State())

    /// Whether nobody is to wait any more.
    var areOver: Bool { state.withLock { $0.isOver } }

    /// Calls the body, once and on any thread, when there are records after one that was seen, or nobody is to wait any
    /// more.
    func wait(for responder: VarlinkResponder, after seen: Int64, _ body: @escaping @Sendable () -> Void) {
        let (isDue, gone) = state.withLock { state in
            // It may be long until the next record.
            let gone = state.waiting.filter { !$0.responder.isOpen }
            state.waiting.removeAll { !$0.responder.isOpen }
            let isDue = state.isOver || state.latest > seen
            if !isDue { state.waiting.append(Follower(responder: responder, goOn: body)) }
            return (isDue, gone)
        }
        for follower in gone { follower.goOn() }
        if isDue { body() }
    }

    /// Lets everybody go on; called by whoever wrote a record, so it takes no time.
    func hear(of seq: Int64) {
        let due = state.withLock { state in
            state.latest = max(state.latest, seq)
            defer { state.waiting = [] }
            return state.waiting
        }
        for follower in due { follower.goOn() }
    }

    /// Gives everybody who waits his last reply: a server that ends does not wait for streams.
    func end() {
        let waiting = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for follower in waiting { follower.responder.finish(.reply(["records": .array([])])) }
    }
}
