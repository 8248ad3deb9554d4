import Audit
import Linux
import MIG
import NVML
import Nodes
import Planner
import Policy

/// The only place that changes the driver: it uses up a permit, a gate, a plan and an intent for every creation.
struct Executor {
    let driver: NVMLDriver
    let nodes: NodeStore

    /// One instance that was made, open to its user.
    struct Made {
        let entry: Plan.Entry
        let gi: GPUInstanceID
        let ci: ComputeInstance
        let device: MIGUUID
    }

    /// What really happened, with the intent that awaits its outcome.
    struct Execution: ~Copyable {
        let intent: IntentReceipt
        let made: [Made]
        /// Nil where everything was made; otherwise nothing of it is left, but for what `remains` names.
        let failure: Refusal?
        /// Instances that could not be undone, for people.
        let remains: [String]
    }

    /// Makes every instance of a plan and opens it to one user, or undoes all of it.
    ///
    /// Permit, gate, plan and intent are used up here: there is no other way to call it, and none to call it twice.
    func create(
        _ permit: consuming Permit, _ gate: consuming Gate, _ plan: consuming Plan, _ intent: consuming IntentReceipt,
        minors: [GPUUUID: Int], for user: UserID
    ) -> Execution {
        let entries = plan.entries
        let members = entries.map { Permit.Member(profile: $0.profile.name, gpu: $0.gpu) }
        precondition(permit.covers(.create(members)), "a permit is spent on what it was given for")
        var undo = Undo(driver: driver, nodes: nodes, minors: minors)
        var made: [Made] = []
        do throws(Refusal) {
            for entry in entries { made.append(try make(entry, try Self.minor(of: entry.gpu, minors), &undo)) }
            // Access is given last: until every member exists nobody holds any.
            for one in made { try open(one, try Self.minor(of: one.entry.gpu, minors), to: user) }
            return Execution(intent: intent, made: made, failure: nil, remains: [])
        } catch {
            return Execution(intent: intent, made: [], failure: error, remains: undo.run())
        }
    }

    private static func minor(of gpu: GPUUUID, _ minors: [GPUUUID: Int]) throws(Refusal) -> Int {
        guard let minor = minors[gpu] else { throw .driverFailed(.noSuchGPU(gpu)) }
        return minor
    }

    /// Makes one instance with one compute instance, and leaves it closed to everybody.
    ///
    /// Where it may, the driver's library opens the nodes of what it makes to all users (mode 0444), so they are closed
    /// after each of its steps: who opens one in between keeps it open for as long as he likes.
    private func make(_ entry: Plan.Entry, _ minor: Int, _ undo: inout Undo) throws(Refusal) -> Made {
        let gi = try createGPUInstance(entry, &undo)
        try close(gi.id, [], minor)
        let ci = try createComputeInstance(in: gi.id, on: entry.gpu, &undo)
        try close(gi.id, [ci.id], minor)
        guard let device = ci.uuid else {
            throw .driverFailed(
                .nonsense(call: "nvmlDeviceGetUUID", answer: "no MIG UUID for a new compute instance"))
        }
        return Made(entry: entry, gi: gi.id, ci: ci, device: device)
    }

    private func createGPUInstance(_ entry: Plan.Entry, _ undo: inout Undo) throws(Refusal) -> GPUInstance {
        do throws(NVMLError) {
            let gi = try driver.createGPUInstance(entry.profile.id, at: entry.placement, on: entry.gpu)
            undo.created(gi.id, on: entry.gpu)
            return gi
        } catch {
            throw .driverFailed(error)
        }
    }

    private func createComputeInstance(
        in gi: GPUInstanceID, on gpu: GPUUUID, _ undo: inout Undo
    ) throws(Refusal) -> ComputeInstance {
        do throws(NVMLError) {
            let profiles = try driver.computeInstanceProfiles(of: gi, on: gpu)
            guard let whole = profiles.whole else {
                throw .nonsense(
                    call: "nvmlGpuInstanceGetComputeInstanceProfileInfoV", answer: "no profile takes the whole instance"
                )
            }
            let ci = try driver.createComputeInstance(whole.id, in: gi, on: gpu)
            undo.created(ci.id, in: gi, on: gpu)
            return ci
        } catch {
            throw .driverFailed(error)
        }
    }

    private func close(_ gi: GPUInstanceID, _ cis: [ComputeInstanceID], _ minor: Int) throws(Refusal) {
        do throws(NodeError) {
            try nodes.revoke(NodeGrant(user: .root, gpuMinor: minor, gpuInstance: gi, computeInstances: cis))
        } catch {
            throw .nodeFailed(error)
        }
    }

    private func open(_ made: Made, _ minor: Int, to user: UserID) throws(Refusal) {
        do throws(NodeError) {
            try nodes.grant(
                NodeGrant(user: user, gpuMinor: minor, gpuInstance: made.gi, computeInstances: [made.ci.id]))
        } catch {
            throw .nodeFailed(error)
        }
    }

    /// How far the end of an instance came.
    enum Ending {
        case gone
        /// Nothing was destroyed; the compute instances are as they were.
        case untouched(NVMLError)
        /// Some of it is destroyed, so it can only be ended.
        case half(NVMLError)
    }

    /// Destroys an instance with all its compute instances; its nodes must be closed already.
    ///
    /// What is gone before counts as destroyed: the end is what matters, whoever made it.
    func destroy(_ gi: GPUInstanceID, on gpu: GPUUUID) -> Ending {
        var isTouched = false
        do throws(NVMLError) {
            guard let instance = try driver.instance(gi, on: gpu) else { return .gone }
            for ci in instance.computeInstances {
                try driver.destroyComputeInstance(ci.id, in: gi, on: gpu)
                isTouched = true
            }
            try driver.destroyGPUInstance(gi, on: gpu)
            return .gone
        } catch {
            return isTouched ? .half(error) : .untouched(error)
        }
    }
}

/// The steps of a creation, to be taken back in reverse.
struct Undo {
    let driver: NVMLDriver
    let nodes: NodeStore
    let minors: [GPUUUID: Int]
    private var steps: [Step] = []

    private enum Step {
        case gpuInstance(GPUInstanceID, GPUUUID)
        case computeInstance(ComputeInstanceID, GPUInstanceID, GPUUUID)
    }

    init(driver: NVMLDriver, nodes: NodeStore, minors: [GPUUUID: Int]) {
        self.driver = driver
        self.nodes = nodes
        self.minors = minors
    }

    mutating func created(_ gi: GPUInstanceID, on gpu: GPUUUID) { steps.append(.gpuInstance(gi, gpu)) }
    mutating func created(_ ci: ComputeInstanceID, in gi: GPUInstanceID, on gpu: GPUUUID) {
        steps.append(.computeInstance(ci, gi, gpu))
    }

    /// Access goes before the instance; a node that cannot be closed is found by the next look over all nodes.
    private func close(_ gi: GPUInstanceID, _ cis: [ComputeInstanceID], on gpu: GPUUUID) {
        guard let minor = minors[gpu] else { return }
        // Nobody was granted anything else than the caller, whose request has failed: loss of this error is harmless.
        try? nodes.revoke(NodeGrant(user: .root, gpuMinor: minor, gpuInstance: gi, computeInstances: cis))
    }

    /// Takes everything back as far as it can be.
    ///
    /// - Returns: what could not be, each with its reason; such an instance is external from then on.
    mutating func run() -> [String] {
        var remains: [String] = []
        while let step = steps.popLast() {
            do throws(NVMLError) {
                switch step {
                case .computeInstance(let ci, let gi, let gpu):
                    close(gi, [ci], on: gpu)
                    try driver.destroyComputeInstance(ci, in: gi, on: gpu)
                case .gpuInstance(let gi, let gpu):
                    close(gi, [], on: gpu)
                    try driver.destroyGPUInstance(gi, on: gpu)
                }
            } catch {
                switch step {
                case .computeInstance(let ci, let gi, let gpu):
                    remains.append("compute instance \(ci) of GPU instance \(gi) on \(gpu): \(error)")
                case .gpuInstance(let gi, let gpu): remains.append("GPU instance \(gi) on \(gpu): \(error)")
                }
            }
        }
        return remains
    }
}
