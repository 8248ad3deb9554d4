package import Linux
package import MIG

/// How names in a policy become numbers, and names of zones the rules of their clocks.
///
/// Each name of a load is asked once. The look-ups may block as long as a directory server likes.
package struct NameResolver: Sendable {
    /// An answer that never takes "could not ask" for "does not exist".
    package enum Answer<ID: Sendable>: Sendable {
        case found(ID)
        case unknown
        case failed(Errno)

        /// The same answer about something else.
        func map<Other: Sendable>(_ transform: (ID) -> Other) -> Answer<Other> {
            switch self {
            case .found(let id): .found(transform(id))
            case .unknown: .unknown
            case .failed(let code): .failed(code)
            }
        }
    }

    package let user: @Sendable (String) -> Answer<UserID>
    package let group: @Sendable (String) -> Answer<GroupID>
    /// The groups that a user is in, for warnings only.
    package let groups: @Sendable (UserID) -> Answer<Set<GroupID>>
    /// Nil asks for the zone of the host.
    package let zone: @Sendable (String?) throws(TimeZoneError) -> TimeZone

    /// Takes the look-ups; tests answer from a table. Where nobody's groups are told, no warning depends on them.
    package init(
        user: @escaping @Sendable (String) -> Answer<UserID>,
        group: @escaping @Sendable (String) -> Answer<GroupID>,
        groups: @escaping @Sendable (UserID) -> Answer<Set<GroupID>> = { _ in .failed(.notFound) },
        zone: @escaping @Sendable (String?) throws(TimeZoneError) -> TimeZone
    ) {
        self.user = user
        self.group = group
        self.groups = groups
        self.zone = zone
    }

    /// The system's user database and its zoneinfo. `getpwnam_r(3)`, `getgrnam_r(3)`, `getgrouplist(3)`
    package static let system = NameResolver(
        user: { name in
            switch UserDatabase.user(named: name) {
            case .found(let user): .found(user.uid)
            case .unknown: .unknown
            case .failed(let code): .failed(code)
            }
        },
        group: { name in
            switch UserDatabase.group(named: name) {
            case .found(let group): .found(group.gid)
            case .unknown: .unknown
            case .failed(let code): .failed(code)
            }
        },
        groups: { uid in
            switch UserDatabase.user(uid) {
            case .found(let user):
                switch UserDatabase.groups(of: user) {
                case .found(let groups): .found(groups)
                case .unknown: .found([user.group])
                case .failed(let code): .failed(code)
                }
            case .unknown: .unknown
            case .failed(let code): .failed(code)
            }
        },
        zone: { (name) throws(TimeZoneError) in
            if let name { try TimeZone.named(name) } else { try TimeZone.hostZone() }
        })
}
