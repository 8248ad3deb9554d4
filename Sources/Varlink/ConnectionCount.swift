internal import MIG

/// How many connections there are, and whether somebody may have one more.
struct ConnectionCount {
    private let bounds: Bounds
    private var perUser: [UserID: Int] = [:]
    private(set) var total = 0

    init(bounds: Bounds) { self.bounds = bounds }

    /// Counts one more, unless the user has as many as one user may have, or only root's are left.
    mutating func add(_ user: UserID) -> Bool {
        let own = perUser[user, default: 0]
        let others = total - perUser[.root, default: 0]
        guard own < bounds.connectionsPerUser, total < bounds.connections,
            user == .root || others < bounds.connections - bounds.connectionsForRoot
        else { return false }
        perUser[user] = own + 1
        total += 1
        return true
    }

    /// Counts one less of somebody who was counted.
    mutating func remove(_ user: UserID) {
        guard let own = perUser[user] else { preconditionFailure("only a counted connection is taken off the count") }
        perUser[user] = own == 1 ? nil : own - 1
        total -= 1
    }
}
