internal import JSON
package import MIG

/// Which records to show; what is nil lets everything pass.
package struct AuditFilter: Sendable {
    /// A user, by what the record holds: names are never looked up again, for their numbers may be others' by now.
    package enum User: Hashable, Sendable {
        /// Records of this uid's acts, and of acts on his behalf.
        case id(UserID)
        /// The same by name, as far as the record has it.
        case name(String)
        /// Records of one who asks for his own, by number and name: who is given the number of somebody who is gone is not
        /// shown what that one did.
        case own(UserID, name: String?)

        /// Digits are a uid, anything else a name.
        package init(_ text: String) {
            self = Decimal.value(of: text).flatMap(UInt32.init(exactly:)).map { .id(UserID($0)) } ?? .name(text)
        }
    }

    package var user: User?
    /// Records that a right of this group decided, or of a caller whose primary group it is.
    package var group: GroupID?
    /// An operation's id or its beginning.
    package var operation: String?
    package var method: String?
    /// UUIDs of GPUs, or their beginnings; empty lets every GPU pass. An index is not in the log: who has the GPUs at hand
    /// translates it.
    package var gpus: [String] = []
    /// A profile's name, whole.
    package var profile: String?
    /// A lease's id or its beginning.
    package var lease: String?
    /// Empty lets every type pass.
    package var types: Set<AuditRecordType> = []
    package var result: AuditResult?
    /// The first moment that counts, and the first that no longer does.
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}

    var hasTimes: Bool { since != nil || until != nil }

    package func matches(_ entry: AuditEntry) -> Bool {
        let record = entry.record
        return matches(record.caller)
            && begins(record.op?.description, operation)
            && (gpus.isEmpty || gpus.contains { begins(record.gpu?.description, $0) })
            && begins(record.lease?.description, lease)
            && equals(record.method, method) && equals(record.profile, profile)
            && (types.isEmpty || types.contains(record.type))
            && (result.map { $0 == record.result } ?? true)
            && (since.map { entry.stamp.time >= $0 } ?? true) && (until.map { entry.stamp.time < $0 } ?? true)
    }

    private func matches(_ caller: AuditCaller) -> Bool {
        let isOfGroup = group.map { caller.gid == $0 || caller.groups.contains($0) } ?? true
        return switch user {
        case nil: isOfGroup
        case .id(let uid)?: isOfGroup && (caller.uid == uid || caller.onBehalfOf == uid)
        case .own(let uid, let name)?:
            isOfGroup
                && (isSame(caller.uid, caller.user, uid, name)
                    || isSame(caller.onBehalfOf, caller.onBehalfOfUser, uid, name))
        case .name(let name)?: isOfGroup && (equals(caller.user, name) || equals(caller.onBehalfOfUser, name))
        }
    }

    /// Whether a number is somebody's, and a name that was recorded with it is not another's.
    private func isSame(_ recorded: UserID?, _ recordedName: String?, _ uid: UserID, _ name: String?) -> Bool {
        guard recorded == uid else { return false }
        guard let name, let recordedName else { return true }
        return recordedName.hasBytes(of: name)
    }

    private func equals(_ text: String?, _ wanted: String?) -> Bool {
        guard let wanted else { return true }
        return text?.hasBytes(of: wanted) ?? false
    }

    private func begins(_ text: String?, _ beginning: String?) -> Bool {
        guard let beginning else { return true }
        return text?.utf8.starts(with: beginning.utf8) ?? false
    }
}
