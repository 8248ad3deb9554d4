internal import CLinux
internal import Glibc
package import MIG

/// A signal that ends a process; the raw value is the kernel's number.
package enum EndingSignal: Int32, CaseIterable, Sendable {
    case terminate = 15
    case kill = 9

    /// As `kill -l` names it.
    package var name: String {
        switch self {
        case .terminate: "TERM"
        case .kill: "KILL"
        }
    }
}

/// Why a process is not held, or was sent no signal; the raw value is the number on the wire.
package enum HoldingError: UInt8, Error, Hashable, Sendable, CustomStringConvertible {
    /// Nobody may ask for it: the first process, this one, or one of root's or of nobody's.
    case untouchable = 1
    /// No process has that number, or it has ended; the number of a thread is no process's.
    case gone = 2
    /// Not all of its uids are the user's.
    case notTheUsers = 3
    /// The kernel does not let this process hold others, or send them signals.
    case notAllowed = 4
    /// What `/proc` shows of this one process cannot be read, so whose it is stays unknown.
    case unreadable = 5

    package var description: String {
        switch self {
        case .untouchable: "it is not to be touched"
        case .gone: "it is gone"
        case .notTheUsers: "it is not the user's alone"
        case .notAllowed: "the kernel does not allow it"
        case .unreadable: "whose it is cannot be read"
        }
    }
}

/// The very process that had a number when it was asked for, whatever that number is given to later.
package struct HeldProcess: ~Copyable, Sendable {
    package let pid: Int32
    package let user: UserID
    /// The command's name; the process chooses it.
    package let command: String
    private let descriptor: FileDescriptor

    /// Holds a process of a user: one whose real, effective, saved and file system uid are all his. `pidfd_open(2)`
    ///
    /// What `/proc` shows under the number is read while the held process is seen to live before and after, so it is
    /// that process's own.
    package init(_ pid: Int32, of user: UserID) throws(HoldingError) {
        guard pid > 1, pid != CurrentProcess.pid, user != .root, user != .overflow, user != .invalid else {
            throw .untouchable
        }
        let descriptor = try Self.open(pid)
        guard try Self.isAlive(descriptor) else { throw .gone }
        let status = ProcessTable.status(of: pid)
        let command = ProcessTable.command(of: pid)
        guard try Self.isAlive(descriptor) else { throw .gone }
        guard let status, let command else { throw .unreadable }
        try Self.check(status, pid, user)
        self.pid = pid
        self.user = user
        self.command = command
        self.descriptor = descriptor
    }

    /// Sends a signal, unless the process has changed its uids since. `pidfd_send_signal(2)`
    package func send(_ signal: EndingSignal) throws(HoldingError) {
        guard let status = ProcessTable.status(of: pid) else {
            throw try Self.isAlive(descriptor) ? .unreadable : .gone
        }
        guard try Self.isAlive(descriptor) else { throw .gone }
        try Self.check(status, pid, user)
        let raw = descriptor.raw
        do throws(SystemError) {
            _ = try checked("pidfd_send_signal") { migbroker_pidfd_send_signal(raw, signal.rawValue) }
        } catch {
            throw error.code == .noSuchProcess ? .gone : .notAllowed
        }
    }

    private static func open(_ pid: Int32) throws(HoldingError) -> FileDescriptor {
        do throws(SystemError) {
            return FileDescriptor(owning: try checked("pidfd_open") { migbroker_pidfd_open(pid) })
        } catch {
            // What kernels say of the number of a thread that is not its process's first.
            throw [.noSuchProcess, .invalid, .notFound].contains(error.code) ? .gone : .notAllowed
        }
    }

    private static func isAlive(_ descriptor: borrowing FileDescriptor) throws(HoldingError) -> Bool {
        do throws(SystemError) { return try ProcessTable.isAlive(descriptor) } catch { throw .notAllowed }
    }

    private static func check(_ status: [UInt8], _ pid: Int32, _ user: UserID) throws(HoldingError) {
        guard let process = ProcessTable.field("Tgid", in: status), let owners = ProcessTable.field("Uid", in: status)
        else { throw .unreadable }
        guard process.utf8.elementsEqual("\(pid)".utf8) else { throw .gone }
        let uids = owners.split(separator: "\t")
        guard uids.count == 4, uids.allSatisfy({ $0.utf8.elementsEqual("\(user.rawValue)".utf8) }) else {
            throw .notTheUsers
        }
    }
}
