import Glibc
import Linux

/// A process's use of the driver's library, which ends with the process if not before.
///
/// Each holds a shared lock of its own opening of one file, so that others see it, and nobody has to tell of its end.
package final class DriverSession: Sendable {
    private let file: FileDescriptor

    // Of linux/fcntl.h, which the Glibc module hides.
    private static let getLock: Int32 = 36
    private static let setLock: Int32 = 37

    init(at path: String) throws(SystemError) { file = try Files.open(path, .read) }

    func begin() throws(SystemError) { _ = try lock(Self.setLock, F_RDLCK) }

    /// Whether another process has a session: one that wanted the lock alone would have to wait.
    func hasCompany() throws(SystemError) -> Bool { try lock(Self.getLock, F_WRLCK).l_type != F_UNLCK }

    private func lock(_ command: Int32, _ kind: Int32) throws(SystemError) -> flock {
        var region = flock(l_type: Int16(kind), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        guard fcntl(file.raw, command, &region) == 0 else { throw SystemError("fcntl", Errno(rawValue: errno)) }
        return region
    }
}

/// What the first use of a GPU and the end of the last do to it.
///
/// Who may not write the state leaves both to others.
extension Machine {
    /// Begins a session, which lasts as long as the value; with `isAttaching` it brings up every GPU.
    package func beginSession(isAttaching: Bool) throws(MachineError) -> DriverSession {
        let session = try asking { () throws(SystemError) in try DriverSession(at: layout.sessions) }
        if counters.isWritable, try state().gpus.contains(where: \.isReleased) {
            // One at a time, or two that begin at once would each take the other for one that has been there.
            try change { state throws(MachineError) in
                try asking { () throws(SystemError) in try session.begin() }
                try letGo(&state, session)
            }
        } else {
            try asking { () throws(SystemError) in try session.begin() }
        }
        if isAttaching { try attach() }
        return session
    }

    /// Whether the driver may not reset a GPU for whoever has a session: processes use it, or other programs of the
    /// library do. GPUs that need no reset do not mind the latter.
    func isInUse(_ gpu: SimulatedGPU, besides session: DriverSession?) throws(MachineError) -> Bool {
        if try isInUse(gpu) { return true }
        guard gpu.model.modeChangeNeedsReset, let session else { return false }
        return try asking { () throws(SystemError) in try session.hasCompany() }
    }

    /// Brings up the GPUs that nothing has used since the driver was loaded.
    package func attach() throws(MachineError) {
        guard counters.isWritable, try state().gpus.contains(where: { !$0.isAttached }) else { return }
        try change { state throws(MachineError) in
            for index in state.gpus.indices { state.gpus[index].isAttached = true }
        }
    }

    /// Where nobody else has a session, the last one ended before now, and with it what the GPUs kept in memory only.
    ///
    /// Until now the `/proc` tree showed what had been, as that of the real driver does until a GPU is brought up again.
    private func letGo(_ state: inout MachineState, _ session: DriverSession) throws(MachineError) {
        guard try !asking({ () throws(SystemError) in try session.hasCompany() }) else { return }
        for index in state.gpus.indices where state.gpus[index].isReleased {
            if try !isInUse(state.gpus[index]) { state.gpus[index].letGo() }
        }
    }

    private func asking<Result>(_ body: () throws(SystemError) -> Result) throws(MachineError) -> Result {
        do {
            return try body()
        } catch {
            throw .system(error)
        }
    }
}
