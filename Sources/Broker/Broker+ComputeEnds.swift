internal import Audit
internal import Linux
package import MIG
internal import NVML
internal import Nodes
internal import Policy

extension Broker {
    /// Destroys compute instances, and leaves the GPU instances around them to whom they belong. Blocks for the driver
    /// and the disk.
    ///
    /// All of them are checked before the first is touched.
    package func destroyComputeInstances(
        _ targets: [ComputeTarget], isDryRun: Bool, key: String?, plan shown: PlanID?, _ context: CallContext
    ) throws(Refusal) -> Changed {
        let operation = Self.newOperation()
        let asked = Records.Asked(targets.map(\.description).joined(separator: " "), key: key)
        do throws(Refusal) {
            if !isDryRun, let known = try repeated(asked, context) { return known }
            let (plan, found) = try change { (state) throws(Refusal) in
                try decideComputeEnds(of: targets, asked, shown, context, &state)
            }
            let leases = found.compactMap(\.parent.lease)
            if isDryRun { return Changed(operation: nil, plan: plan, leases: leases) }
            for (count, one) in found.enumerated() {
                do throws(Refusal) {
                    try end(one, operation, asked, context)
                } catch {
                    finish(
                        operation, context, asked, found.prefix(count).compactMap(\.parent.lease)[...],
                        error: error.word)
                    throw error
                }
            }
            finish(operation, context, asked, leases[...])
            let kept = withState { state in leases.compactMap { state.ledger.leases[$0.id] } }
            return Changed(operation: operation, plan: plan, leases: kept.uniqued())
        } catch {
            noteDenial(error, operation, context)
            throw error
        }
    }

    /// A compute instance that was named and is there.
    private struct FoundCompute {
        let parent: FoundInstance
        let seat: ComputeSeat

        var name: String { "compute instance \(seat.id) of \(parent.name)" }

        /// Whether it is of the lease around it; what another tool made there belongs to nobody whom the broker knows.
        var isLeased: Bool { parent.lease?.holds(seat) ?? false }
        var ownersAction: Action { isLeased ? .destroyOwnComputeInstance : .destroyAnyComputeInstance }
    }

    private func decideComputeEnds(
        of targets: [ComputeTarget], _ asked: Records.Asked, _ shown: PlanID?, _ context: CallContext,
        _ state: inout State
    ) throws(Refusal) -> (ChangePlan, [FoundCompute]) {
        let driver = try state.readyDriver()
        refresh(&state, driver)
        var found: [FoundCompute] = []
        for target in targets {
            let parent = try find(target.parent, context, any: .destroyAnyComputeInstance, state)
            guard let seat = parent.compute(target.ci) else {
                throw .notFound(
                    .computeInstance, "\(parent.entry.gpu.index):\(parent.instance.id):\(target.ci)")
            }
            guard !found.contains(where: { $0.parent.seat == parent.seat && $0.seat.id == seat.id }) else {
                throw .badRequest(field: "computeInstances", expected: "compute instances, each once")
            }
            let one = FoundCompute(parent: parent, seat: seat)
            _ = try leave(parent, context, own: one.ownersAction, any: .destroyAnyComputeInstance, state)
            found.append(one)
        }
        let plan = ChangePlan(
            found.map { ChangePlan.destruction(of: $0.seat, $0.parent.lease) }, for: asked.words,
            on: Set(found.map(\.seat.gpu.uuid)), state)
        try plan.check(against: shown)
        try requireIdle(found.map { ($0.seat, $0.parent.lease) }, driver, context)
        return (plan, found)
    }

    private func end(
        _ found: FoundCompute, _ operation: OperationID, _ asked: Records.Asked, _ context: CallContext
    ) throws(Refusal) {
        let (seat, lease) = (found.seat, found.parent.lease)
        let started = try change { (state) throws(Refusal) in
            let driver = try state.readyDriver()
            let leave = try leave(
                found.parent, context, own: found.ownersAction, any: .destroyAnyComputeInstance, state)
            let isOwn = found.isLeased && lease?.belongs(to: context.owner) == true && lease?.state == .active
            let gate = try gate(
                .change(gpuMinor: seat.gpu.minor, seat.gi, [seat.id], by: isOwn ? context.caller : nil), &state)
            let basis = Records.Basis(operation, context, asked, leave)
            let intent = try intend([Records.record(.intent, of: seat, lease, basis)], state, ending: true)
            return Begun(driver: driver, permit: leave.permit, gate: gate, intent: intent, basis: basis)
        }
        let began = Clock.monotonic()
        let (driver, basis) = (started.driver, started.basis)
        let failure: Refusal?
        var isUnknown = false
        switch destroy(seat, Executor(driver: driver, nodes: nodes), started.permit, started.gate) {
        case .gone: failure = nil
        case .still(let error):
            failure = .failed(found.name, error)
            // An end that did not come about leaves everything as it was; what stays closed is opened by the next look.
            if let kept = lease.flatMap({ lease in withState { $0.ledger.leases[lease.id] } }), kept.state == .active {
                reopen(kept)
            }
        case .unknown(let error):
            isUnknown = true
            failure = .driverFailed(error)
        }
        var outcome = Records.record(.outcome, of: seat, lease, basis)
        outcome.durationUs = (Clock.monotonic() - began) / 1000
        // What nobody can see now is told once the driver shows it.
        outcome.result = isUnknown ? .leftBehind : failure == nil ? .ok : .failed
        if let failure { Records.fill(&outcome, failure) }
        let entries = read([seat.gpu.uuid], driver)
        var intent: IntentReceipt? = started.intent
        let unrecorded = change { state in
            state.take(entries)
            if failure == nil, let lease, var kept = state.ledger.leases[lease.id] {
                kept.remove(seat.id)
                state.ledger.put(kept)
            }
            if isUnknown {
                state.unfinished.append(Unfinished(intent: Records.record(.intent, of: seat, lease, basis)))
            }
            state.forgetExternal(seat.id, on: found.parent.seat, isGone: failure == nil)
            return conclude(&intent, [outcome], state)
        }
        if let refusal = failure ?? unrecorded.map({ .auditUnavailable($0) }) { throw refusal }
    }

    private func destroy(
        _ seat: ComputeSeat, _ executor: Executor, _ permit: consuming Permit, _ gate: consuming Gate
    ) -> Executor.ComputeEnding {
        precondition(permit.covers(.end(on: seat.gpu.uuid)), "a permit is spent on what it was given for")
        return executor.destroy(seat)
    }
}

extension [Lease] {
    /// Each once.
    fileprivate func uniqued() -> [Lease] {
        reduce(into: []) { unique, lease in if !unique.contains(lease) { unique.append(lease) } }
    }
}
