internal import Linux
package import MIG
internal import Planner

/// What a change does, step by step: shown by a dry run, and done just so by the real one or not at all.
package struct ChangePlan: Hashable, Sendable {
    /// One thing that is done to the machine.
    package struct Step: Hashable, Sendable {
        package enum Action: String, Sendable {
            case createGPUInstance = "create-gpu-instance"
            case createComputeInstance = "create-compute-instance"
            case destroyGPUInstance = "destroy-gpu-instance"
            case destroyComputeInstance = "destroy-compute-instance"
            case enableMIG = "enable-mig"
            case disableMIG = "disable-mig"
        }

        package let action: Action
        package let gpu: GPUUUID
        /// Of the GPU instance; nil before there is one.
        package var gi: GPUInstanceID?
        package var ci: ComputeInstanceID?
        package var profile: String?
        /// In memory slices of the GPU, or for a compute instance in compute slices of its GPU instance.
        package var placement: Placement?
        /// Whose instance is destroyed or added to; nil for another tool's, and for one that is to be.
        package var lease: Lease?

        fileprivate var words: String {
            "\(action.rawValue) \(gpu) \(gi.map(\.description) ?? "") \(ci.map(\.description) ?? "")"
                + " \(profile ?? "") \(placement.map(\.description) ?? "") \(lease.map(\.id.description) ?? "")"
        }
    }

    /// In the order in which they are done.
    package private(set) var steps: [Step]
    /// What was planned, and for what.
    private let basis: String

    /// Nothing is left to do.
    package static let none = ChangePlan([], basis: "")

    private init(_ steps: [Step], basis: String) {
        self.steps = steps
        self.basis = "\(basis)\n\(steps.map(\.words).joined(separator: "\n"))"
    }

    /// The same plan, carried out: with the numbers that the driver gave to what was made.
    func done(_ steps: [Step]) -> ChangePlan {
        var plan = self
        plan.steps = steps
        return plan
    }

    /// A plan made for these words on these GPUs as they are now.
    init(_ steps: [Step], for words: String, on gpus: Set<GPUUUID>, _ state: Broker.State) {
        let states = state.inventory.entries.filter { gpus.contains($0.gpu.uuid) }.map { entry in
            let leases = state.ledger.sorted.filter { $0.gpu == entry.gpu.uuid }
                .map { "\($0.id) \($0.gi) \($0.state.rawValue)" }
            return "\(entry.gpu.uuid) \(entry.gpu.minor) \(entry.gpu.mode.map(\.description) ?? "none")\n"
                + "\(entry.instances)\n\(leases)"
        }
        self.init(steps, basis: "\(words)\n\(states.joined(separator: "\n"))")
    }

    /// The same for the same steps, asked for in the same words, on GPUs in the same state.
    package var id: PlanID {
        var digest = SHA256()
        digest.update(Array(basis.utf8))
        guard let id = PlanID(bytes: Array(digest.finalize().prefix(16))) else {
            preconditionFailure("16 bytes make an id")
        }
        return id
    }

    /// Refuses if another plan was shown: the state has moved in between.
    func check(against shown: PlanID?) throws(Refusal) {
        if let shown, shown != id { throw .planChanged }
    }

    /// The steps that made one instance.
    static func creation(of lease: Lease) -> [Step] {
        let instance = Step(
            action: .createGPUInstance, gpu: lease.gpu, gi: lease.gi, profile: lease.profile,
            placement: lease.placement, lease: lease)
        return [instance]
            + lease.computeInstances.map {
                Step(
                    action: .createComputeInstance, gpu: lease.gpu, gi: lease.gi, ci: $0.id, profile: lease.profile,
                    lease: lease)
            }
    }

    /// The steps that make one instance.
    static func creation(of entry: Plan.Entry, withCompute: Bool) -> [Step] {
        let instance = Step(
            action: .createGPUInstance, gpu: entry.gpu, profile: entry.profile.name, placement: entry.placement)
        guard withCompute else { return [instance] }
        return [
            instance, Step(action: .createComputeInstance, gpu: entry.gpu, profile: entry.profile.name),
        ]
    }

    /// The steps that end one instance with all in it: the compute instances first, as the driver wants it.
    static func end(of instance: GPUInstance, _ lease: Lease?, in entry: Inventory.Entry) -> [Step] {
        let compute = instance.computeInstances.map { ci in
            destruction(of: ComputeSeat(gpu: entry.gpu, gi: instance.id, instance: ci, in: entry), lease)
        }
        return compute + [
            Step(
                action: .destroyGPUInstance, gpu: entry.gpu.uuid, gi: instance.id,
                profile: entry.profile(instance.profile)?.name, placement: instance.placement, lease: lease)
        ]
    }

    static func destruction(of seat: ComputeSeat, _ lease: Lease?) -> Step {
        Step(
            action: .destroyComputeInstance, gpu: seat.gpu.uuid, gi: seat.gi, ci: seat.id, profile: seat.profile,
            placement: seat.placement, lease: lease)
    }
}

/// What a change of instances or modes came to.
package struct Changed: Sendable {
    /// Nil for a dry run, and where there was nothing to do: nothing happened that could be asked about.
    package let operation: OperationID?
    package let plan: ChangePlan
    /// Those that it made or changed, as they are now, and those that it ended, as they were.
    package let leases: [Lease]

    package init(operation: OperationID?, plan: ChangePlan, leases: [Lease]) {
        self.operation = operation
        self.plan = plan
        self.leases = leases
    }
}
