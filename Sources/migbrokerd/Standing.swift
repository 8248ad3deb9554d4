import Broker
import Linux
import MIG
import Policy

/// Somebody as the policy in force sees him, worked out once for all of his calls that are alike.
///
/// It never outlives the user database's entry that it was made from, so for seconds at most.
struct Standing {
    let principal: Principal
    /// Whether he may read what concerns him.
    let mayRead: Bool
    /// Whether he may see who holds what.
    let seesAll: Bool
    private let entry: Identities.Entry
    private let policy: PolicySet?
    private let dependsOnOrigin: Bool

    /// Asks where he calls from only if the policy makes a difference of it, for that is most of what a new connection
    /// costs.
    init(_ peer: PeerCredentials, _ entry: Identities.Entry, _ broker: Broker) {
        self.entry = entry
        let policy = broker.policy.set
        self.policy = policy
        var principal = Principal(
            user: peer.user, name: entry.name, primaryGroup: peer.group, peerGroups: peer.groups,
            databaseGroups: entry.groups, origin: .unknown)
        dependsOnOrigin = policy?.dependsOnOrigin(principal) == true
        if dependsOnOrigin { principal.origin = Origin(of: peer) }
        self.principal = principal
        mayRead = (try? broker.permits(.readOwn, to: principal)) != nil
        seesAll = (try? broker.permits(.readAll, to: principal)) != nil
    }

    /// Whether it would come out the same for this peer now.
    func holds(for peer: PeerCredentials, _ entry: Identities.Entry, _ broker: Broker) -> Bool {
        self.entry === entry && policy === broker.policy.set && principal.primaryGroup == peer.group
            && principal.peerGroups == peer.groups && (!dependsOnOrigin || principal.origin == Origin(of: peer))
    }
}

extension Origin {
    /// Where a peer calls from.
    init(of peer: PeerCredentials) {
        self =
            switch peer.origin() {
            case .host: .host
            case .container: .container
            case .unknown: .unknown
            }
    }
}
