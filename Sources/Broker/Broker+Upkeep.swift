internal import Audit
internal import Linux
internal import MIG
internal import NVML
internal import Nodes
internal import Planner
internal import Policy

/// What the broker does of itself, between requests, on a change thread.
extension Broker {
    /// How often the driver and all nodes are looked over.
    private static let lookNanoseconds: Int64 = 2_000_000_000

    /// Ends leases whose time is over, notices what others did to driver and nodes, and saves what is worth saving.
    ///
    /// Cheap when nothing is due, so it may be called as often as one likes. Blocks for driver and disk.
    package func upkeep() {
        let now = Clock.monotonic()
        let isDue = withState { state in
            guard now - state.lastLook >= Self.lookNanoseconds else { return false }
            state.lastLook = now
            return true
        }
        if isDue { lookOver() }
        endOverdue()
        if isDue {
            // What cannot be written stays counted.
            try? audit.flushDenials()
            saveCheckpoint()
        }
    }

    /// Tells the log that the broker ends in an orderly way, and saves the state.
    package func shutDown() {
        saveCheckpoint()
        // A log that cannot be closed now has its end found by the next start.
        try? audit.close([AuditRecord(.stop)])
    }

    /// Reads the driver anew and puts the ledger and the nodes beside it.
    func lookOver() {
        let inventory: Inventory
        let driver: NVMLDriver
        do throws(NVMLError) {
            driver = try loadedDriver()
            inventory = try Inventory.read(driver)
        } catch {
            let problem = "\(error)"
            change { state in
                if state.driverProblem?.utf8.elementsEqual(problem.utf8) != true {
                    var record = AuditRecord(.health)
                    record.reason = problem
                    note([record])
                }
                state.driverProblem = problem
                // A session that failed is not used again: the next look opens a new one.
                state.driver = nil
            }
            return
        }
        change { state in
            state.driver = driver
            state.driverProblem = nil
            state.inventory = inventory
            completeLeases(&state)
            if !state.unfinished.isEmpty { finishRecovery(&state, driver) }
            endLost(&state)
            noteExternal(&state)
            state.isolation = nodes.isolation(gpuMinors: state.gpuMinors).isolation
            repairNodes(&state)
        }
    }

    private func loadedDriver() throws(NVMLError) -> NVMLDriver {
        if let driver = withState({ $0.driver }) { return driver }
        return try NVMLDriver(driver: configuration.driverRoot)
    }

    /// Leases whose instance is not there any more: a reboot, a reset, or somebody else's tool.
    ///
    /// Where only the compute instance is gone, be it by another's hand or by an end that broke off, the rest is ended:
    /// it has no other owner.
    private func endLost(_ state: inout State) {
        for lease in state.ledger.sorted {
            guard state.inventory.entry(lease.gpu) != nil || state.inventory.lacks(lease.gpu) else { continue }
            let instance = state.inventory.entry(lease.gpu)?.instance(lease.gi)
            if let instance, instance.profile == lease.profileID, instance.placement == lease.placement {
                let isWhole = instance.computeInstances.contains { $0.uuid == lease.device }
                if !isWhole { revoke(lease, "Reconcile", &state) }
                continue
            }
            close(lease)
            noteLost(lease)
            state.retries[lease.id] = nil
            state.ledger.remove(lease.id)
        }
    }

    func noteLost(_ lease: Lease) {
        let basis = Records.Basis(Self.newOperation(), method: "Reconcile", owner: lease.user)
        note([Records.leaseEnd(lease, basis, reason: "instance-lost")])
    }

    /// Instances that come and go without the broker.
    private func noteExternal(_ state: inout State) {
        var seen: Set<External> = []
        let promised = state.reservations.values.flatMap { $0 }
        for entry in state.inventory.entries {
            for instance in entry.instances {
                let isOurs =
                    state.ledger.lease(on: Lease.Seat(gpu: entry.gpu.uuid, gi: instance.id)) != nil
                    || promised.contains {
                        $0.gpu == entry.gpu.uuid && $0.occupant.placement == instance.placement
                    }
                if !isOurs {
                    seen.insert(External(gpu: entry.gpu.uuid, gi: instance.id, placement: instance.placement))
                }
            }
        }
        for (instances, what) in [
            (seen.subtracting(state.external), "found"), (state.external.subtracting(seen), "gone"),
        ] {
            for instance in instances {
                var record = Records.Basis(Self.newOperation(), method: "Reconcile", owner: nil).record(.externalChange)
                record.gpu = instance.gpu
                record.gi = instance.gi
                record.placement = instance.placement
                record.reason = "\(what): a GPU instance without a lease"
                note([record])
            }
        }
        state.external = seen
    }

    /// Ends what is over, and tries again what was still busy.
    private func endOverdue() {
        let now = Clock.boottime()
        let due = withState { state in
            state.ledger.sorted.filter { lease in
                lease.state == .active ? lease.deadline <= now : (state.retries[lease.id] ?? 0) <= now
            }
        }
        for lease in due { expire(lease) }
    }

    private func expire(_ lease: Lease) {
        let driver = withState { state -> NVMLDriver? in
            state.retries[lease.id] = Clock.boottime() + Int64(configuration.bounds.retrySeconds) * 1_000_000_000
            return state.driverProblem == nil ? state.driver : nil
        }
        guard let driver else { return revoke(lease) }
        // A slice that is known to be busy is not worth a record every ten seconds.
        if lease.state == .ending, let processes = try? driver.processes(on: lease.ci, in: lease.gi, of: lease.gpu),
            !processes.isEmpty
        {
            return
        }
        let basis = Records.Basis(Self.newOperation(), method: "Expire", owner: lease.user)
        do throws(Refusal) {
            let intent = try intend([Records.record(.intent, of: lease, basis)], ending: true)
            // A refusal is told by the outcome; the lease is ending then, and is tried again.
            end(
                Ending(
                    lease: lease, cause: lease.deadline <= Clock.boottime() ? .expired : .recovered, driver: driver,
                    permit: PolicySet.repairPermit(.expiry), gate: nodes.repairGate(), intent: intent, basis: basis))
        } catch {
            // Without an intent nothing is destroyed; that is tried again later.
            revoke(lease)
        }
    }

    /// Takes the access of a lease whose time is over, where its slice cannot be destroyed now: nobody's access lasts
    /// longer because the driver or the log does not answer. A log that cannot be written owes the record.
    private func revoke(_ lease: Lease) { change { revoke(lease, "Expire", &$0) } }

    /// Takes a lease's access, which leaves its slice to be ended.
    private func revoke(_ lease: Lease, _ method: String, _ state: inout State) {
        guard lease.state == .active else { return }
        let basis = Records.Basis(Self.newOperation(), method: method, owner: lease.user)
        note([Records.record(.revoke, of: lease, basis)])
        // What stays open is closed by the next look over the nodes.
        close(lease)
        var kept = lease
        kept.state = .ending
        state.ledger.put(kept)
    }
}
