internal import Audit
internal import Linux
package import MIG
internal import NVML
internal import Nodes
internal import Planner
internal import Policy

/// What a request got.
package struct Granted: Sendable {
    /// Nil for a dry run: nothing happened that could be asked about.
    package let operation: OperationID?
    package let plan: ChangePlan
    package let leases: [Lease]
}

extension Broker {
    /// Makes the slices that a caller wishes for, all of them or none: as leases of the broker's choosing, or as GPU
    /// instances on the GPUs that he names. Blocks for the driver and the disk.
    package func request(_ wish: Wish, _ context: CallContext) throws(Refusal) -> Granted {
        let began = Clock.monotonic()
        let operation = Self.newOperation()
        let asked = context.asked(wish.words, key: wish.key)
        do throws(Refusal) {
            if wish.isDryRun {
                let plan = try change { (state) throws(Refusal) in try decide(wish, context, &state).shown }
                return Granted(operation: nil, plan: plan, leases: [])
            }
            if let known = try granted(asked, context) { return known }
            let started = try change { (state) throws(Refusal) in
                try begin(wish, operation, asked, context, &state)
            }
            return try finish(started, context, began)
        } catch {
            noteDenial(error, operation, context)
            throw error
        }
    }

    /// Everything that has to be true before the driver is touched; each part could only be made by its own target.
    private struct Decided: ~Copyable {
        let leave: Leave
        let gate: Gate
        let plan: Plan
        let shown: ChangePlan
    }

    /// Steps 6 to 8: may he, where does it go, do the nodes there stand as they must.
    private func decide(
        _ wish: Wish, _ context: CallContext, _ state: inout State
    ) throws(Refusal) -> Decided {
        guard let policy = policy.set else { throw .noPolicy(wish.action) }
        let acting = try actingRules(context, policy)
        let driver = try state.readyDriver()
        // Who chooses places himself sees the machine as it is, whatever other tools have done to it a moment ago.
        if wish.action == .createGPUInstance { refresh(&state, driver) }
        let resolved = try ResolvedWish(narrowed(wish, context, policy, state), state.inventory)
        let leave = try authorize(
            policy, resolved.query(wish, context, state.isolation), state.use, acting: acting)
        let members = zip(resolved.members, leave.terms.gpus).map { member, allowed in
            member.candidates.filter { allowed.contains($0.gpu.uuid) }
                .map { Candidate(gpu: $0.gpu.uuid, profile: $0.profile, start: member.start) }
        }
        let plan: Plan
        do throws(NoRoom) {
            plan = try Planner.plan(members: members, on: state.gpuStates())
        } catch {
            throw .noRoom(error, profiles: resolved.members.map(\.profile))
        }
        // Only the GPUs of the plan: a node that stands wrong on another one is no reason to refuse this request, and
        // looking at all nodes of all GPUs takes longer than everything else before the intent.
        let planned = Set(plan.entries.map(\.gpu))
        let minors = state.inventory.entries.filter { planned.contains($0.gpu.uuid) }.map(\.gpu.minor)
        let gate = try gate(.create(gpuMinors: minors), &state)
        // Whoever leaves the choice to the broker was shown no plan that could be another by now.
        let shown = ChangePlan(
            plan.entries.flatMap { ChangePlan.creation(of: $0, withCompute: wish.withCompute) }, for: wish.words,
            on: wish.action == .createGPUInstance ? planned : [], state)
        try shown.check(against: wish.plan)
        return Decided(leave: leave, gate: gate, plan: plan, shown: shown)
    }

    /// The same wish with the GPUs named that no GPU being named means: those on which the caller may do it at all.
    /// Where there is none, all of them are named, so that the refusal tells why.
    private func narrowed(
        _ wish: Wish, _ context: CallContext, _ policy: PolicySet, _ state: State
    ) -> Wish {
        guard case .onEach = wish.kind, wish.gpus.isEmpty else { return wish }
        let uuids = state.inventory.entries.filter { $0.gpu.mode?.isEnabled == true }.map(\.gpu.uuid)
        let allowed = uuids.filter { uuid in
            let one = wish.on([.uuid(uuid)])
            guard let query = try? ResolvedWish(one, state.inventory).query(one, context, state.isolation) else {
                return false
            }
            switch policy.decide(query, use: [], now: clock.now).denial?.reason {
            // How much he may have of it is asked for all of them together.
            case nil, .quotaExceeded?, .leaseTooLong?: return true
            case .noIdentity?, .denied?, .noRule?, .isolationRequired?, .outsideHours?: return false
            }
        }
        return wish.on((allowed.isEmpty ? uuids : allowed).map(GPUSelector.uuid))
    }

    /// A change that is on record as intended and has its place kept.
    private struct Started: ~Copyable {
        let permit: Permit
        let gate: Gate
        let plan: Plan
        let shown: ChangePlan
        let withCompute: Bool
        let intent: IntentReceipt
        let driver: NVMLDriver
        let drafts: [Records.Draft]
        let asked: Records.Asked
        let basis: Records.Basis
        let minors: [GPUUUID: Int]
        let isolation: Isolation
    }

    /// Step 9: the intent is on disk before anything is done.
    private func begin(
        _ wish: Wish, _ operation: OperationID, _ asked: Records.Asked, _ context: CallContext, _ state: inout State
    ) throws(Refusal) -> Started {
        let decided = try decide(wish, context, &state)
        let driver = try state.readyDriver()
        // A creating action always has an end: the policy's longest lease where nothing else is said.
        guard let duration = decided.leave.terms.duration else {
            throw .badRequest(field: "seconds", expected: "a time")
        }
        let drafts = decided.plan.entries.map { entry in
            Records.Draft(
                lease: Self.newLease(), entry: entry, name: wish.name, duration: duration,
                killsOnExpiry: decided.leave.terms.killsOnExpiry)
        }
        let basis = Records.Basis(operation, context, asked, decided.leave)
        let isolation = state.isolation
        let intent = try intend(drafts.map { Records.intent(of: $0, basis, isolation: isolation) }, state)
        let groups = decided.leave.decision.groups
        state.reservations[operation] = drafts.map { draft in
            Reservation(
                gpu: draft.entry.gpu,
                occupant: Occupant(profile: draft.entry.profile.id, placement: draft.entry.placement),
                use: UseEntry(
                    user: context.owner.user, groups: groups, slices: draft.entry.profile.slices,
                    memoryMiB: draft.entry.profile.memoryMiB))
        }
        let minors = Dictionary(uniqueKeysWithValues: state.inventory.entries.map { ($0.gpu.uuid, $0.gpu.minor) })
        return Started(
            permit: decided.leave.permit, gate: decided.gate, plan: decided.plan, shown: decided.shown,
            withCompute: wish.withCompute, intent: intent, driver: driver, drafts: drafts, asked: asked, basis: basis,
            minors: minors, isolation: isolation)
    }

    /// Steps 10 to 12: act, open, and put down what really happened.
    private func finish(
        _ started: consuming Started, _ context: CallContext, _ began: Int64
    ) throws(Refusal) -> Granted {
        let driver = started.driver
        let (drafts, asked) = (started.drafts, started.asked)
        let basis = started.basis
        let isolation = started.isolation
        let shown = started.shown
        let execution = Executor(driver: driver, nodes: nodes).create(
            started.permit, started.gate, started.plan, started.intent, withCompute: started.withCompute,
            minors: started.minors, for: context.owner.user)
        let (failure, result) = (execution.failure, execution.result)
        let leases = zip(drafts, execution.made).map { lease($0, $1, basis, context, isolation) }
        var intent: IntentReceipt? = execution.intent
        let micros = (Clock.monotonic() - began) / 1000
        let outcomes =
            failure.map { failure in
                drafts.map { Self.failed($0, failure, result, basis, micros, isolation) }
            } ?? leases.map { Self.done($0, basis, micros) }
        let entries = read(Set(drafts.map(\.entry.gpu)), driver)
        let finished = FinishedChange(
            basis.operation, context, asked, leases: leases.map(\.id), error: failure?.word)
        let unrecorded = change { (state) -> AuditUnavailable? in
            state.reservations[basis.operation] = nil
            state.take(entries)
            if result == .leftBehind {
                state.unfinished += drafts.map {
                    Unfinished(intent: Records.intent(of: $0, basis, isolation: isolation))
                }
            }
            if let unrecorded = conclude(&intent, outcomes, state) { return unrecorded }
            for lease in leases { state.ledger.put(lease) }
            state.ledger.put(finished)
            return nil
        }
        if let unrecorded, failure == nil { throw takeBack(leases, driver, basis, unrecorded) }
        if let failure { throw failure }
        return Granted(
            operation: basis.operation, plan: shown.done(leases.flatMap { ChangePlan.creation(of: $0) }),
            leases: leases)
    }

    /// What was made and cannot be put on record is not handed out: it is taken back, and that is kept for the record.
    ///
    /// Should this process die first, the next start finds the intent without outcome and does the same.
    private func takeBack(
        _ leases: [Lease], _ driver: NVMLDriver, _ basis: Records.Basis, _ cause: AuditUnavailable
    ) -> Refusal {
        let executor = Executor(driver: driver, nodes: nodes)
        var left: [Lease] = []
        for var lease in leases {
            close(lease)
            if case .gone = executor.destroy(lease) {
                note([Records.leaseEnd(lease, basis, reason: "not-recorded")])
            } else {
                lease.state = .ending
                left.append(lease)
            }
        }
        let entries = read(Set(leases.map(\.gpu)), driver)
        change { state in
            state.take(entries)
            // What does not go keeps its slot and its owner, and is tried again.
            for lease in left { state.ledger.put(lease) }
        }
        return .auditUnavailable(cause)
    }

    private func lease(
        _ draft: Records.Draft, _ made: Executor.Made, _ basis: Records.Basis, _ context: CallContext,
        _ isolation: Isolation
    ) -> Lease {
        let created = Timestamp(secondsSinceEpoch: Clock.wall().secondsSinceEpoch)
        return Lease(
            id: draft.lease, user: context.owner.user, userName: context.owner.accountName,
            groups: basis.decision?.groups ?? [], gpu: draft.entry.gpu, gi: made.gi,
            computeInstances: made.compute.map { [$0] } ?? [], profile: draft.entry.profile.name,
            profileID: draft.entry.profile.id, placement: draft.entry.placement,
            slices: draft.entry.profile.slices, memoryMiB: draft.entry.profile.memoryMiB, created: created,
            expires: created.advanced(by: draft.duration),
            deadline: Clock.boottime() + Int64(draft.duration.seconds) * 1_000_000_000, renewals: 0,
            isolation: isolation, killsOnExpiry: draft.killsOnExpiry, name: draft.name, state: .active,
            operation: basis.operation)
    }

    private static func done(_ lease: Lease, _ basis: Records.Basis, _ micros: Int64) -> AuditRecord {
        var record = Records.record(.outcome, of: lease, basis)
        record.result = .ok
        record.durationUs = micros
        return record
    }

    private static func failed(
        _ draft: Records.Draft, _ failure: Refusal, _ result: AuditResult, _ basis: Records.Basis, _ micros: Int64,
        _ isolation: Isolation
    ) -> AuditRecord {
        var record = Records.intent(of: draft, basis, isolation: isolation)
        record.type = .outcome
        record.result = result
        Records.fill(&record, failure)
        record.durationUs = micros
        return record
    }

    /// What the same call got before: those of its leases that have not ended.
    private func granted(_ asked: Records.Asked, _ context: CallContext) throws(Refusal) -> Granted? {
        try withState { (state) throws(Refusal) in
            try state.ledger.change(repeatedBy: context.method, asked, of: context.principal.user).map { known in
                Granted(operation: known.id, plan: .none, leases: known.leases.compactMap { state.ledger.leases[$0] })
            }
        }
    }
}

extension ResolvedWish {
    /// The question to the policy.
    func query(_ wish: Wish, _ context: CallContext, _ isolation: Isolation) -> Query {
        Query(
            principal: context.owner, action: wish.action,
            target: .instances(
                members.map {
                    Demand(
                        profile: $0.profile, slices: $0.slices, memoryMiB: $0.memoryMiB,
                        candidates: $0.candidates.map(\.gpu))
                }), duration: wish.duration, isolation: isolation)
    }
}
