internal import Linux
internal import Synchronization

/// Where the answer to one call is given later, from any thread, and where one learns that nobody waits any more.
///
/// Whoever holds it owes one `finish`. A responder that is dropped without it closes its connection: the client learns
/// that something went wrong instead of waiting for ever.
package final class VarlinkResponder: Sendable {
    /// What a responder tells its server.
    struct Post: Sendable {
        enum Content: Sendable {
            case partial(VarlinkMessage)
            case final(VarlinkMessage)
            case dropped
        }
        let connection: UInt64
        let call: UInt64
        let content: Content
    }

    /// The caller wants any number of replies; otherwise there must be no partial one.
    package let wantsMore: Bool

    private let connection: UInt64
    private let call: UInt64
    private let queue: LoopQueue<Post>
    private let pending: PendingAnswer
    private let isFinished = Atomic(false)

    init(_ pending: PendingAnswer, connection: UInt64, call: UInt64, wantsMore: Bool, queue: LoopQueue<Post>) {
        self.pending = pending
        self.connection = connection
        self.call = call
        self.wantsMore = wantsMore
        self.queue = queue
    }

    deinit {
        if !isFinished.load(ordering: .acquiring) { post(.dropped) }
    }

    /// Whether somebody still waits for the answer. A change goes on to its end without; a stream stops.
    package var isOpen: Bool { pending.isOpen }

    /// Sends one reply of several, to a call that wants more; never blocks.
    ///
    /// - Returns: false where nobody waits any more, and where the client reads too slowly for what is queued already:
    ///   then `whenDrained` comes first, or one gives up.
    package func send(_ message: VarlinkMessage) -> Bool {
        precondition(wantsMore, "a call without more has one reply")
        precondition(!isFinished.load(ordering: .acquiring), "nothing follows the final reply")
        guard pending.reserve(message.bytes.count) else { return false }
        post(.partial(message))
        return true
    }

    /// Calls the body once, on any thread, when all that was sent has left as far as the kernel is concerned, or nobody
    /// waits for it any more; one body at a time. No thread ever waits for a client: he decides how long it takes.
    package func whenDrained(_ body: @escaping @Sendable () -> Void) { pending.whenDrained(body) }

    /// Gives the final reply, or an error; never blocks. Dropped where nobody waits any more. Once only.
    package func finish(_ message: VarlinkMessage) {
        let wasFinished = isFinished.exchange(true, ordering: .acquiringAndReleasing)
        precondition(!wasFinished, "a call has one final reply")
        post(.final(message))
    }

    private func post(_ content: Post.Content) {
        queue.post(Post(connection: connection, call: call, content: content))
    }
}

/// What responder and server both know about an answer that is still to come.
final class PendingAnswer: Sendable {
    private struct State {
        var isOpen = true
        var unsentBytes = 0
        var waiter: (@Sendable () -> Void)?
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: bytes of partial replies that may wait for the client.
    init(capacity: Int) { self.capacity = capacity }

    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Counts bytes as waiting, unless nobody waits for them or there are too many; a lone reply is never too many.
    func reserve(_ count: Int) -> Bool {
        state.withLock { state in
            guard state.isOpen, state.unsentBytes == 0 || state.unsentBytes + count <= capacity else { return false }
            state.unsentBytes += count
            return true
        }
    }

    /// Some of what was reserved has left.
    func release(_ count: Int) {
        let waiter = state.withLock { state in
            state.unsentBytes -= count
            return state.unsentBytes == 0 ? state.waiter.take() : nil
        }
        waiter?()
    }

    /// Nobody waits any more.
    func close() {
        let waiter = state.withLock { state in
            state.isOpen = false
            return state.waiter.take()
        }
        waiter?()
    }

    func whenDrained(_ body: @escaping @Sendable () -> Void) {
        let hasToWait = state.withLock { state in
            guard state.isOpen, state.unsentBytes > 0 else { return false }
            state.waiter = body
            return true
        }
        if !hasToWait { body() }
    }
}
