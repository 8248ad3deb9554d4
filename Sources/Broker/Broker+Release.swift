internal import Audit
internal import Linux
package import MIG
internal import NVML
internal import Nodes
internal import Policy

/// What a release ended, or with a dry run would end.
package struct Released: Sendable {
    package let operation: OperationID?
    package let leases: [Lease]
}

extension Broker {
    /// Ends leases and destroys their instances. Blocks for the driver and the disk.
    ///
    /// All of them are checked before the first is touched. A slice that a process still uses is not taken from it:
    /// that lease stays as it was, and `inUse` says so.
    package func release(
        _ ids: [LeaseID], isDryRun: Bool, key: String?, _ context: CallContext
    ) throws(Refusal) -> Released {
        let operation = Self.newOperation()
        let asked = context.asked(ids.map(\.description).joined(separator: " "), key: key)
        do throws(Refusal) {
            if !isDryRun, let known = try released(asked, context) { return known }
            let leases = try withState { (state) throws(Refusal) in
                var leases: [Lease] = []
                for id in ids {
                    let lease = try find(id, context, .releaseOwn, .releaseAny, state)
                    _ = try leave(lease, context, .releaseOwn, .releaseAny, state)
                    leases.append(lease)
                }
                return leases
            }
            if isDryRun { return Released(operation: nil, leases: leases) }
            for (count, lease) in leases.enumerated() {
                do throws(Refusal) {
                    try end(lease, by: .release, operation, asked, context)
                } catch {
                    finish(operation, context, asked, leases.prefix(count), error: error.word)
                    throw error
                }
            }
            finish(operation, context, asked, leases[...])
            return Released(operation: operation, leases: leases)
        } catch {
            noteDenial(error, operation, context)
            throw error
        }
    }

    /// What the same call got before; its leases have ended, so there is no more to say of them.
    private func released(_ asked: Records.Asked, _ context: CallContext) throws(Refusal) -> Released? {
        try withState { (state) throws(Refusal) in
            try state.ledger.change(repeatedBy: context.method, asked, of: context.principal.user).map {
                Released(operation: $0.id, leases: [])
            }
        }
    }

    func finish(
        _ operation: OperationID, _ context: CallContext, _ asked: Records.Asked, _ ended: ArraySlice<Lease>,
        error: String? = nil
    ) {
        change { state in
            state.ledger.put(FinishedChange(operation, context, asked, leases: ended.map(\.id), error: error))
        }
    }

    /// A lease by id, as the caller may know of it: another's, without the right to act on it, does not exist.
    func find(
        _ id: LeaseID, _ context: CallContext, _ own: Action, _ any: Action, _ state: State
    ) throws(Refusal) -> Lease {
        guard let lease = state.ledger.leases[id] else { throw .notFound(.lease, id.description) }
        if lease.belongs(to: context.owner) { return lease }
        guard let policy = policy.set else { throw .notFound(.lease, id.description) }
        let query = self.query(any, lease, context, state)
        guard policy.decide(query, use: state.use, now: clock.now).isAllowed else {
            throw .notFound(.lease, id.description)
        }
        return lease
    }

    func leave(
        _ lease: Lease, _ context: CallContext, _ own: Action, _ any: Action, _ state: State,
        duration: TimeSpan? = nil
    ) throws(Refusal) -> Leave {
        let action = lease.belongs(to: context.owner) ? own : any
        return try leave(query(action, lease, context, state, duration: duration), state.use, context)
    }

    func query(
        _ action: Action, _ lease: Lease, _ context: CallContext, _ state: State, duration: TimeSpan? = nil
    ) -> Query {
        let gpus = state.inventory.entry(lease.gpu).map { [$0.gpu] } ?? []
        let demand = Demand(
            profile: lease.profile, slices: lease.slices, memoryMiB: lease.memoryMiB, candidates: gpus)
        return Query(
            principal: context.owner, action: action, target: .instances([demand]), duration: duration,
            renewals: lease.renewals, isolation: state.isolation)
    }
}
