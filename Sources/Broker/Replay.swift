internal import Audit
internal import MIG

/// The log read as what it also is, the write-ahead log: it gives back the leases and what was left undone.
struct Replay {
    private(set) var leases: [LeaseID: Lease]
    private(set) var changes: [FinishedChange] = []
    private var open: [Key: AuditRecord] = [:]
    /// Intents with an outcome that made something, while others of the same operation have none.
    private var settling: [OperationID: [AuditRecord]] = [:]
    private var order: [Key] = []
    private var boot: String?
    /// Leases and intents of an earlier boot of the machine, of which nothing is left: no instance outlives a boot.
    private(set) var lost: [LeaseID: Lease] = [:]
    private(set) var cutOff: [Unfinished] = []

    /// An intent and its outcome agree in these; no two intents of one operation do.
    private struct Key: Hashable {
        let operation: OperationID
        let lease: LeaseID?
        let gpu: GPUUUID?
        let profile: [UInt8]?
        let placement: Placement?

        init?(_ record: AuditRecord) {
            guard let operation = record.op, record.lease != nil || record.gpu != nil else { return nil }
            self.operation = operation
            lease = record.lease
            gpu = record.gpu
            profile = record.profile.map { Array($0.utf8) }
            placement = record.placement
        }
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
        guard let key = Key(record) else { return }
        switch record.type {
        case .intent:
            forgetTorn(inPlaceOf: record)
            if open.updateValue(record, forKey: key) == nil { order.append(key) }
        case .outcome where record.result == .leftBehind: note(record, key)
        case .outcome:
            let intent = open.removeValue(forKey: key)
            if let intent {
                let kind = Unfinished.Kind(intent)
                if record.result == .ok { apply(entry, kind) }
                if kind.makes { settle(intent, key.operation, isMade: record.result == .ok) }
            }
            note(record, key)
        case .recovered:
            // What an end that broke off took is as gone as after any other.
            let kind = open.removeValue(forKey: key).map { Unfinished.Kind($0) }
            if kind == .computeEnd, record.result == .ok { apply(entry, .computeEnd) }
            cutOff.removeAll { Key($0.intent) == key }
        case .leaseEnd:
            guard let id = record.lease else { return }
            leases[id] = nil
            lost[id] = nil
            for operation in settling.keys { settling[operation]?.removeAll { $0.lease == id } }
        case .revoke:
            if let id = record.lease { leases[id]?.state = .ending }
        case .externalChange:
            // Somebody else's hand took it from the lease.
            if let id = record.lease, let ci = record.ci { leases[id]?.remove(ci) }
        default: return
        }
    }

    /// Where a compute instance is made, the place was free: what a torn request had made there is gone, and must not be
    /// taken for this one.
    private mutating func forgetTorn(inPlaceOf intent: AuditRecord) {
        guard Unfinished.Kind(intent) == .computeCreation else { return }
        for operation in settling.keys {
            settling[operation]?.removeAll {
                Unfinished.Kind($0) == .computeCreation && $0.lease == intent.lease && $0.placement == intent.placement
            }
        }
    }

    private mutating func settle(_ intent: AuditRecord, _ operation: OperationID, isMade: Bool) {
        let isLast = !open.keys.contains { $0.operation == operation }
        settling[operation] = isLast ? nil : (settling[operation] ?? []) + (isMade ? [intent] : [])
    }

    private mutating func apply(_ entry: AuditEntry, _ kind: Unfinished.Kind) {
        let record = entry.record
        guard let id = record.lease else { return }
        switch kind {
        case .renewal:
            guard let expires = record.expires, var lease = leases[id] else { return }
            lease.renewals += 1
            // Where the end did not move, the deadline stands: the wall clock may have been set since it was worked out.
            if expires != lease.expires { lease.deadline = Self.deadline(expires, entry.stamp) }
            lease.expires = expires
            lease.killsOnExpiry = record.killsOnExpiry
            leases[id] = lease
        case .creation: if let lease = Self.lease(entry) { leases[id] = lease }
        case .computeCreation:
            if let ci = record.ci, let device = record.device {
                leases[id]?.add(LeasedComputeInstance(id: ci, device: device))
            }
        case .computeEnd: if let ci = record.ci { leases[id]?.remove(ci) }
        case .end, .externalEnd, .mode: break
        }
    }

    private mutating func note(_ record: AuditRecord, _ key: Key) {
        guard let user = record.caller.uid, let method = record.method else { return }
        let earlier = changes.last { $0.id == key.operation }
        var made = earlier?.leases ?? []
        if record.result == .ok, let lease = key.lease, !made.contains(lease) { made.append(lease) }
        changes.removeAll { $0.id == key.operation }
        let hasWorked = record.result == .ok || record.result == .pending
        changes.append(
            FinishedChange(
                id: key.operation, user: user, method: method, state: hasWorked ? .done : .failed,
                error: record.error, leases: made, key: record.key, asked: record.params))
        if changes.count > Ledger.changesKept { changes.removeFirst() }
    }

    /// The end on the clock that nobody can set: what was left of the lease when the record was written, counted from
    /// that moment's boot time.
    private static func deadline(_ expires: Timestamp, _ stamp: AuditStamp) -> Int64 {
        let left = expires.nanosecondsSinceEpoch.subtractingReportingOverflow(stamp.time.nanosecondsSinceEpoch)
        let sum = stamp.monotonicNs.addingReportingOverflow(left.overflow ? 0 : left.partialValue)
        return sum.overflow ? stamp.monotonicNs : sum.partialValue
    }

    private static func ownerName(of caller: AuditCaller) -> String? {
        caller.onBehalfOf == nil ? caller.user : caller.onBehalfOfUser
    }

    /// Slices, memory and profile id are the driver's to say; `Broker.completeLeases` fills them in.
    private static func lease(_ entry: AuditEntry) -> Lease? {
        let record = entry.record
        // A GPU instance made without a compute instance has neither; half of one is no lease.
        guard let id = record.lease, let user = record.caller.onBehalfOf ?? record.caller.uid, let gpu = record.gpu,
            let gi = record.gi, let profile = record.profile, let placement = record.placement,
            (record.ci == nil) == (record.device == nil), let created = record.created, let expires = record.expires,
            let operation = record.op
        else { return nil }
        var computeInstances: [LeasedComputeInstance] = []
        if let ci = record.ci, let device = record.device {
            computeInstances = [LeasedComputeInstance(id: ci, device: device)]
        }
        return Lease(
            id: id, user: user, userName: ownerName(of: record.caller) ?? user.description,
            groups: record.caller.groups,
            gpu: gpu, gi: gi, computeInstances: computeInstances, profile: profile,
            profileID: GPUInstanceProfileID(UInt32.max), placement: placement, slices: SliceCount(0), memoryMiB: 0,
            created: created, expires: expires, deadline: deadline(expires, entry.stamp), renewals: 0,
            isolation: record.isolation ?? .advisory, killsOnExpiry: record.killsOnExpiry, name: record.name,
            state: .active, operation: operation)
    }
}
