package import Audit
internal import Linux
internal import MIG
internal import NVML
internal import Nodes

/// A change whose intent is in the log and whose outcome is not, because the broker died in between, or whose outcome
/// says that something was left behind.
struct Unfinished: Sendable {
    let intent: AuditRecord
    /// Its own outcome is there, but not that of another instance of its request: the write of them was torn. Nobody
    /// was answered, and a request happens whole or not at all.
    var isTorn = false

    /// Whether it was to make an instance; else it was to end or renew a lease.
    var isCreation: Bool { intent.gi == nil }
    /// Whether it was to move the end of a lease, which touches no instance.
    var isRenewal: Bool { intent.method?.utf8.elementsEqual("Renew".utf8) == true }
}

/// The log read as what it also is, the write-ahead log: it gives back the leases and what was left undone.
struct Replay {
    private(set) var leases: [LeaseID: Lease]
    private(set) var changes: [FinishedChange] = []
    private var open: [Key: AuditRecord] = [:]
    /// Intents of creations with an outcome, while others of the same operation have none.
    private var settling: [OperationID: [AuditRecord]] = [:]
    private var order: [Key] = []
    private var boot: String?
    /// Leases and intents of an earlier boot of the machine, of which nothing is left: no instance outlives a boot.
    private(set) var lost: [LeaseID: Lease] = [:]
    private(set) var cutOff: [Unfinished] = []

    /// An intent and its outcome agree in these.
    private struct Key: Hashable {
        let operation: OperationID
        let lease: LeaseID
    }

    /// Begins with nothing, or with what a checkpoint knew.
    init(_ checkpoint: Checkpoint? = nil) {
        leases = Dictionary((checkpoint?.leases ?? []).map { ($0.id, $0) }) { $1 }
        boot = checkpoint?.boot
    }

    /// In the order in which they were intended.
    var unfinished: [Unfinished] {
        let torn = settling.values.joined().map { Unfinished(intent: $0, isTorn: true) }
        return order.compactMap { open[$0].map { Unfinished(intent: $0) } } + torn
    }

    /// Goes on in this boot of the machine.
    ///
    /// Where it is another one, what was there is lost, even if something just like it has been made in its place
    /// since; and the deadlines of another boot's clock mean nothing.
    mutating func enter(boot next: String) {
        defer { boot = next }
        guard let boot, !boot.utf8.elementsEqual(next.utf8) else { return }
        lost.merge(leases) { $1 }
        leases = [:]
        // What was torn has its outcome: its lease is lost with the others.
        cutOff += unfinished.filter { !$0.isTorn }
        settling = [:]
        open = [:]
        order = []
    }

    /// Takes the next record.
    mutating func take(_ entry: AuditEntry) {
        enter(boot: entry.stamp.boot)
        let record = entry.record
        guard let operation = record.op, let id = record.lease else { return }
        let key = Key(operation: operation, lease: id)
        switch record.type {
        case .intent:
            if open.updateValue(record, forKey: key) == nil { order.append(key) }
        case .outcome where record.result == .leftBehind: note(record, operation, id)
        case .outcome:
            let intent = open.removeValue(forKey: key)
            let isCreation = intent.map { $0.gi == nil } ?? false
            if record.result == .ok { apply(entry, id, isCreation: isCreation) }
            if let intent, isCreation { settle(intent, operation, isMade: record.result == .ok) }
            note(record, operation, id)
        case .recovered:
            open[key] = nil
            cutOff.removeAll { $0.intent.op == operation && $0.intent.lease == id }
        case .leaseEnd:
            leases[id] = nil
            lost[id] = nil
            for operation in settling.keys { settling[operation]?.removeAll { $0.lease == id } }
        case .revoke: leases[id]?.state = .ending
        default: return
        }
    }

    private mutating func settle(_ intent: AuditRecord, _ operation: OperationID, isMade: Bool) {
        let isLast = !open.keys.contains { $0.operation == operation }
        settling[operation] = isLast ? nil : (settling[operation] ?? []) + (isMade ? [intent] : [])
    }

    private mutating func apply(_ entry: AuditEntry, _ id: LeaseID, isCreation: Bool) {
        let record = entry.record
        if record.method?.utf8.elementsEqual("Renew".utf8) == true {
            guard let expires = record.expires, var lease = leases[id] else { return }
            lease.renewals += 1
            // Where the end did not move, the deadline stands: the wall clock may have been set since it was worked out.
            if expires != lease.expires { lease.deadline = Self.deadline(expires, entry.stamp) }
            lease.expires = expires
            leases[id] = lease
        } else if isCreation, let lease = Self.lease(entry) {
            leases[id] = lease
        }
    }

    private mutating func note(_ record: AuditRecord, _ operation: OperationID, _ id: LeaseID) {
        guard let user = record.caller.uid, let method = record.method else { return }
        let earlier = changes.last { $0.id == operation }
        changes.removeAll { $0.id == operation }
        changes.append(
            FinishedChange(
                id: operation, user: user, method: method, state: record.result == .ok ? .done : .failed,
                error: record.error, leases: (earlier?.leases ?? []) + (record.result == .ok ? [id] : []),
                key: record.key, asked: record.params))
        if changes.count > Ledger.changesKept { changes.removeFirst() }
    }

    /// The end on the clock that nobody can set: what was left of the lease when the record was written, counted from
    /// that moment's boot time.
    private static func deadline(_ expires: Timestamp, _ stamp: AuditStamp) -> Int64 {
        let left = expires.nanosecondsSinceEpoch.subtractingReportingOverflow(stamp.time.nanosecondsSinceEpoch)
        let sum = stamp.monotonicNs.addingReportingOverflow(left.overflow ? 0 : left.partialValue)
        return sum.overflow ? stamp.monotonicNs : sum.partialValue
    }

    /// Slices, memory and profile id are the driver's to say; `Broker.completeLeases` fills them in.
    private static func lease(_ entry: AuditEntry) -> Lease? {
        let record = entry.record
        guard let id = record.lease, let user = record.caller.uid ?? record.caller.onBehalfOf, let gpu = record.gpu,
            let gi = record.gi, let ci = record.ci, let profile = record.profile, let placement = record.placement,
            let device = record.device, let created = record.created, let expires = record.expires,
            let operation = record.op
        else { return nil }
        return Lease(
            id: id, user: user, userName: record.caller.user ?? user.description, groups: record.caller.groups,
            gpu: gpu, gi: gi, ci: ci, profile: profile, profileID: GPUInstanceProfileID(UInt32.max),
            placement: placement, slices: SliceCount(0), memoryMiB: 0, device: device, created: created,
            expires: expires, deadline: deadline(expires, entry.stamp), renewals: 0,
            isolation: record.isolation ?? .advisory, name: record.name, state: .active, operation: operation)
    }
}

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
    private func segments() throws(AuditReplayError) -> [String] {
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

    /// Ends what an earlier run left undone, or what the driver would not take back.
    ///
    /// A half-made create is undone, never completed; a half-made end is completed, for access was taken already.
    func finishRecovery(_ state: inout State, _ driver: NVMLDriver) {
        var left: [Unfinished] = []
        for change in state.unfinished {
            let records: [AuditRecord]? =
                if change.isRenewal {
                    [recovered(change, .failed, "the lease was not renewed")]
                } else if change.isCreation, !change.isTorn {
                    undo(change, state, driver)
                } else {
                    complete(change, &state, driver)
                }
            // What could not be destroyed now is tried again at the next look.
            if let records { note(records) } else { left.append(change) }
        }
        state.unfinished = left
        if let inventory = try? Inventory.read(driver) { state.inventory = inventory }
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

    /// Finds the instance by what the intent says of it, and destroys it; nothing there is as good.
    private func undo(_ change: Unfinished, _ state: State, _ driver: NVMLDriver) -> [AuditRecord]? {
        guard let gpu = change.intent.gpu, let entry = state.inventory.entry(gpu) else {
            if let gpu = change.intent.gpu, !state.inventory.lacks(gpu) { return nil }
            return [recovered(change, .ok, "its GPU is not there any more, and nothing on it")]
        }
        let made = entry.instances.first { instance in
            instance.placement == change.intent.placement
                && entry.profile(instance.profile)?.name.utf8.elementsEqual((change.intent.profile ?? "").utf8) == true
                && state.ledger.lease(on: Lease.Seat(gpu: gpu, gi: instance.id)) == nil
        }
        guard let made else { return [recovered(change, .ok, "nothing had been made")] }
        closeAll(made, entry.gpu.minor)
        guard case .gone = Executor(driver: driver, nodes: nodes).destroy(made.id, on: gpu) else { return nil }
        return [recovered(change, .undone, "GPU instance \(made.id) had been made and is gone")]
    }

    private func complete(_ change: Unfinished, _ state: inout State, _ driver: NVMLDriver) -> [AuditRecord]? {
        guard let id = change.intent.lease, let lease = state.ledger.leases[id] else {
            return change.isTorn ? [] : [recovered(change, .ok, "the lease had ended")]
        }
        if let instance = state.inventory.entry(lease.gpu)?.instance(lease.gi),
            let minor = state.inventory.entry(lease.gpu)?.gpu.minor
        {
            closeAll(instance, minor)
        }
        switch Executor(driver: driver, nodes: nodes).destroy(lease.gi, on: lease.gpu) {
        case .gone:
            state.ledger.remove(id)
            let basis = Records.Basis(change.intent.op ?? Self.newOperation(), method: "Recover", owner: lease.user)
            let end = Records.leaseEnd(lease, basis, reason: EndCause.recovered.rawValue)
            return change.isTorn ? [end] : [recovered(change, .ok, "the slice is gone"), end]
        case .untouched(let error), .half(let error):
            var kept = lease
            kept.state = .ending
            state.ledger.put(kept)
            if change.isTorn { return nil }
            let basis = Records.Basis(change.intent.op ?? Self.newOperation(), method: "Recover", owner: lease.user)
            return [
                recovered(change, .failed, "the slice will be ended later: \(error)"),
                Records.record(.revoke, of: lease, basis),
            ]
        }
    }

    private func closeAll(_ instance: GPUInstance, _ minor: Int) {
        // What cannot be closed now is closed by the look over all nodes that follows.
        try? nodes.revoke(
            NodeGrant(
                user: .root, gpuMinor: minor, gpuInstance: instance.id,
                computeInstances: instance.computeInstances.map(\.id)))
    }

    private func recovered(_ change: Unfinished, _ result: AuditResult, _ reason: String) -> AuditRecord {
        var record = change.intent
        record.type = .recovered
        record.result = result
        record.reason = reason
        record.decision = nil
        record.rules = []
        return record
    }
}

extension Lease {
    /// The same lease with what its profile says.
    fileprivate func with(_ profile: GPUInstanceProfile) -> Lease {
        Lease(
            id: id, user: user, userName: userName, groups: groups, gpu: gpu, gi: gi, ci: ci, profile: self.profile,
            profileID: profile.id, placement: placement, slices: profile.slices, memoryMiB: profile.memoryMiB,
            device: device, created: created, expires: expires, deadline: deadline, renewals: renewals,
            isolation: isolation, name: name, state: state, operation: operation)
    }
}
