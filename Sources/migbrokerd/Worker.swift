import Linux
import MIG
import Synchronization
import Varlink

/// A thread for one kind of work that blocks, with a bounded queue before it that serves users in turn: whoever has
/// much to do waits for himself.
final class Worker: Sendable {
    typealias Job = @Sendable () -> Void

    private let queue: Queue

    /// Starts the thread.
    ///
    /// Between jobs, and at least every `idleMilliseconds`, `idle` is called on the same thread, so what it does never
    /// meets a job; `last` is called once, after `finish` and after the last job.
    init(
        named name: String, bounds: Bounds, idleMilliseconds: Int? = nil, idle: @escaping Job = {},
        last: @escaping Job = {}
    ) throws(SystemError) {
        let queue = Queue(bounds)
        self.queue = queue
        let thread = try Thread(named: name) {
            while !queue.isOver {
                if let job = queue.next(milliseconds: idleMilliseconds) { job() }
                idle()
            }
            last()
        }
        thread.detach()
    }

    /// Queues a job of a user.
    ///
    /// - Returns: false where too many wait already, his or all together; the job was not taken.
    func run(for user: UserID, _ job: @escaping Job) -> Bool { queue.add(job, user) }

    /// Queues the rest of a job that runs, before other jobs of its user and behind those of others; never refused.
    func goOn(for user: UserID, _ rest: @escaping Job) { queue.addFirst(rest, user) }

    /// Takes no more jobs; those that wait are still done. Does not block.
    func finish() { queue.close() }

    private final class Queue: Sendable {
        private struct State {
            var jobs = FairQueue<Job>()
            var isClosed = false
        }

        /// A client has one call at a time; more jobs than connections are those of clients who went away.
        private let most: Int
        private let mostPerUser: Int
        private let change = Condition()
        private let state = Mutex(State())

        init(_ bounds: Bounds) {
            most = bounds.connections
            mostPerUser = bounds.connectionsPerUser
        }

        var isOver: Bool { state.withLock { $0.isClosed && $0.jobs.isEmpty } }

        func add(_ job: @escaping Job, _ user: UserID) -> Bool {
            let isTaken = state.withLock { state in
                guard !state.isClosed, state.jobs.count < most, state.jobs.count(of: user) < mostPerUser else {
                    return false
                }
                state.jobs.push(job, for: user)
                return true
            }
            if isTaken { change.signal() }
            return isTaken
        }

        func addFirst(_ job: @escaping Job, _ user: UserID) {
            state.withLock { $0.jobs.pushFirst(job, for: user) }
            change.signal()
        }

        func close() {
            state.withLock { $0.isClosed = true }
            change.signalAll()
        }

        /// Waits for a job; nil when the time is over, or there will be none.
        func next(milliseconds: Int?) -> Job? {
            let deadline = milliseconds.map { Clock.monotonic() + Int64($0) * 1_000_000 }
            while true {
                let ticket = change.ticket()
                let (job, isClosed) = state.withLock { ($0.jobs.pop(), $0.isClosed) }
                if job != nil || isClosed { return job }
                guard change.wait(after: ticket, until: deadline) else { return nil }
            }
        }
    }
}
