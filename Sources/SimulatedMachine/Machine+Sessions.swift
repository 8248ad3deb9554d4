import Glibc
import Linux

/// A process's use of the driver's library, which ends with the process if not before.
///
/// All share one lock, so that the last one's leaving shows: whoever can then have it alone is alone.
package final class DriverSession: Sendable {
    private let file: FileDescriptor

    init(at path: String) throws(SystemError) {
        file = try Files.open(path, .read)
    }

    /// Whether nobody else has a session; while that is so none begins, until `share`.
    func becomeAlone() -> Bool { flock(file.raw, LOCK_EX | LOCK_NB) == 0 }

    /// Lets others begin theirs. Waits for one that is alone.
    func share() throws(SystemError) {
        while flock(file.raw, LOCK_SH) != 0 {
            let code = Errno(rawValue: errno)
            guard code == .interrupted else { throw SystemError("flock", code) }
        }
    }
}

/// What the first use of a GPU and the end of the last do to it.
///
/// Who may not write the state leaves both to others.
extension Machine {
    /// Begins a session, which lasts as long as the value; with `isAttaching` it brings up every GPU.
    package func beginSession(isAttaching: Bool) throws(MachineError) -> DriverSession {
        let session: DriverSession
        do {
            session = try DriverSession(at: layout.sessions)
        } catch {
            throw .system(error)
        }
        if counters.isWritable, try state().gpus.contains(where: \.isReleased), session.becomeAlone() {
            try letGo()
        }
        do {
            try session.share()
        } catch {
            throw .system(error)
        }
        if isAttaching { try attach() }
        return session
    }

    /// Brings up the GPUs that nothing has used since the driver was loaded.
    package func attach() throws(MachineError) {
        guard counters.isWritable, try state().gpus.contains(where: { !$0.isAttached }) else { return }
        try change { state throws(MachineError) in
            for index in state.gpus.indices { state.gpus[index].isAttached = true }
        }
    }

    /// The last session ended some time before now, and with it what the GPUs kept in memory only.
    ///
    /// Until now the `/proc` tree showed what had been, as that of the real driver does until a GPU is brought up again.
    private func letGo() throws(MachineError) {
        try change { state throws(MachineError) in
            for index in state.gpus.indices where state.gpus[index].isReleased {
                if try !isInUse(state.gpus[index]) { state.gpus[index].letGo() }
            }
        }
    }
}
