package import MIG

/// Who is served next: users in turn, and within one user first come, first served. A user with many connections
/// waits longer himself, and lets nobody else wait longer.
package struct FairQueue<Item> {
    private struct Lane {
        let user: UserID
        var items: [Item]
        var first = 0
        var count: Int { items.count - first }
    }

    /// Only users who have something waiting; at most as many as there are connections.
    private var lanes: [Lane] = []
    private var turn = 0

    /// A queue with nobody in it.
    package init() {}

    /// Whether nobody waits.
    package var isEmpty: Bool { lanes.isEmpty }

    /// How many items wait, of all users together.
    package var count: Int { lanes.reduce(0) { $0 + $1.count } }

    /// How many items of one user wait.
    package func count(of user: UserID) -> Int { lanes.first { $0.user == user }?.count ?? 0 }

    /// Puts an item behind those of the same user.
    package mutating func push(_ item: Item, for user: UserID) {
        if let index = lanes.firstIndex(where: { $0.user == user }) {
            lanes[index].items.append(item)
        } else {
            lanes.append(Lane(user: user, items: [item]))
        }
    }

    /// Puts an item before those of the same user: what he has begun is finished before he begins something else.
    package mutating func pushFirst(_ item: Item, for user: UserID) {
        guard let index = lanes.firstIndex(where: { $0.user == user }) else { return push(item, for: user) }
        if lanes[index].first > 0 {
            lanes[index].first -= 1
            lanes[index].items[lanes[index].first] = item
        } else {
            lanes[index].items.insert(item, at: 0)
        }
    }

    /// Takes the first item of the user whose turn it is, and gives the turn to the next user.
    package mutating func pop() -> Item? {
        guard !lanes.isEmpty else { return nil }
        if turn >= lanes.count { turn = 0 }
        let item = lanes[turn].items[lanes[turn].first]
        lanes[turn].first += 1
        if lanes[turn].first == lanes[turn].items.count {
            lanes.remove(at: turn)
            // At the end it would be the turn of whoever comes next, who may be the same user again and again.
            if turn == lanes.count { turn = 0 }
        } else {
            // What was taken is let go of once it is half of the lane: each item is moved once at most.
            if lanes[turn].first * 2 > lanes[turn].items.count {
                lanes[turn].items.removeFirst(lanes[turn].first)
                lanes[turn].first = 0
            }
            turn += 1
        }
        return item
    }
}
