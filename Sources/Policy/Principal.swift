package import MIG

/// Where a caller's process lives, as the kernel tells it.
package enum Origin: String, Sendable {
    case host
    case container
    /// It could not be found out: an `allow` with `from` does not match, a `deny` with `from` does.
    case unknown
}

/// Who asks: numbers from the kernel and from the user database, never from a message.
package struct Principal: Hashable, Sendable {
    package let user: UserID
    /// Nil where the user database does not know the uid; such a user has no database groups.
    package let name: String?
    /// The peer's gid; always one of `peerGroups`.
    package let primaryGroup: GroupID
    /// Groups in the peer's credentials, as they were at connect.
    package let peerGroups: Set<GroupID>
    /// Groups that the user database gives the user now, his primary group there included.
    package let databaseGroups: Set<GroupID>
    /// Found out last, and only where it matters.
    package var origin: Origin

    /// One group that either source names; confirmed when both do.
    struct Membership: Hashable, Sendable {
        let group: GroupID
        let isConfirmed: Bool
    }

    /// Ascending, each group once.
    let memberships: [Membership]

    /// Builds the caller's identity once a connection's credentials and the database's answer are both known.
    package init(
        user: UserID, name: String?, primaryGroup: GroupID, peerGroups: Set<GroupID>,
        databaseGroups: Set<GroupID>, origin: Origin
    ) {
        let peer = peerGroups.union([primaryGroup])
        let database = name == nil ? [] : databaseGroups
        self.user = user
        self.name = name
        self.primaryGroup = primaryGroup
        self.peerGroups = peer
        self.databaseGroups = database
        self.origin = origin
        memberships = peer.union(database).sorted().map {
            Membership(group: $0, isConfirmed: peer.contains($0) && database.contains($0))
        }
    }

    /// What a lease remembers its owner by besides the number: the name, or the number where there is none.
    package var accountName: String { name ?? user.description }

    /// Whether the uid stands for one user at all; the overflow uid stands for every unmapped one.
    var isSomebody: Bool { user != .overflow && user != .invalid }
}
