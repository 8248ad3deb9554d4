internal import Audit
internal import MIG
internal import NVML
internal import Nodes

/// What an earlier run of the broker left undone, or what the driver would not take back.
extension Broker {
    /// Ends all of it, as far as that can be done now: a half-made create is undone, never completed; a half-made end
    /// of a lease is completed, for access was taken already; of anything else is told what became of it.
    func finishRecovery(_ state: inout State, _ driver: NVMLDriver) {
        var left: [Unfinished] = []
        for change in state.unfinished {
            // What could not be destroyed now is tried again at the next look.
            if let records = recover(change, &state, driver) { note(records) } else { left.append(change) }
        }
        state.unfinished = left
        if let inventory = try? Inventory.read(driver) { state.inventory = inventory }
    }

    /// - Returns: what to put on record, nil where it is to be tried again.
    private func recover(_ change: Unfinished, _ state: inout State, _ driver: NVMLDriver) -> [AuditRecord]? {
        if change.kind == .renewal { return [recovered(change, .failed, "the lease was not renewed")] }
        guard let gpu = change.intent.gpu, let entry = state.inventory.entry(gpu) else {
            // A lease's end may be completed without its GPU: then its instance is gone with it.
            if change.kind == .end || change.isTorn { return complete(change, &state, driver) }
            if let gpu = change.intent.gpu, !state.inventory.lacks(gpu) { return nil }
            return [recovered(change, .ok, "its GPU is not there any more, and nothing on it")]
        }
        switch change.kind {
        case .creation where change.isTorn, .end: return complete(change, &state, driver)
        case .creation: return undo(change, entry, state, driver)
        case .computeCreation: return undoCompute(change, entry, &state, driver)
        case .computeEnd: return tellCompute(change, entry, &state)
        case .externalEnd:
            let isThere = change.intent.gi.flatMap { entry.instance($0) }?.placement == change.intent.placement
            return [recovered(change, isThere ? .failed : .ok, isThere ? "it is still there" : "it is gone")]
        case .mode: return [tellMode(change, entry)]
        case .renewal: return []
        }
    }

    // MARK: - GPU instances

    /// Finds the instance by what the intent says of it, and destroys it; nothing there is as good.
    private func undo(
        _ change: Unfinished, _ entry: Inventory.Entry, _ state: State, _ driver: NVMLDriver
    ) -> [AuditRecord]? {
        let gpu = entry.gpu.uuid
        let made = entry.instances.first { instance in
            instance.placement == change.intent.placement
                && entry.profile(instance.profile)?.name.utf8.elementsEqual((change.intent.profile ?? "").utf8) == true
                && state.ledger.lease(on: Lease.Seat(gpu: gpu, gi: instance.id)) == nil
        }
        guard let made else { return [recovered(change, .ok, "nothing had been made")] }
        close(made.id, made.computeInstances.map(\.id), entry.gpu.minor)
        let ending = Executor(driver: driver, nodes: nodes).destroy(made, on: gpu)
        guard case .gone = ending else { return nil }
        return [recovered(change, .undone, "GPU instance \(made.id) had been made and is gone")]
    }

    private func complete(_ change: Unfinished, _ state: inout State, _ driver: NVMLDriver) -> [AuditRecord]? {
        guard let id = change.intent.lease, let lease = state.ledger.leases[id] else {
            return change.isTorn ? [] : [recovered(change, .ok, "the lease had ended")]
        }
        // Another tool's nodes are that tool's, in the lease's GPU instance too.
        if let minor = state.inventory.entry(lease.gpu)?.gpu.minor { close(lease.gi, lease.computeInstanceIDs, minor) }
        let basis = Records.Basis(change.intent.op ?? Self.newOperation(), method: "Recover", owner: lease.user)
        let obstacle: String
        switch Executor(driver: driver, nodes: nodes).destroy(lease) {
        case .gone:
            state.ledger.remove(id)
            let end = Records.leaseEnd(lease, basis, reason: EndCause.recovered.rawValue)
            return change.isTorn ? [end] : [recovered(change, .ok, "the slice is gone"), end]
        case .untouched(let error), .half(let error): obstacle = "\(error)"
        case .shared(let ci): obstacle = "another tool made compute instance \(ci) in it"
        }
        var kept = lease
        kept.state = .ending
        state.ledger.put(kept)
        if change.isTorn { return nil }
        return [
            recovered(change, .failed, "the slice will be ended later: \(obstacle)"),
            Records.record(.revoke, of: lease, basis),
        ]
    }

    private func close(_ gi: GPUInstanceID, _ cis: [ComputeInstanceID], _ minor: Int) {
        // What cannot be closed now is closed by the look over all nodes that follows.
        try? nodes.revoke(NodeGrant(user: .root, gpuMinor: minor, gpuInstance: gi, computeInstances: cis))
    }

    // MARK: - Compute instances

    /// Finds the compute instance at its place, which was free when it was intended.
    ///
    /// One whose outcome is on record already, while another of its request has none, is ended as any other is.
    private func undoCompute(
        _ change: Unfinished, _ entry: Inventory.Entry, _ state: inout State, _ driver: NVMLDriver
    ) -> [AuditRecord]? {
        guard let id = change.intent.lease, let lease = state.ledger.leases[id],
            let instance = entry.instance(lease.gi), lease.owns(instance)
        else { return change.isTorn ? [] : [recovered(change, .ok, "its GPU instance is gone, and all in it")] }
        let made = instance.computeInstances.first { $0.placement == change.intent.placement }
        let isLeased = made.map { made in lease.computeInstances.contains { $0.id == made.id } } ?? false
        guard let made, isLeased == change.isTorn else {
            return change.isTorn ? [] : [recovered(change, .ok, "nothing had been made")]
        }
        let seat = ComputeSeat(gpu: entry.gpu, gi: lease.gi, instance: made, in: entry)
        guard change.isTorn else {
            guard case .gone = Executor(driver: driver, nodes: nodes).destroy(seat) else { return nil }
            return [recovered(change, .undone, "compute instance \(made.id) had been made and is gone")]
        }
        let basis = Records.Basis(Self.newOperation(), method: "DestroyComputeInstances", owner: lease.user)
        var intent = Records.record(.intent, of: seat, lease, basis)
        var receipt: IntentReceipt? = try? self.intend([intent], state, ending: true)
        guard receipt != nil else { return nil }
        var failure: NVMLError?
        switch Executor(driver: driver, nodes: nodes).destroy(seat) {
        case .gone:
            var kept = lease
            kept.remove(made.id)
            state.ledger.put(kept)
        case .still(let error), .unknown(let error): failure = error
        }
        intent.type = .outcome
        intent.result = failure == nil ? .ok : .failed
        if let failure { Records.fill(&intent, .driverFailed(failure)) }
        // A log that cannot be written owes the outcome.
        _ = conclude(&receipt, [intent], state)
        return failure == nil ? [] : nil
    }

    private func tellCompute(
        _ change: Unfinished, _ entry: Inventory.Entry, _ state: inout State
    ) -> [AuditRecord] {
        let isThere =
            change.intent.gi.flatMap { entry.instance($0) }?.computeInstances.contains { $0.id == change.intent.ci }
            ?? false
        if !isThere, let ci = change.intent.ci, let id = change.intent.lease, var lease = state.ledger.leases[id] {
            lease.remove(ci)
            state.ledger.put(lease)
        }
        return [recovered(change, isThere ? .failed : .ok, isThere ? "it is still there" : "it is gone")]
    }

    // MARK: - MIG mode

    private func tellMode(_ change: Unfinished, _ entry: Inventory.Entry) -> AuditRecord {
        guard let mode = entry.gpu.mode else { return recovered(change, .failed, "the GPU has no MIG mode") }
        let wanted = ModeWish.enables(change.intent.params ?? "")
        let result: AuditResult =
            mode.isEnabled == wanted && !mode.isPending ? .ok : mode.isPendingEnabled == wanted ? .pending : .failed
        return recovered(change, result, "the mode is \(mode)")
    }

    /// The end of an unfinished change as it was found; it says nothing of who decided.
    func recovered(_ change: Unfinished, _ result: AuditResult, _ reason: String) -> AuditRecord {
        var record = change.intent
        record.type = .recovered
        record.result = result
        record.reason = reason
        record.decision = nil
        record.rules = []
        return record
    }
}
