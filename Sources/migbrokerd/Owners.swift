import Broker
import JSON
import Linux
import MIG

/// Sees that every lease still has the owner whom it was given to, and has those ended that do not (threat T13 of
/// facts/security.md): a number that is given to somebody else gives him no slice.
///
/// Belongs to the loop's thread.
final class Owners {
    private let broker: Broker
    private let changes: Worker
    private let identities: Identities
    /// Owners whom the user database did not know at the last look. One answer is not enough: a directory service that has
    /// lost its server for a moment knows nobody either.
    private var missing: Set<UserID> = []

    init(broker: Broker, changes: Worker, identities: Identities) {
        self.broker = broker
        self.changes = changes
        self.identities = identities
    }

    /// Looks now, and again as long as the loop turns.
    func watch(on loop: EventLoop) {
        let owners = Set(broker.snapshot.leases.map(\.user))
        missing.formIntersection(owners)
        for user in owners {
            identities.look(up: user) { [self] answer in
                // A database that does not answer says nothing about its users.
                guard case .success(let entry) = answer else { return }
                let isNew = entry.name == nil && missing.insert(user).inserted
                if entry.name != nil { missing.remove(user) }
                if !isNew { compare(user, with: entry) }
            }
        }
        let seconds = broker.configuration.bounds.ownerSeconds
        _ = loop.schedule(at: Clock.monotonic() + Int64(seconds) * 1_000_000_000) { [self] in watch(on: loop) }
    }

    /// Has those leases of a uid ended that were given to somebody of another name.
    func compare(_ user: UserID, with entry: Identities.Entry) {
        let name = entry.name
        if name == nil, !missing.contains(user) { return }
        let account = name ?? user.description
        guard broker.snapshot.leases.contains(where: { $0.user == user && !$0.userName.hasBytes(of: account) }) else {
            return
        }
        let broker = broker
        // Where the thread has too much to do already, the next look comes back to it.
        _ = changes.run(for: .root) { broker.endOrphans(of: user, knownAs: name) }
    }
}
