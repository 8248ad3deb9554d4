import MIG

/// Chooses GPUs and placements: so that what stays free serves as many kinds of instances as can be.
package enum Planner {
    /// Members of one request at the most; the search counts them in bytes, sixteen kinds side by side.
    package static let mostMembers = 16

    /// Places all members of a request, or none.
    ///
    /// All placements of all members together are searched for the least increase of `Geometry.potential`; among
    /// equals the GPU with fewer free slices, then the lower index, then the lower start is taken. The order in which
    /// members are asked for makes no difference to what is chosen.
    ///
    /// - Parameters:
    ///   - members: for each member the ways in which it may be served; GPUs that policy excludes are not among them.
    ///   - states: every GPU that a candidate may name, each once.
    /// - Returns: the plan, which names every member.
    /// - Throws: `NoRoom`, with the slot map of the GPUs that were asked for.
    package static func plan(members: [[Candidate]], on states: [GPUState]) throws(NoRoom) -> Plan {
        let asked = Set(members.joined().map(\.gpu))
        let states = states.filter { asked.contains($0.uuid) }.sorted { $0.index < $1.index }
        let numbered = members.enumerated().map { (position: $0.offset, candidates: $0.element) }
        let isPinned = members.allSatisfy { Set($0.map(\.gpu)).count == 1 }
        guard isPinned else { return Plan(entries: try place(numbered, on: states).map(\.entry)) }
        // No member has a choice of GPUs, so that each GPU is a search of its own, and may have as many as one can.
        var placed: [Placed] = []
        for state in states {
            placed += try place(numbered.filter { $0.candidates.first?.gpu == state.uuid }, on: [state])
        }
        // A GPU that is not among those given has room for nothing.
        guard placed.count == members.count else { throw NoRoom(reason: .neverFits, states: states) }
        return Plan(entries: placed.sorted { $0.member < $1.member }.map(\.entry))
    }

    private typealias Member = (position: Int, candidates: [Candidate])
    private typealias Placed = (member: Int, entry: Plan.Entry)

    /// Searches the places of some members together, in their order.
    private static func place(_ members: [Member], on states: [GPUState]) throws(NoRoom) -> [Placed] {
        guard let kinds = kinds(of: members) else { throw NoRoom(reason: .tooMany, states: states) }
        switch JointSearch.solve(kinds: kinds, states: states) {
        case .solution(let packings):
            return entries(of: packings, kinds: kinds, states: states, count: members.count)
        case .undecided: throw NoRoom(reason: .tooVaried, states: states)
        case .impossible: throw NoRoom(reason: reason(kinds: kinds, states: states), states: states)
        }
    }

    /// Members that may be served alike, together, in an order that does not depend on the request's; nil where there
    /// are too many.
    private static func kinds(of members: [Member]) -> [MemberKind]? {
        guard members.count <= mostMembers else { return nil }
        var kinds: [Set<Candidate>: MemberKind] = [:]
        for (position, candidates) in members {
            let ways = Set(candidates)
            kinds[ways, default: MemberKind(members: [], candidates: ways.sorted(by: precedes))].members.append(
                position)
        }
        return kinds.values.sorted { $0.candidates.lexicographicallyPrecedes($1.candidates, by: precedes) }
    }

    private static func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
        (a.gpu.description, a.profile.rawValue, a.start ?? -1)
            < (b.gpu.description, b.profile.rawValue, b.start ?? -1)
    }

    /// Why there is no room, found by asking again for GPUs with less on them.
    private static func reason(kinds: [MemberKind], states: [GPUState]) -> NoRoom.Reason {
        func fits(_ states: [GPUState]) -> Bool {
            if case .solution = JointSearch.solve(kinds: kinds, states: states) { true } else { false }
        }
        if !fits(states.map { $0.cleared(ofOccupants: true) }) { return .neverFits }
        return fits(states.map { $0.cleared(ofOccupants: false) }) ? .avoided : .occupied
    }

    private static func entries(
        of packings: [Packing], kinds: [MemberKind], states: [GPUState], count: Int
    ) -> [Placed] {
        var waiting = kinds.map { $0.members[...] }
        var entries: [Placed] = []
        for (state, packing) in zip(states, packings) {
            var left = packing.counts
            for item in packing.items {
                guard let kind = item.kinds.first(where: { left[$0] > 0 }),
                    let member = waiting[kind].popFirst()
                else { continue }
                left[kind] -= 1
                let placement = Placement(
                    start: item.placement.trailingZeroBitCount, size: item.placement.nonzeroBitCount)
                let profile = state.geometry.profiles[item.profile]
                entries.append(
                    (member, Plan.Entry(gpu: state.uuid, index: state.index, profile: profile, placement: placement)))
            }
        }
        precondition(entries.count == count, "a solution of the search serves every member")
        return entries.sorted { $0.member < $1.member }
    }
}
