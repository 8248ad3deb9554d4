import MIG

/// Finds the rules and limits that name a caller without looking at the others.
struct PrincipalIndex: Sendable {
    /// What one uid or gid is named in: a run each of `positions`.
    ///
    /// Numbers only, so that two hundred groups are looked up without touching a reference count.
    private struct Mentions {
        let allow: Range<Int>
        let deny: Range<Int>
        let limits: Range<Int>
        /// Whether one of the rules has `from`.
        let dependsOnOrigin: Bool
    }

    /// What names one caller.
    struct Naming {
        var allow: PositionSet
        var deny: PositionSet
        var limits: PositionSet
        /// The caller's groups that the policy mentions at all, ascending.
        var groups: [GroupID] = []
    }

    // By the bare numbers, which are hashed in half the time.
    private let users: [UInt32: Mentions]
    private let groups: [UInt32: Mentions]
    /// In the lists of the policy.
    private let positions: [Int]
    private let counts: (allow: Int, deny: Int, limits: Int)

    init(allow: [Rule], deny: [Rule], limits: [Limit]) {
        var gathered = Gathered()
        for (position, rule) in allow.enumerated() {
            gathered.add(rule.who) {
                $0.allow.append(position)
                $0.note(rule.condition)
            }
        }
        for (position, rule) in deny.enumerated() {
            gathered.add(rule.who) {
                $0.deny.append(position)
                $0.note(rule.condition)
            }
        }
        for (position, limit) in limits.enumerated() { gathered.add(limit.who) { $0.limits.append(position) } }
        var positions: [Int] = []
        func run(_ list: [Int]) -> Range<Int> {
            positions += list
            return positions.count - list.count..<positions.count
        }
        func mentions(_ lists: Gathered.Lists) -> Mentions {
            Mentions(
                allow: run(lists.allow), deny: run(lists.deny), limits: run(lists.limits),
                dependsOnOrigin: lists.dependsOnOrigin)
        }
        users = gathered.users.mapValues(mentions)
        groups = gathered.groups.mapValues(mentions)
        self.positions = positions
        counts = (allow.count, deny.count, limits.count)
    }

    /// The positions for each uid and gid, while rules and limits are gone through.
    private struct Gathered {
        struct Lists {
            var allow: [Int] = []
            var deny: [Int] = []
            var limits: [Int] = []
            var dependsOnOrigin = false

            mutating func note(_ condition: Condition) { dependsOnOrigin = dependsOnOrigin || condition.from != nil }
        }

        private(set) var users: [UInt32: Lists] = [:]
        private(set) var groups: [UInt32: Lists] = [:]

        mutating func add(_ who: Who, _ note: (inout Lists) -> Void) {
            for user in who.users { note(&users[user.rawValue, default: Lists()]) }
            for group in who.groups { note(&groups[group.rawValue, default: Lists()]) }
        }
    }

    /// An allow counts a group only when both the kernel and the database name it; whatever restricts counts either,
    /// so that nobody escapes by dropping a group from his credentials (threats T7 to T9).
    func naming(_ principal: Principal) -> Naming {
        var naming = Naming(
            allow: PositionSet(count: counts.allow), deny: PositionSet(count: counts.deny), limits: noLimits)
        if let mentions = users[principal.user.rawValue] {
            naming.allow.insert(positions, in: mentions.allow)
            naming.deny.insert(positions, in: mentions.deny)
            naming.limits.insert(positions, in: mentions.limits)
        }
        for membership in principal.memberships {
            guard let mentions = groups[membership.group.rawValue] else { continue }
            naming.groups.append(membership.group)
            if membership.isConfirmed { naming.allow.insert(positions, in: mentions.allow) }
            naming.deny.insert(positions, in: mentions.deny)
            naming.limits.insert(positions, in: mentions.limits)
        }
        return naming
    }

    /// No limit, as a set with room for all of them.
    var noLimits: PositionSet { PositionSet(count: counts.limits) }

    /// Adds the limits that name the user of an instance, or a group that he had when its use began.
    func insertLimits(naming entry: UseEntry, into limits: inout PositionSet) {
        if let mentions = users[entry.user.rawValue] { limits.insert(positions, in: mentions.limits) }
        for group in entry.groups {
            if let mentions = groups[group.rawValue] { limits.insert(positions, in: mentions.limits) }
        }
    }

    /// Whether a rule that may concern someone has `from`.
    func dependsOnOrigin(_ principal: Principal) -> Bool {
        users[principal.user.rawValue]?.dependsOnOrigin == true
            || principal.memberships.contains { groups[$0.group.rawValue]?.dependsOnOrigin == true }
    }

    /// Positions of the denials that name the first of someone; whoever names all of them is among these.
    func denials(naming who: Who) -> ArraySlice<Int> { positions[mentions(ofFirst: who)?.deny ?? 0..<0] }

    /// Positions of the limits that name the first of someone; whoever names all of them is among these.
    func limits(naming who: Who) -> ArraySlice<Int> { positions[mentions(ofFirst: who)?.limits ?? 0..<0] }

    private func mentions(ofFirst who: Who) -> Mentions? {
        if let user = who.users.first { return users[user.rawValue] }
        return who.groups.first.flatMap { groups[$0.rawValue] }
    }
}
