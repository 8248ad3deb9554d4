internal import CLinux
internal import Glibc

/// A POSIX thread for work that blocks; the broker has a handful, each with one task for life.
package struct Thread: ~Copyable, Sendable {
    private let handle: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a thread; its name shows in `ps -L`, cut to 15 bytes.
    package init(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        // SAFETY: the box is retained here and released once by the thread; on failure we release it ourselves.
        let box = unsafe Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let code = unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                _ = unsafe pthread_setname_np(pthread_self(), String(start.name.prefix(15)))
                start.body()
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw SystemError("pthread_create", Errno(rawValue: code), name)
        }
        self.handle = handle
    }

    /// Waits for its end.
    package consuming func join() {
        _ = pthread_join(handle, nil)
    }

    /// Lets it run to its end alone.
    package consuming func detach() {
        _ = pthread_detach(handle)
    }
}

/// Lets threads sleep until something happened after they last looked. `pthread_cond_timedwait(3)`
@safe package final class Condition: @unchecked Sendable {
    // SAFETY: both are initialised once, live at one address until deinit, and are used through pthread calls only;
    // `generation` is read and written with the mutex held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var generation: UInt64 = 0

    package init() {
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        // A deadline on the settable clock could be moved by a clock step.
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// A mark of now: take it before looking, and wait for what comes after it.
    package func ticket() -> UInt64 {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return generation
    }

    /// Wakes one sleeper.
    package func signal() { advance(all: false) }

    /// Wakes all sleepers.
    package func signalAll() { advance(all: true) }

    private func advance(all: Bool) {
        unsafe pthread_mutex_lock(mutex)
        generation += 1
        _ = unsafe all ? pthread_cond_broadcast(condition) : pthread_cond_signal(condition)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Sleeps until a signal after the ticket, or a moment of `Clock.monotonic`.
    ///
    /// - Returns: false when the time was over first.
    package func wait(after ticket: UInt64, until deadline: Int64?) -> Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while generation == ticket {
            guard let deadline else {
                _ = unsafe pthread_cond_wait(condition, mutex)
                continue
            }
            var time = timespec(
                tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(max(0, deadline) % 1_000_000_000))
            if unsafe pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT {
                return generation != ticket
            }
        }
        return true
    }
}
