internal import CLinux
internal import Glibc

/// Waits for many descriptors and timers at once on the one thread that runs it. `epoll(7)`
///
/// Everything here belongs to that thread. Other threads reach it through a `LoopQueue`.
package final class EventLoop {
    /// What a descriptor is waited for, and what it then is ready for.
    package struct Readiness: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let read = Readiness(rawValue: EPOLLIN.rawValue)
        package static let write = Readiness(rawValue: EPOLLOUT.rawValue)
        /// The other end is gone for both directions, or the descriptor failed; comes without being asked for.
        package static let hangUp = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
    }

    /// Names a watched descriptor or a timer; never used twice, so a late event cannot reach a stranger.
    package struct Token: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Watch {
        let descriptor: Int32
        let handler: (Readiness) -> Void
    }

    private struct Timer {
        let token: Token
        let deadline: Int64
        let action: () -> Void
    }

    private let epoll: FileDescriptor
    private var watches: [UInt64: Watch] = [:]
    private var timers: [Timer] = []
    private var lastToken: UInt64 = 0
    private var events = [migbroker_event](repeating: migbroker_event(), count: 64)
    private var isStopped = false

    /// `Clock.monotonic` when the loop last woke.
    package private(set) var now = Clock.monotonic()

    /// Work that waits for its turn rather than for the kernel. Called after each look at the descriptors; while it
    /// returns true there is more of it, and the loop looks without waiting.
    package var turn: () -> Bool = { false }

    /// `epoll_create1(2)`
    package init() throws(SystemError) {
        epoll = FileDescriptor(owning: try checked("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    /// Calls the handler whenever the descriptor is ready for one of these, or hung up, until `forget`.
    ///
    /// The descriptor must stay open until then. `epoll_ctl(EPOLL_CTL_ADD)`
    package func watch(
        _ descriptor: borrowing FileDescriptor, for interest: Readiness, _ handler: @escaping (Readiness) -> Void
    ) throws(SystemError) -> Token {
        let token = nextToken()
        try control(EPOLL_CTL_ADD, descriptor.raw, interest, token)
        watches[token.number] = Watch(descriptor: descriptor.raw, handler: handler)
        return token
    }

    /// Waits for something else from now on. `epoll_ctl(EPOLL_CTL_MOD)`
    package func change(_ token: Token, to interest: Readiness) throws(SystemError) {
        guard let watch = watches[token.number] else { preconditionFailure("only a watched descriptor is changed") }
        try control(EPOLL_CTL_MOD, watch.descriptor, interest, token)
    }

    /// Ends a watch; to be called before its descriptor is closed. A second time does nothing.
    /// `epoll_ctl(EPOLL_CTL_DEL)`
    package func forget(_ token: Token) {
        guard let watch = watches.removeValue(forKey: token.number) else { return }
        do throws(SystemError) {
            try control(EPOLL_CTL_DEL, watch.descriptor, [], token)
        } catch {
            preconditionFailure("a watched descriptor stays open until it is forgotten: \(error)")
        }
    }

    /// Calls the action once, at a moment of `Clock.monotonic` or soon after; meant for few timers.
    package func schedule(at deadline: Int64, _ action: @escaping () -> Void) -> Token {
        let timer = Timer(token: nextToken(), deadline: deadline, action: action)
        timers.append(timer)
        return timer.token
    }

    /// Takes back a timer; one that has fired is no error.
    package func cancel(_ token: Token) {
        timers.removeAll { $0.token == token }
    }

    /// Runs until `stop`; this thread does nothing else meanwhile.
    package func run() throws(SystemError) {
        isStopped = false
        while !isStopped {
            let hasMore = turn()
            if isStopped { return }
            let count = try wait(milliseconds: hasMore ? 0 : millisecondsToNextTimer())
            now = Clock.monotonic()
            for index in 0..<count where !isStopped {
                let event = events[index]
                watches[event.token]?.handler(Readiness(rawValue: event.events))
            }
            fireTimers()
        }
    }

    /// Lets `run` return once the present handler has.
    package func stop() { isStopped = true }

    private func nextToken() -> Token {
        lastToken += 1
        return Token(number: lastToken)
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ interest: Readiness, _ token: Token
    ) throws(SystemError) {
        var event = migbroker_event(events: interest.rawValue, token: token.number)
        let epoll = epoll.raw
        // SAFETY: the event lives through the call, and the kernel copies it.
        _ = try checked("epoll_ctl") { unsafe migbroker_epoll_ctl(epoll, operation, descriptor, &event) }
    }

    private func wait(milliseconds: Int32) throws(SystemError) -> Int {
        let epoll = epoll.raw
        let capacity = Int32(events.count)
        // SAFETY: the kernel writes at most `capacity` events into the array's own storage.
        let count = unsafe events.withUnsafeMutableBufferPointer { buffer in
            unsafe migbroker_epoll_wait(epoll, buffer.baseAddress, capacity, milliseconds)
        }
        if count >= 0 { return Int(count) }
        let code = Errno.last
        // A signal is a reason to look at the clock again, not to sleep the whole time once more.
        if code == .interrupted { return 0 }
        throw SystemError("epoll_wait", code)
    }

    private func millisecondsToNextTimer() -> Int32 {
        guard let next = timers.map(\.deadline).min() else { return -1 }
        let rest = max(0, next - Clock.monotonic())
        return Int32(min(rest / 1_000_000 + 1, 60_000))
    }

    /// In the order of their deadlines; one that an earlier one of the same turn took back does not fire any more.
    private func fireTimers() {
        let due = timers.filter { $0.deadline <= now }.sorted { $0.deadline < $1.deadline }
        for due in due where !isStopped {
            guard let index = timers.firstIndex(where: { $0.token == due.token }) else { continue }
            timers.remove(at: index).action()
        }
    }
}
