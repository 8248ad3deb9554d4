package import MIG
internal import Synchronization

/// Where the process at the other end runs, seen from here.
package enum PeerOrigin: String, Sendable {
    case host
    /// In another pid namespace than this process, or in the cgroup of a known container runtime.
    case container
    /// The process is gone, or `/proc` does not show enough of it.
    case unknown
}

/// What `/proc` says about the process that opened a connection: for records, not for decisions.
package struct PeerProcess: Hashable, Sendable {
    /// The command's name, cut by the kernel to 15 bytes; the process chooses it.
    package let command: String
    /// The path in the unified hierarchy, or the first one of version 1.
    package let cgroup: String
    /// Who logged in, kept through sudo and su; nil for what was started by no login.
    package let loginUser: UserID?
    /// The login session of the audit system; nil for what was started by no login.
    package let session: UInt32?
}

/// What was read of a peer's process so far.
struct PeerFacts: Sendable {
    var origin: PeerOrigin?
    var process: PeerProcess?
}

extension PeerCredentials {
    /// Where the process that connected runs; for `from`, not for identity.
    ///
    /// Read when first asked for, and then known as long as the connection lives.
    package func origin() -> PeerOrigin {
        facts.withLock { facts in
            facts.origin = facts.origin ?? whileAlive { ProcessTable.origin(of: $0, pid: pid) }
            return facts.origin ?? .unknown
        }
    }

    /// What `/proc` says about the process that connected; nil where it is gone or hidden.
    ///
    /// Read when first asked for, and then known as long as the connection lives. It takes much longer than `origin`,
    /// so only what is recorded asks for it; and soon, for the process may be gone a moment later.
    package func process() -> PeerProcess? {
        facts.withLock { facts in
            facts.process = facts.process ?? whileAlive { _ in ProcessTable.facts(of: pid) }
            return facts.process
        }
    }

    /// A pid can be given to another process at any moment (CVE-2019-6133), so the peer must be alive by its pidfd
    /// both before and after the reading: then the number was its own all the time.
    private func whileAlive<Fact>(_ read: (borrowing FileDescriptor) -> Fact?) -> Fact? {
        switch descriptor {
        case .some(let process):
            guard pid > 0, Self.isAlive(process), let fact = read(process), Self.isAlive(process) else { return nil }
            return fact
        case .none: return nil
        }
    }

    /// What cannot be found out about is not taken for alive.
    private static func isAlive(_ process: borrowing FileDescriptor) -> Bool {
        (try? ProcessTable.isAlive(process)) == true
    }
}
