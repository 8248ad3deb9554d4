internal import CLinux
internal import Glibc
internal import Synchronization

/// Hands messages from any thread to the thread of an event loop, and wakes it. `eventfd(2)`
///
/// The sender bounds what it sends: nothing is refused here.
package final class LoopQueue<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let wake: FileDescriptor

    package init() throws(SystemError) {
        wake = FileDescriptor(
            owning: try checked("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
    }

    /// Puts a message in; never blocks.
    package func post(_ message: Message) {
        let wasEmpty = messages.withLock { messages in
            messages.append(message)
            return messages.count == 1
        }
        // Whoever finds the queue filled knows that its first message has rung already.
        if wasEmpty { ring() }
    }

    /// Has the loop call the handler with each message, in the order posted; to be called on the loop's thread.
    package func attach(to loop: EventLoop, _ handler: @escaping (Message) -> Void) throws(SystemError)
        -> EventLoop.Token
    {
        try loop.watch(wake, for: .read) { [self] _ in
            silence()
            for message in takeAll() { handler(message) }
        }
    }

    private func takeAll() -> [Message] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }

    private func ring() {
        do throws(SystemError) {
            _ = try wake.writeOnce([1, 0, 0, 0, 0, 0, 0, 0])
        } catch {
            preconditionFailure("an event counter far from its limit takes a one: \(error)")
        }
    }

    private func silence() {
        do throws(SystemError) {
            _ = try wake.read(upTo: 8)
        } catch  where error.code == .again {
            // Another look was quicker; the counter is what it should be.
        } catch {
            preconditionFailure("an event counter can be read: \(error)")
        }
    }
}
