internal import Linux
internal import MIG
package import Policy

/// Questions that change nothing; they read the snapshot, so any thread may ask and nobody waits.
extension Broker {
    /// What the policy says to an action now, by the very function that decides about it.
    ///
    /// For actions on instances the wish says which; what a lease would be counts by its profile and GPU.
    package func explain(
        _ action: Action, _ wish: Wish, for principal: Principal
    ) throws(Refusal) -> Decision {
        guard let policy = policy.set else { throw .noPolicy(action) }
        let snapshot = snapshot
        let target: Target
        switch action {
        case .readOwn, .readAll, .readAudit, .readPolicy, .reloadPolicy, .actAs: target = .broker
        case .setMode:
            let gpus = snapshot.inventory.entries.map(\.gpu).filter { wish.means($0) }
            guard !gpus.isEmpty else { throw .notFound(.gpu, wish.gpuWords) }
            target = .gpus(gpus)
        default:
            let resolved = try ResolvedWish(wish, snapshot.inventory)
            target = .instances(
                resolved.members.map {
                    Demand(
                        profile: $0.profile, slices: $0.slices, memoryMiB: $0.memoryMiB,
                        candidates: $0.candidates.map(\.gpu))
                })
        }
        let query = Query(
            principal: principal, action: action, target: target, duration: wish.duration,
            isolation: snapshot.isolation)
        return policy.decide(query, use: use, now: clock.now)
    }

    /// Whether someone has a right that concerns the broker itself, such as reading.
    package func permits(_ action: Action, to principal: Principal) throws(Refusal) {
        guard let policy = policy.set else { throw .noPolicy(action) }
        _ = try authorize(policy, Query(principal: principal, action: action), [])
    }

    /// What someone may do, by which rules.
    package func rights(of principal: Principal) -> [Right] {
        policy.set?.rights(of: principal, isolation: snapshot.isolation) ?? []
    }

    /// The limits that count for someone, with what is used of them.
    package func limits(on principal: Principal) -> [LimitStatus] {
        policy.set?.limits(on: principal, use: use) ?? []
    }

    private var use: [UseEntry] { snapshot.use }
}
