internal import CLinux
internal import Glibc

/// Signals read like messages, so that nothing ever runs inside a handler. `signalfd(2)`
package final class Signals: Sendable {
    package static let hangUp = SIGHUP
    package static let interrupt = SIGINT
    package static let terminate = SIGTERM

    /// Readable when a signal waits.
    package let descriptor: FileDescriptor

    /// Takes these signals out of their usual course for this thread and all it starts; so call it before the first.
    package init(_ numbers: [Int32]) throws(SystemError) {
        var set = sigset_t()
        // SAFETY: the set lives through the calls, which only read or fill it.
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw SystemError("pthread_sigmask", Errno(rawValue: code)) }
        descriptor = FileDescriptor(
            owning: try checked("signalfd") { unsafe signalfd(-1, &set, signalDescriptorFlags) })
    }

    /// The next signal that came, or nil where none waits.
    package func next() throws(SystemError) -> Int32? {
        do throws(SystemError) {
            let bytes = try descriptor.read(upTo: 128)
            guard bytes.count == 128 else { return nil }
            return (0..<4).reduce(0) { $0 | Int32(bytes[$1]) << Int32(8 * $1) }
        } catch  where error.code == .again {
            return nil
        }
    }
}

/// SFD_CLOEXEC and SFD_NONBLOCK are O_CLOEXEC and O_NONBLOCK by definition. (linux/signalfd.h)
private let signalDescriptorFlags = O_CLOEXEC | O_NONBLOCK
