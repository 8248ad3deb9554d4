package import Audit
internal import Linux
internal import MIG
internal import NVML

extension Broker {
    /// Takes up where the last run ended: checkpoint, log, driver, nodes. Blocks for all of them.
    ///
    /// To be called once, before the first request. A driver that does not answer now is waited for by `upkeep`.
    package func start() throws(AuditReplayError) {
        let checkpoint = Checkpoint.load(from: configuration.stateDirectory)
        var replay = Replay(checkpoint)
        do throws(AuditReplayError) {
            try AuditReader(try segments()).replay(after: checkpoint?.head) { replay.take($0) }
        } catch {
            // A log that was moved away takes no lease from anybody: the checkpoint has them. A log that was altered
            // is for a person to look at.
            guard case .headIsGone = error else { throw error }
            var record = AuditRecord(.health)
            record.reason = "\(error)"
            note([record])
        }
        let boot = try bootID()
        replay.enter(boot: boot)
        withState { state in
            state.boot = boot
            for change in (checkpoint?.changes ?? []) + replay.changes { state.ledger.put(change) }
            for lease in replay.leases.values { state.ledger.put(lease) }
            state.unfinished = replay.unfinished
            state.checkpointed = checkpoint?.head.seq ?? 0
        }
        noteStart()
        for change in replay.cutOff {
            note([recovered(change, .ok, "the machine was restarted since, and nothing is left of it")])
        }
        for lease in replay.lost.values { noteLost(lease) }
        lookOver()
    }

    private func bootID() throws(AuditReplayError) -> String {
        do throws(SystemError) {
            return try Clock.bootID()
        } catch {
            throw .system(error)
        }
    }

    /// Everything that follows in the log is this run's doing, with the driver that is named here.
    private func noteStart() {
        var record = AuditRecord(.start)
        // Without a driver the look that follows puts the reason on record.
        if let driver = try? NVMLDriver(driver: configuration.driverRoot) {
            let version = (try? driver.driverVersion()) ?? "of an unknown version"
            record.params = "driver \(version), \(driver.libraryPath)"
            withState { $0.driver = driver }
        }
        note([record])
    }

    /// The log's files, oldest first.
    func segments() throws(AuditReplayError) -> [String] {
        do throws(SystemError) {
            return try AuditSegments.list(in: audit.directory)
        } catch {
            throw .system(error)
        }
    }

    /// Fills in what the log alone does not know of leases that were read from it.
    func completeLeases(_ state: inout State) {
        for lease in state.ledger.sorted where lease.slices.rawValue == 0 {
            state.ledger.put(completed(lease, state.inventory))
        }
    }

    /// A lease that was read from the log, with what the driver says of its profile.
    private func completed(_ lease: Lease, _ inventory: Inventory) -> Lease {
        guard
            let profile = inventory.entry(lease.gpu)?.profiles.first(where: {
                $0.name.utf8.elementsEqual(lease.profile.utf8)
            })
        else { return lease }
        return lease.with(profile)
    }
}

extension Lease {
    /// The same lease with what its profile says.
    fileprivate func with(_ profile: GPUInstanceProfile) -> Lease {
        Lease(
            id: id, user: user, userName: userName, groups: groups, gpu: gpu, gi: gi,
            computeInstances: computeInstances, profile: self.profile, profileID: profile.id, placement: placement,
            slices: profile.slices, memoryMiB: profile.memoryMiB, created: created, expires: expires,
            deadline: deadline, renewals: renewals, isolation: isolation, killsOnExpiry: killsOnExpiry,
            name: name, state: state, operation: operation)
    }
}
