import MIG

/// A set of positions in a list, as bits: filled in any order, read in ascending order.
struct PositionSet {
    private var words: [UInt64]

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    mutating func insert(_ positions: [Int]) {
        for position in positions { insert(position) }
    }

    mutating func insert(_ position: Int) { words[position / 64] |= 1 << UInt64(position % 64) }

    mutating func formUnion(_ other: PositionSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// Calls `body` with each position, lowest first.
    func forEach(_ body: (Int) -> Void) {
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                body(index * 64 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
    }
}

/// Finds the rules and limits that name a caller without looking at the others.
struct PrincipalIndex: Sendable {
    /// What one uid or gid is named in, as positions in the lists of the policy.
    private struct Mentions {
        var allow: [Int] = []
        var deny: [Int] = []
        var limits: [Int] = []
        /// Whether one of the rules has `from`.
        var dependsOnOrigin = false

        mutating func note(_ condition: Condition) { dependsOnOrigin = dependsOnOrigin || condition.from != nil }
    }

    /// What names one caller.
    struct Naming {
        var allow: PositionSet
        var deny: PositionSet
        var limits: PositionSet
        /// The caller's groups that the policy mentions at all, ascending.
        var groups: [GroupID] = []
    }

    private var users: [UserID: Mentions] = [:]
    private var groups: [GroupID: Mentions] = [:]
    private let counts: (allow: Int, deny: Int, limits: Int)

    init(allow: [Rule], deny: [Rule], limits: [Limit]) {
        counts = (allow.count, deny.count, limits.count)
        for (position, rule) in allow.enumerated() {
            add(rule.who) {
                $0.allow.append(position)
                $0.note(rule.condition)
            }
        }
        for (position, rule) in deny.enumerated() {
            add(rule.who) {
                $0.deny.append(position)
                $0.note(rule.condition)
            }
        }
        for (position, limit) in limits.enumerated() { add(limit.who) { $0.limits.append(position) } }
    }

    private mutating func add(_ who: Who, _ note: (inout Mentions) -> Void) {
        for user in who.users { note(&users[user, default: Mentions()]) }
        for group in who.groups { note(&groups[group, default: Mentions()]) }
    }

    /// An allow counts a group only when both the kernel and the database name it; whatever restricts counts either,
    /// so that nobody escapes by dropping a group from his credentials (threats T7 to T9).
    func naming(_ principal: Principal) -> Naming {
        var naming = Naming(
            allow: PositionSet(count: counts.allow), deny: PositionSet(count: counts.deny),
            limits: PositionSet(count: counts.limits))
        if let mentions = users[principal.user] {
            naming.allow.insert(mentions.allow)
            naming.deny.insert(mentions.deny)
            naming.limits.insert(mentions.limits)
        }
        for membership in principal.memberships {
            guard let mentions = groups[membership.group] else { continue }
            naming.groups.append(membership.group)
            if membership.isConfirmed { naming.allow.insert(mentions.allow) }
            naming.deny.insert(mentions.deny)
            naming.limits.insert(mentions.limits)
        }
        return naming
    }

    /// Whether a rule that may concern someone has `from`.
    func dependsOnOrigin(_ principal: Principal) -> Bool {
        users[principal.user]?.dependsOnOrigin == true
            || principal.memberships.contains { groups[$0.group]?.dependsOnOrigin == true }
    }

    /// Positions of the denials that name the first of someone; whoever names all of them is among these.
    func denials(naming who: Who) -> [Int] { mentions(ofFirst: who)?.deny ?? [] }

    /// Positions of the limits that name the first of someone; whoever names all of them is among these.
    func limits(naming who: Who) -> [Int] { mentions(ofFirst: who)?.limits ?? [] }

    private func mentions(ofFirst who: Who) -> Mentions? {
        if let user = who.users.first { return users[user] }
        return who.groups.first.flatMap { groups[$0] }
    }
}
