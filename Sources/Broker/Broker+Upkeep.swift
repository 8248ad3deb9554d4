internal import Audit
internal import Linux
package import MIG
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
            tendLog()
        }
    }

    /// What the log does between changes: writes what waits, seals, rotates, removes what is old.
    private func tendLog() {
        // The log's own health tells what it cannot do, and the next look tries it again.
        try? audit.tend()
        try? audit.removeOld { Self.checkpointedHead(in: configuration.stateDirectory) }
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
        // A driver that cannot tell its version works all the same.
        let version = withState { $0.driver == nil ? nil : $0.driverVersion } ?? (try? driver.driverVersion())
        change { state in
            state.driver = driver
            state.driverVersion = version
            state.driverProblem = nil
            state.inventory = inventory
            completeLeases(&state)
            if !state.unfinished.isEmpty { finishRecovery(&state, driver) }
            reconcile(&state)
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
    /// Where only compute instances are gone, the lease goes on without them. One that is ending is as it was left.
    private func endLost(_ state: inout State) {
        for lease in state.ledger.sorted {
            guard state.inventory.entry(lease.gpu) != nil || state.inventory.lacks(lease.gpu) else { continue }
            let instance = state.inventory.entry(lease.gpu)?.instance(lease.gi)
            if let instance, lease.owns(instance) {
                let lost = lease.computeInstances.filter { leased in
                    !instance.computeInstances.contains { $0.id == leased.id && $0.uuid == leased.device }
                }
                if !lost.isEmpty, lease.state == .active { drop(lost, of: lease, &state) }
                continue
            }
            close(lease)
            noteLost(lease)
            state.retries[lease.id] = nil
            state.ledger.remove(lease.id)
        }
    }

    /// Takes compute instances that are not there any more out of a lease, and their access with them.
    private func drop(_ lost: [LeasedComputeInstance], of lease: Lease, _ state: inout State) {
        var kept = lease
        for instance in lost {
            if let minor = state.inventory.entry(lease.gpu)?.gpu.minor {
                // What stays open is closed by the look over the nodes that follows.
                try? nodes.close(.computeInstance(gpuMinor: minor, lease.gi, instance.id))
            }
            let basis = Records.Basis(Self.newOperation(), method: "Reconcile", owner: lease.user)
            var record = basis.record(.externalChange)
            record.gpu = lease.gpu
            record.gi = lease.gi
            record.ci = instance.id
            record.device = instance.device
            record.lease = lease.id
            record.reason = "gone: a compute instance of the lease"
            note([record])
            kept.remove(instance.id)
        }
        state.ledger.put(kept)
    }

    func noteLost(_ lease: Lease) {
        let basis = Records.Basis(Self.newOperation(), method: "Reconcile", owner: lease.user)
        note([Records.leaseEnd(lease, basis, reason: "instance-lost")])
    }

    /// Puts the ledger beside what was just read of the driver: what others took, made or set.
    func reconcile(_ state: inout State) {
        endLost(&state)
        noteExternal(&state)
        noteModes(&state)
    }

    /// Instances that come and go without the broker.
    private func noteExternal(_ state: inout State) {
        let seen = state.externals
        for (instances, what) in [
            (seen.subtracting(state.external), "found"), (state.external.subtracting(seen), "gone"),
        ] {
            for instance in instances {
                var record = Records.Basis(Self.newOperation(), method: "Reconcile", owner: nil).record(.externalChange)
                record.gpu = instance.gpu
                record.gi = instance.gi
                record.ci = instance.ci
                record.placement = instance.placement
                record.reason = "\(what): a \(instance.ci == nil ? "GPU" : "compute") instance without a lease"
                note([record])
            }
        }
        state.external = seen
    }

    /// Modes that others set.
    private func noteModes(_ state: inout State) {
        for entry in state.inventory.entries {
            guard let mode = entry.gpu.mode, let known = state.modes[entry.gpu.uuid], known != mode else { continue }
            var record = Records.Basis(Self.newOperation(), method: "Reconcile", owner: nil).record(.externalChange)
            record.gpu = entry.gpu.uuid
            record.reason = "the MIG mode is \(mode), and was \(known)"
            note([record])
        }
        // A GPU that does not answer now keeps the mode that it had.
        state.modes.merge(state.inventory.modes) { $1 }
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

    /// Ends the leases of a uid that were given to somebody of another name: nobody inherits a slice with a number. Nil is
    /// that the database knows nobody of that number. Blocks for driver and disk.
    package func endOrphans(of user: UserID, knownAs name: String?) {
        let account = name ?? user.description
        let orphans = change { state in
            state.orphans.formIntersection(state.ledger.leases.keys)
            let orphans = state.ledger.sorted.filter {
                $0.user == user && !$0.userName.utf8.elementsEqual(account.utf8) && !state.orphans.contains($0.id)
            }
            state.orphans.formUnion(orphans.map(\.id))
            return orphans
        }
        for lease in orphans { expire(lease) }
    }

    private func expire(_ lease: Lease) {
        let (driver, instance, cause) = withState { state -> (NVMLDriver?, GPUInstance?, EndCause) in
            state.retries[lease.id] = Clock.boottime() + Int64(configuration.bounds.retrySeconds) * 1_000_000_000
            let instance = state.inventory.entry(lease.gpu)?.instance(lease.gi)
            let cause: EndCause =
                state.orphans.contains(lease.id)
                ? .ownerVanished : lease.deadline <= Clock.boottime() ? .expired : .recovered
            return (state.driverProblem == nil ? state.driver : nil, instance, cause)
        }
        guard let driver else { return revoke(lease) }
        // A slice that is known to be busy is not worth a record every ten seconds.
        let isShared = instance.map { lease.stranger(in: $0) != nil } ?? false
        let isBusy =
            isShared
            || lease.computeInstances.contains { instance in
                // A driver that does not tell is asked to destroy it, and then says.
                (try? driver.processes(on: instance.id, in: lease.gi, of: lease.gpu))?.isEmpty == false
            }
        if lease.state == .ending, isBusy { return endProcesses(on: lease.id, driver) }
        let basis = Records.Basis(Self.newOperation(), method: "Expire", owner: lease.user)
        do throws(Refusal) {
            let intent = try change { (state) throws(Refusal) in
                try intend([Records.record(.intent, of: lease, basis)], state, ending: true)
            }
            // A refusal is told by the outcome; the lease is ending then, and is tried again.
            end(
                Ending(
                    lease: lease, cause: cause, driver: driver,
                    permit: PolicySet.repairPermit(.expiry), gate: nodes.repairGate(), intent: intent, basis: basis))
        } catch {
            // Without an intent nothing is destroyed; that is tried again later.
            revoke(lease)
        }
        endProcesses(on: lease.id, driver)
    }

    /// Takes the access of a lease whose time is over, where its slice cannot be destroyed now: nobody's access lasts
    /// longer because the driver or the log does not answer. A log that cannot be written owes the record.
    private func revoke(_ lease: Lease) {
        guard lease.state == .active else { return }
        let basis = Records.Basis(Self.newOperation(), method: "Expire", owner: lease.user)
        note([Records.record(.revoke, of: lease, basis)])
        // What stays open is closed by the next look over the nodes.
        close(lease)
        var kept = lease
        kept.state = .ending
        change { $0.ledger.put(kept) }
    }
}
