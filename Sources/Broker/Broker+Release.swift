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

/// Why a lease ends.
enum EndCause: String {
    case released
    case expired
    /// Its end or its making was begun and broke off: the broker died at it, or the driver failed.
    case recovered

    var isCallersWish: Bool { self == .released }
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
        let asked = Records.Asked(ids.map(\.description).joined(separator: " "), key: key)
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
                    try release(lease, operation, asked, context)
                } catch {
                    finish(operation, context, asked, leases.prefix(count), error: error.word)
                    throw error
                }
            }
            finish(operation, context, asked, leases[...])
            return Released(operation: operation, leases: leases)
        } catch {
            if !isDryRun { noteDenial(error, operation, context) }
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

    private func finish(
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
        if lease.user == context.principal.user { return lease }
        guard let policy = policy.set else { throw .notFound(.lease, id.description) }
        let query = self.query(any, lease, context, state)
        guard policy.decide(query, use: state.use, now: Clock.wall()).isAllowed else {
            throw .notFound(.lease, id.description)
        }
        return lease
    }

    /// The policy's leave for a change of one lease, and all that it stands on.
    struct Leave: ~Copyable {
        let permit: Permit
        let decision: Decision
        let terms: Terms
        /// The hash of the policy that decided.
        let policy: String
    }

    func leave(
        _ lease: Lease, _ context: CallContext, _ own: Action, _ any: Action, _ state: State,
        duration: TimeSpan? = nil
    ) throws(Refusal) -> Leave {
        let action = lease.user == context.principal.user ? own : any
        guard let policy = policy.set else { throw .noPolicy(action) }
        let permit = try authorize(policy, query(action, lease, context, state, duration: duration), state.use)
        guard case .caller(_, let decision, let terms) = permit.basis else {
            preconditionFailure("a caller's query gives a caller's permit")
        }
        return Leave(permit: permit, decision: decision, terms: terms, policy: policy.hash)
    }

    func query(
        _ action: Action, _ lease: Lease, _ context: CallContext, _ state: State, duration: TimeSpan? = nil
    ) -> Query {
        let gpus = state.inventory.entry(lease.gpu).map { [$0.gpu] } ?? []
        let demand = Demand(
            profile: lease.profile, slices: lease.slices, memoryMiB: lease.memoryMiB, candidates: gpus)
        return Query(
            principal: context.principal, action: action, target: .instances([demand]), duration: duration,
            renewals: lease.renewals, isolation: state.isolation)
    }

    private func release(
        _ lease: Lease, _ operation: OperationID, _ asked: Records.Asked, _ context: CallContext
    ) throws(Refusal) {
        let started = try change { (state) throws(Refusal) in
            let driver = try state.readyDriver()
            let leave = try leave(lease, context, .releaseOwn, .releaseAny, state)
            guard let entry = state.inventory.entry(lease.gpu) else { throw .notFound(.gpu, lease.gpu.description) }
            // A lease that is ending has its nodes closed already, to its owner too.
            let isOpenToOwner = lease.user == context.principal.user && lease.state == .active
            let caller = Nodes.Caller(user: context.principal.user, groups: context.principal.peerGroups)
            let gate = try gate(
                .change(gpuMinor: entry.gpu.minor, lease.gi, [lease.ci], by: isOpenToOwner ? caller : nil), &state)
            let basis = Records.Basis(operation, context, asked, policy: leave.policy, decision: leave.decision)
            let intent = try intend([Records.record(.intent, of: lease, basis)], ending: true)
            return Ending(
                lease: lease, cause: .released, driver: driver, permit: leave.permit, gate: gate, intent: intent,
                basis: basis)
        }
        if let refusal = end(started) { throw refusal }
    }

    /// The end of one lease, allowed and on record as intended.
    struct Ending: ~Copyable {
        let lease: Lease
        let cause: EndCause
        let driver: NVMLDriver
        let permit: Permit
        let gate: Gate
        let intent: IntentReceipt
        let basis: Records.Basis
    }

    /// Takes the access away, destroys the instance, and puts down what really happened.
    @discardableResult
    func end(_ ending: consuming Ending) -> Refusal? {
        let began = Clock.monotonic()
        let lease = ending.lease
        let cause = ending.cause
        let basis = ending.basis
        let driver = ending.driver
        let fate = fate(of: lease, Executor(driver: driver, nodes: nodes), ending.permit, ending.gate)
        // A release that did not come about leaves everything as it was. A lease whose time is over stays closed; and
        // one that cannot be opened again is closed to its owner until the next look over the nodes.
        let left = fate.state.map { cause.isCallersWish ? $0 : .ending }
        if left == .active { reopen(lease) }
        let entries = read([lease.gpu], driver)
        var outcome = Records.record(.outcome, of: lease, basis)
        outcome.durationUs = (Clock.monotonic() - began) / 1000
        outcome.result = fate.refusal == nil ? .ok : .failed
        if let refusal = fate.refusal { Records.fill(&outcome, refusal) }
        var records = [outcome]
        switch left {
        case nil: records.append(Records.leaseEnd(lease, basis, reason: cause.rawValue))
        // So that a start which has only the log does not open it again.
        case .ending? where lease.state == .active: records.append(Records.record(.revoke, of: lease, basis))
        case .ending?, .active?: break
        }
        var intent: IntentReceipt? = ending.intent
        let unrecorded = change { state in
            state.take(entries)
            if let left {
                var kept = lease
                kept.state = left
                state.ledger.put(kept)
            } else {
                state.ledger.remove(lease.id)
                state.retries[lease.id] = nil
            }
            return conclude(&intent, records)
        }
        // What is done is done; the log keeps the outcome and writes it when it can, and until then takes no intent.
        return fate.refusal ?? unrecorded.map { .auditUnavailable($0) }
    }

    /// What became of an instance: nil state is gone; otherwise what the lease is now, and why.
    private struct Fate {
        let state: Lease.State?
        let refusal: Refusal?
    }

    private func fate(
        of lease: Lease, _ executor: Executor, _ permit: consuming Permit, _ gate: consuming Gate
    ) -> Fate {
        precondition(permit.covers(.end(on: lease.gpu)), "a permit is spent on what it was given for")
        if let error = close(lease) { return Fate(state: lease.state, refusal: .nodeFailed(error)) }
        switch executor.destroy(lease.gi, on: lease.gpu) {
        case .gone: return Fate(state: nil, refusal: nil)
        case .untouched(let error): return Fate(state: lease.state, refusal: Self.refusal(lease, error))
        // A compute instance is gone already: nobody can work there any more, so there is no way back.
        case .half(let error): return Fate(state: .ending, refusal: Self.refusal(lease, error))
        }
    }

    private static func refusal(_ lease: Lease, _ error: NVMLError) -> Refusal {
        error.code == .inUse ? .inUse(lease.id, error) : .driverFailed(error)
    }
}
