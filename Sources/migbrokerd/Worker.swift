import Linux

/// A thread for one kind of work that blocks, with a bounded queue before it.
final class Worker: Sendable {
    typealias Job = @Sendable () -> Void

    private let queue: Mailbox<Job>

    /// Starts the thread.
    ///
    /// Between jobs, and at least every `idleMilliseconds`, `idle` is called on the same thread, so what it does never
    /// meets a job; `last` is called once, after `finish` and after the last job.
    init(
        named name: String, capacity: Int, idleMilliseconds: Int? = nil, idle: @escaping Job = {},
        last: @escaping Job = {}
    ) throws(SystemError) {
        let queue = Mailbox<Job>(capacity: capacity)
        self.queue = queue
        let thread = try Thread(named: name) {
            while !queue.isClosed {
                if let job = queue.receive(milliseconds: idleMilliseconds) { job() }
                idle()
            }
            last()
        }
        thread.detach()
    }

    /// Queues a job.
    ///
    /// - Returns: false where too many wait already; the job was not taken.
    func run(_ job: @escaping Job) -> Bool { queue.send(job) }

    /// Takes no more jobs; those that wait are still done. Does not block.
    func finish() { queue.close() }
}
