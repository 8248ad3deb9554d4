internal import CLinux
internal import Glibc
package import MIG
internal import Synchronization

/// Why the kernel's word on a peer is not enough to let him in.
package enum PeerCredentialsError: Error, Hashable, Sendable, CustomStringConvertible {
    case failed(SystemError)
    /// A uid that is nobody's: `(uid_t)-1`, or what user namespaces show for everyone they do not map.
    case nobody(UserID)
    case tooManyGroups

    package var description: String {
        switch self {
        case .failed(let error): "identity of the peer unknown: \(error)"
        case .nobody(let user): "uid \(user) is no user's own"
        case .tooManyGroups: "the peer has more groups than the kernel allows"
        }
    }
}

/// Who opened a connection, by the kernel's word at that moment.
///
/// It stays what it was when the opener changes uid, passes the descriptor on or dies. It is made whole or not at
/// all, so no failure can leave a uid of 0 in it (CVE-2021-3560). Nothing that the client sends, names or binds has a
/// part in it: no SCM_CREDENTIALS, no socket address (CVE-2019-7304).
package final class PeerCredentials: Sendable {
    package let user: UserID
    package let group: GroupID
    /// The primary group and the supplementary ones.
    package let groups: Set<GroupID>
    /// In this process's pid namespace; 0 where the peer is not to be seen from it. For records, never for decisions.
    package let pid: Int32
    /// The very process that connected, whatever its pid is given to later; nil where it is gone or not to be seen.
    let descriptor: FileDescriptor?
    let facts = Mutex(PeerFacts())

    /// Reads the identity off a connected socket. `getsockopt(SO_PEERCRED, SO_PEERGROUPS, SO_PEERPIDFD)`
    package init(of stream: borrowing UnixStream) throws(PeerCredentialsError) {
        let raw = stream.descriptor.raw
        let peer = try Self.known { () throws(SystemError) in try Self.credentials(raw) }
        let user = UserID(peer.uid)
        guard user != .invalid, user != .overflow else { throw .nobody(user) }
        let supplementary = try Self.known { () throws(SystemError) in try Self.supplementaryGroups(raw) }
        guard var groups = supplementary else { throw .tooManyGroups }
        groups.insert(GroupID(peer.gid))
        do throws(SystemError) {
            descriptor = try Self.process(raw, peer.pid, user)
        } catch {
            throw .failed(error)
        }
        self.user = user
        group = GroupID(peer.gid)
        self.groups = groups
        pid = peer.pid
    }

    /// The user at the other end alone: what a client asks about a listener. `getsockopt(SO_PEERCRED)`
    package static func user(of stream: borrowing UnixStream) throws(SystemError) -> UserID {
        UserID(try credentials(stream.descriptor.raw).uid)
    }

    private static func known<Fact>(
        _ read: () throws(SystemError) -> Fact
    ) throws(PeerCredentialsError) -> Fact {
        do throws(SystemError) { return try read() } catch { throw .failed(error) }
    }

    private static func credentials(_ raw: Int32) throws(SystemError) -> migbroker_ucred {
        var peer = migbroker_ucred(pid: 0, uid: .max, gid: .max)
        var length = socklen_t(MemoryLayout<migbroker_ucred>.size)
        // SAFETY: the kernel writes at most `length` bytes, one ucred.
        _ = try checked("getsockopt", "SO_PEERCRED") { unsafe getsockopt(raw, SOL_SOCKET, SO_PEERCRED, &peer, &length) }
        guard length == MemoryLayout<migbroker_ucred>.size else {
            throw SystemError("getsockopt", .invalid, "SO_PEERCRED")
        }
        return peer
    }

    /// Nil past what the kernel lets a process have, so that a list cut short never passes for the whole.
    private static func supplementaryGroups(_ raw: Int32) throws(SystemError) -> Set<GroupID>? {
        let limit = 65_536
        var room = 64
        while room <= limit {
            var groups = [UInt32](repeating: 0, count: room)
            var length = socklen_t(room * MemoryLayout<UInt32>.size)
            do throws(SystemError) {
                // SAFETY: the kernel writes at most `length` bytes into the array's own storage.
                _ = try checked("getsockopt", "SO_PEERGROUPS") {
                    unsafe getsockopt(raw, SOL_SOCKET, Int32(migbroker_SO_PEERGROUPS), &groups, &length)
                }
                return Set(groups.prefix(Int(length) / MemoryLayout<UInt32>.size).map { GroupID($0) })
            } catch  where error.code == .range {
                // The length that would have been enough came back; double at least, should it not have.
                room = max(room * 2, Int(length) / MemoryLayout<UInt32>.size)
            }
        }
        return nil
    }

    private static func process(_ raw: Int32, _ pid: Int32, _ user: UserID) throws(SystemError) -> FileDescriptor? {
        var descriptor: Int32 = -1
        var length = socklen_t(MemoryLayout<Int32>.size)
        do throws(SystemError) {
            // SAFETY: the kernel writes at most `length` bytes, one Int32.
            _ = try checked("getsockopt", "SO_PEERPIDFD") {
                unsafe getsockopt(raw, SOL_SOCKET, Int32(migbroker_SO_PEERPIDFD), &descriptor, &length)
            }
            return FileDescriptor(owning: descriptor)
        } catch {
            switch error.code.rawValue {
            case ENOPROTOOPT: return try openProcess(pid, of: user)
            // The process that connected is dead and reaped.
            case ESRCH, ENODATA, EINVAL: return nil
            default: throw error
            }
        }
    }

    /// Before Linux 6.5: by number. The number may have been given to another process since, so one that does not
    /// run as the user who connected is not taken for the peer.
    static func openProcess(_ pid: Int32, of user: UserID) throws(SystemError) -> FileDescriptor? {
        guard pid > 0 else { return nil }
        do {
            let process = FileDescriptor(owning: try checked("pidfd_open") { migbroker_pidfd_open(pid) })
            let owners = ProcessTable.status(of: pid, "Uid").map { $0.split(separator: "\t") }
            guard try ProcessTable.isAlive(process), let owners,
                owners.contains(where: { $0.utf8.elementsEqual(user.description.utf8) })
            else { return nil }
            return process
        } catch  where error.code == .noSuchProcess || error.code == .invalid {
            return nil
        }
    }
}
