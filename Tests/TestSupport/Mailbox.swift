import Linux
import Synchronization

/// A queue between threads that a reader can wait on, with a bound and a deadline.
package final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    private let capacity: Int
    private let condition: Condition
    private let state: Mutex<State>

    package init(capacity: Int) {
        self.capacity = capacity
        condition = Condition()
        state = Mutex(State())
    }

    /// Puts a message in.
    ///
    /// - Returns: false where the queue is full or closed, and the message was not taken.
    package func send(_ message: Message) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.messages.count < capacity else { return false }
            state.messages.append(message)
            return true
        }
        if isTaken { condition.signal() }
        return isTaken
    }

    /// Takes no more messages; readers get what is left, then nil.
    package func close() {
        state.withLock { $0.isClosed = true }
        condition.signalAll()
    }

    package var isClosed: Bool { state.withLock { $0.isClosed && $0.messages.isEmpty } }

    /// The next message; nil when the time is over or the queue is closed and empty.
    package func receive(milliseconds: Int? = nil) -> Message? {
        let deadline = milliseconds.map { Clock.monotonic() + Int64($0) * 1_000_000 }
        while true {
            let ticket = condition.ticket()
            let (message, isOver) = state.withLock { state -> (Message?, Bool) in
                if !state.messages.isEmpty { return (state.messages.removeFirst(), false) }
                return (nil, state.isClosed)
            }
            if message != nil || isOver { return message }
            guard condition.wait(after: ticket, until: deadline) else { return nil }
        }
    }
}
