import Glibc
import Linux

/// The one lock of a machine; a process that is killed lets go of it.
///
/// It is waited for without a deadline, as callers of the real driver wait for each other inside the kernel.
struct MachineLock: Sendable {
    let path: String

    /// Runs the body while no other thread of any process runs one. Not to be nested.
    func hold<Result>(_ body: () throws(MachineError) -> Result) throws(MachineError) -> Result {
        let file = try acquire()
        // The lock ends with the descriptor, which must not end before the body does.
        defer { extendLifetime(file) }
        return try body()
    }

    // Each holder opens the file anew, so threads and forked children exclude each other too.
    private func acquire() throws(MachineError) -> FileDescriptor {
        do throws(SystemError) {
            let file = try Files.open(path, .read)
            while flock(file.raw, LOCK_EX) != 0 {
                let code = Errno(rawValue: errno)
                guard code == .interrupted else { throw SystemError("flock", code, path) }
            }
            return file
        } catch {
            throw .system(error)
        }
    }
}
