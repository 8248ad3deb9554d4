package import Linux
package import MIG

/// Who asks to use a node, in the kernel's terms.
package struct Caller: Hashable, Sendable {
    package let user: UserID
    /// All groups of the process, the primary one included.
    package let groups: Set<GroupID>

    package init(user: UserID, groups: Set<GroupID>) {
        self.user = user
        self.groups = groups
    }
}

/// Who may open a node, as the broker sets it.
package enum NodeAccess: Hashable, Sendable, CustomStringConvertible {
    /// Nobody but root, who needs it to make compute instances.
    case closed
    /// One user, by name in the access control list, and root.
    case granted(UserID)

    /// The whole list that stands for it; never edited, always replaced.
    var acl: AccessACL {
        switch self {
        case .closed: AccessACL(mode: 0o400)
        case .granted(let user):
            AccessACL([
                .init(.owner, 4), .init(.user(user), 4), .init(.owningGroup, 0), .init(.mask, 4), .init(.other, 0),
            ])
        }
    }

    package var description: String {
        switch self {
        case .closed: "closed"
        case .granted(let user): "granted to uid \(user)"
        }
    }
}

/// What is wrong with a node.
package enum NodeProblem: Hashable, Sendable, CustomStringConvertible {
    case missing
    case wrongKind(FileAttributes.Kind)
    case wrongDevice(found: DeviceNumber, wanted: DeviceNumber)
    case notRoots(UserID, GroupID)
    case severalLinks(UInt64)
    /// The directory of the nodes may be written by group or others.
    case writableByOthers(mode: UInt32)
    /// Somebody may open it who should not; mode and list as found.
    case access(found: String, wanted: NodeAccess)
    case unreadable(SystemError)
    /// The driver's tables are not as they must be.
    case tree(CapabilityTreeError)
    /// The kernel has no way to reset the GPU, which a change of its MIG mode takes.
    case cannotReset
    /// The caller himself may not open the node of the instance that he wants to change.
    case callerHasNoAccess

    package var description: String {
        switch self {
        case .missing: "is missing"
        case .wrongKind(let kind): "is a \(kind.rawValue)"
        case .wrongDevice(let found, let wanted): "is device \(found), and must be \(wanted)"
        case .notRoots(let user, let group): "is owned by \(user):\(group), not by root"
        case .severalLinks(let count): "has \(count) hard links"
        case .writableByOthers(let mode): "is writable by group or others (mode \(String(mode, radix: 8)))"
        case .access(let found, let wanted): "has \(found), and must be \(wanted)"
        case .unreadable(let error): "cannot be read: \(error)"
        case .tree(let error): "\(error)"
        case .cannotReset: "is missing: the GPU cannot be reset, without which its MIG mode does not change"
        case .callerHasNoAccess: "is not open to you"
        }
    }
}

/// A node as the kernel shows it at one moment.
package struct NodeStatus: Hashable, Sendable {
    package let name: NodeName
    package let path: String
    package let attributes: FileAttributes
    /// Nil where the mode is all there is.
    package let acl: AccessACL?

    /// Who may open it, where that is one of the two ways in which the broker leaves nodes.
    package var access: NodeAccess? {
        guard let acl else { return attributes.mode == 0o400 ? .closed : nil }
        guard acl.entries.count == 5, case .user(let user) = acl.entries[1].subject else { return nil }
        return acl == NodeAccess.granted(user).acl ? .granted(user) : nil
    }

    /// Whether the kernel would let a process open it for reading, capabilities left out.
    package func permitsReading(by caller: Caller) -> Bool {
        // The kernel does not look at a list whose mask, which the mode shows as the group's bits, is empty.
        let isListAsked = attributes.mode & 0o070 != 0
        let list = (isListAsked ? acl : nil) ?? AccessACL(mode: attributes.mode)
        let permissions = list.permissions(
            of: caller.user, groups: caller.groups, fileOwner: attributes.owner, fileGroup: attributes.group)
        return permissions & 4 != 0
    }

    /// Mode and named entries in one line, `mode 0440 user:1000:4`.
    package var accessText: String {
        let mode = String(attributes.mode, radix: 8)
        let named = (acl?.entries ?? []).compactMap { entry in
            switch entry.subject {
            case .user(let user): " user:\(user):\(entry.permissions)"
            case .group(let group): " group:\(group):\(entry.permissions)"
            default: nil
            }
        }
        return "mode " + String(repeating: "0", count: max(0, 4 - mode.utf8.count)) + mode + named.joined()
    }
}
