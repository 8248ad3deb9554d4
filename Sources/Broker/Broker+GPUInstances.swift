internal import Audit
internal import Linux
package import MIG
internal import NVML
internal import Nodes
internal import Policy

extension Broker {
    /// Destroys GPU instances with all in them, and so ends the leases that hold them; another tool's too, with the
    /// right to anybody's. Blocks for the driver and the disk.
    ///
    /// All of them are checked before the first is touched.
    package func destroyGPUInstances(
        _ targets: [InstanceTarget], isDryRun: Bool, key: String?, plan shown: PlanID?, _ context: CallContext
    ) throws(Refusal) -> Changed {
        let operation = Self.newOperation()
        let asked = Records.Asked(targets.map(\.description).joined(separator: " "), key: key)
        do throws(Refusal) {
            if !isDryRun, let known = try repeated(asked, context) { return known }
            let (plan, found) = try change { (state) throws(Refusal) in
                try decideEnds(of: targets, asked, shown, context, &state)
            }
            if isDryRun { return Changed(operation: nil, plan: plan, leases: found.compactMap(\.lease)) }
            var ended: [Lease] = []
            do throws(Refusal) {
                for one in found {
                    if let lease = one.lease {
                        try end(lease, by: .destroy, operation, asked, context)
                        ended.append(lease)
                    } else {
                        try endExternal(one, operation, asked, context)
                    }
                }
            } catch {
                finish(operation, context, asked, ended[...], error: error.word)
                throw error
            }
            finish(operation, context, asked, ended[...])
            return Changed(operation: operation, plan: plan, leases: ended)
        } catch {
            noteDenial(error, operation, context)
            throw error
        }
    }

    private func decideEnds(
        of targets: [InstanceTarget], _ asked: Records.Asked, _ shown: PlanID?, _ context: CallContext,
        _ state: inout State
    ) throws(Refusal) -> (ChangePlan, [FoundInstance]) {
        let driver = try state.readyDriver()
        refresh(&state, driver)
        var found: [FoundInstance] = []
        for target in targets {
            let one = try find(target, context, any: .destroyAnyGPUInstance, state)
            guard !found.contains(where: { $0.seat == one.seat }) else {
                throw .badRequest(field: "instances", expected: "instances, each once")
            }
            _ = try leave(one, context, own: .destroyOwnGPUInstance, any: .destroyAnyGPUInstance, state)
            found.append(one)
        }
        let plan = ChangePlan(
            found.flatMap { ChangePlan.end(of: $0.instance, $0.lease, in: $0.entry) }, for: asked.words,
            on: Set(found.map(\.entry.gpu.uuid)), state)
        try plan.check(against: shown)
        try requireUnshared(found)
        try requireIdle(found.flatMap { one in one.compute.map { ($0, one.lease) } }, driver, context)
        return (plan, found)
    }

    /// Destroys what another tool made. Its nodes are that tool's business until it is gone.
    private func endExternal(
        _ found: FoundInstance, _ operation: OperationID, _ asked: Records.Asked, _ context: CallContext
    ) throws(Refusal) {
        let started = try change { (state) throws(Refusal) in
            let driver = try state.readyDriver()
            let leave = try leave(
                found, context, own: .destroyOwnGPUInstance, any: .destroyAnyGPUInstance, state)
            let gate = try gate(.instances([]), &state)
            let basis = Records.Basis(operation, context, asked, leave)
            let intent = try intend(
                [Records.record(.intent, of: found.instance, in: found.entry, basis)], state, ending: true)
            return Begun(driver: driver, permit: leave.permit, gate: gate, intent: intent, basis: basis)
        }
        let began = Clock.monotonic()
        let (driver, basis) = (started.driver, started.basis)
        let failure = destroy(found, Executor(driver: driver, nodes: nodes), started.permit, started.gate)
        var outcome = Records.record(.outcome, of: found.instance, in: found.entry, basis)
        outcome.durationUs = (Clock.monotonic() - began) / 1000
        outcome.result = failure == nil ? .ok : .failed
        if let failure { Records.fill(&outcome, failure) }
        let entries = read([found.entry.gpu.uuid], driver)
        var intent: IntentReceipt? = started.intent
        let unrecorded = change { state in
            state.take(entries)
            state.forgetExternal(on: found.seat, isGone: failure == nil)
            return conclude(&intent, [outcome], state)
        }
        if let refusal = failure ?? unrecorded.map({ .auditUnavailable($0) }) { throw refusal }
    }

    private func destroy(
        _ found: FoundInstance, _ executor: Executor, _ permit: consuming Permit, _ gate: consuming Gate
    ) -> Refusal? {
        let gpu = found.entry.gpu
        precondition(permit.covers(.end(on: gpu.uuid)), "a permit is spent on what it was given for")
        switch executor.destroy(found.instance, on: gpu.uuid) {
        case .shared(let ci): return .shared(found.name, with: ci)
        case .gone:
            // The next instance of this number is not open to whom the last one was. What stays open is closed by the
            // next look over all nodes.
            try? nodes.revoke(
                NodeGrant(
                    user: .root, gpuMinor: gpu.minor, gpuInstance: found.instance.id,
                    computeInstances: found.instance.computeInstances.map(\.id)))
            return nil
        case .untouched(let error), .half(let error):
            return .failed(found.name, error)
        }
    }
}
