package import MIG
internal import NVML
internal import Policy

/// A GPU instance as a caller names it: by its number on a GPU.
package struct InstanceTarget: Hashable, Sendable, CustomStringConvertible {
    package let gpu: GPUSelector
    package let gi: GPUInstanceID

    package init(gpu: GPUSelector, gi: GPUInstanceID) {
        self.gpu = gpu
        self.gi = gi
    }

    package var description: String { "\(gpu)/\(gi)" }
}

/// A compute instance as a caller names it.
package struct ComputeTarget: Hashable, Sendable, CustomStringConvertible {
    package let parent: InstanceTarget
    package let ci: ComputeInstanceID

    package init(_ parent: InstanceTarget, ci: ComputeInstanceID) {
        self.parent = parent
        self.ci = ci
    }

    package var description: String { "\(parent)/\(ci)" }
}

/// A GPU instance that was named and is there, with the lease that it belongs to; nil for another tool's.
struct FoundInstance {
    let entry: Inventory.Entry
    let instance: GPUInstance
    let lease: Lease?

    var name: String { "GPU instance \(instance.id) on GPU \(entry.gpu.index)" }
    var seat: Lease.Seat { Lease.Seat(gpu: entry.gpu.uuid, gi: instance.id) }

    func compute(_ id: ComputeInstanceID) -> ComputeSeat? { compute.first { $0.id == id } }

    /// All compute instances in it.
    var compute: [ComputeSeat] {
        instance.computeInstances.map { ComputeSeat(gpu: entry.gpu, gi: instance.id, instance: $0, in: entry) }
    }
}

extension Broker {
    /// The instance that is meant, as the caller may know of it: another's, or another tool's, does not exist for who
    /// has no right to act on it.
    func find(
        _ target: InstanceTarget, _ context: CallContext, any: Action?, _ state: State
    ) throws(Refusal) -> FoundInstance {
        let entries = state.inventory.entries.filter { target.gpu.matches($0.gpu) }
        guard let entry = entries.first else { throw .notFound(.gpu, target.gpu.description) }
        guard entries.count == 1 else {
            throw .ambiguous(.gpu, target.gpu.description, candidates: entries.map { String($0.gpu.index) })
        }
        let absence = Refusal.notFound(.gpuInstance, "\(entry.gpu.index):\(target.gi)")
        guard let instance = entry.instance(target.gi) else { throw absence }
        let lease = state.ledger.lease(on: Lease.Seat(gpu: entry.gpu.uuid, gi: target.gi))
        let found = FoundInstance(entry: entry, instance: instance, lease: lease)
        if lease?.belongs(to: context.owner) == true { return found }
        guard let any, let policy = policy.set,
            policy.decide(query(any, found, context, state), use: state.use, now: clock.now).isAllowed
        else { throw absence }
        return found
    }

    /// The policy's leave to act on an instance: one's own, or with the right to it anybody's and any tool's.
    func leave(
        _ found: FoundInstance, _ context: CallContext, own: Action, any: Action, _ state: State
    ) throws(Refusal) -> Leave {
        let action = found.lease?.belongs(to: context.owner) == true ? own : any
        return try leave(query(action, found, context, state), state.use, context)
    }

    private func query(
        _ action: Action, _ found: FoundInstance, _ context: CallContext, _ state: State
    ) -> Query {
        let profile = found.entry.profile(found.instance.profile)
        let demand = Demand(
            profile: profile?.name ?? "", slices: profile?.slices ?? SliceCount(0), memoryMiB: profile?.memoryMiB ?? 0,
            candidates: [found.entry.gpu])
        return Query(
            principal: context.owner, action: action, target: .instances([demand]), isolation: state.isolation)
    }

    /// Refuses where another tool made something in a lease's GPU instance: the end of a lease takes only what is its.
    func requireUnshared(_ found: [FoundInstance]) throws(Refusal) {
        for one in found {
            if let ci = one.lease?.stranger(in: one.instance) { throw .shared(one.name, with: ci.id) }
        }
    }

    /// Refuses while a process runs on any of these: who takes several away takes none where one cannot be taken.
    ///
    /// A driver that does not tell is no reason to refuse: then the end itself says what is in use.
    func requireIdle(
        _ seats: [(seat: ComputeSeat, lease: Lease?)], _ driver: NVMLDriver, _ context: CallContext
    ) throws(Refusal) {
        for (seat, lease) in seats {
            let processes = (try? driver.processes(on: seat.id, in: seat.gi, of: seat.gpu.uuid)) ?? []
            guard !processes.isEmpty else { continue }
            // Whose they are is nobody's business but the owner's.
            let who =
                lease?.belongs(to: context.principal) == true
                ? "by process \(processes.map { String($0.pid) }.joined(separator: ", "))"
                : "by \(processes.count) \(processes.count == 1 ? "process" : "processes")"
            throw .inUse("compute instance \(seat.id) of GPU instance \(seat.gi) on GPU \(seat.gpu.index)", who, nil)
        }
    }

    /// Reads the machine as it is now, with whatever other tools have done to it a moment ago.
    ///
    /// What cannot be read is left as it was known; the next look over the driver tells of it.
    func refresh(_ state: inout State, _ driver: NVMLDriver) {
        guard let inventory = try? Inventory.read(driver) else { return }
        state.inventory = inventory
        reconcile(&state)
    }

    /// What the same call did before.
    func repeated(_ asked: Records.Asked, _ context: CallContext) throws(Refusal) -> Changed? {
        try withState { (state) throws(Refusal) in
            try state.ledger.change(repeatedBy: context.method, asked, of: context.principal.user).map { known in
                Changed(
                    operation: known.id, plan: .none, leases: known.leases.compactMap { state.ledger.leases[$0] })
            }
        }
    }
}
