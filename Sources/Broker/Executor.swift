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
        /// Nil where it was made without one.
        let compute: LeasedComputeInstance?
    }

    /// What really happened, with the intent that awaits its outcome.
    struct Execution: ~Copyable {
        let intent: IntentReceipt
        let made: [Made]
        /// Nil where everything was made; otherwise nothing of it is left, but for what `leftBehind` names.
        let failure: Refusal?
        let result: AuditResult
    }

    /// Makes every instance of a plan, with a compute instance that takes all of it or with none, and opens it to one
    /// user; or undoes all of it.
    ///
    /// Permit, gate, plan and intent are used up here: there is no other way to call it, and none to call it twice.
    func create(
        _ permit: consuming Permit, _ gate: consuming Gate, _ plan: consuming Plan, _ intent: consuming IntentReceipt,
        withCompute: Bool, minors: [GPUUUID: Int], for user: UserID
    ) -> Execution {
        let entries = plan.entries
        let members = entries.map { Permit.Member(profile: $0.profile.name, gpu: $0.gpu) }
        precondition(permit.covers(.create(members)), "a permit is spent on what it was given for")
        var undo = Undo(executor: self, minors: minors)
        var made: [Made] = []
        do throws(Refusal) {
            for entry in entries {
                made.append(try make(entry, withCompute: withCompute, try Self.minor(of: entry.gpu, minors), &undo))
            }
            // Access is given last: until every member exists nobody holds any.
            for one in made { try open(one, try Self.minor(of: one.entry.gpu, minors), to: user) }
            return Execution(intent: intent, made: made, failure: nil, result: .ok)
        } catch {
            let remains = undo.run()
            return Execution(
                intent: intent, made: [], failure: remains.isEmpty ? error : .leftBehind(error, remains),
                result: !remains.isEmpty ? .leftBehind : undo.isEmpty ? .failed : .undone)
        }
    }

    static func minor(of gpu: GPUUUID, _ minors: [GPUUUID: Int]) throws(Refusal) -> Int {
        guard let minor = minors[gpu] else { throw .driverFailed(.noSuchGPU(gpu)) }
        return minor
    }

    /// Makes one instance, and leaves it closed to everybody.
    ///
    /// Where it may, the driver's library opens the nodes of what it makes to all users (mode 0444), so they are closed
    /// after each of its steps: who opens one in between keeps it open for as long as he likes.
    private func make(
        _ entry: Plan.Entry, withCompute: Bool, _ minor: Int, _ undo: inout Undo
    ) throws(Refusal) -> Made {
        let gi = try createGPUInstance(entry, &undo)
        try close(gi.id, [], minor)
        guard withCompute else { return Made(entry: entry, gi: gi.id, compute: nil) }
        let ci = try createComputeInstance(in: gi.id, on: entry.gpu)
        try close(gi.id, [ci.id], minor)
        return Made(entry: entry, gi: gi.id, compute: try Self.leased(ci))
    }

    /// What CUDA knows it by is a part of a lease.
    static func leased(_ ci: ComputeInstance) throws(Refusal) -> LeasedComputeInstance {
        guard let device = ci.uuid else {
            throw .driverFailed(
                .nonsense(call: "nvmlDeviceGetUUID", answer: "no MIG UUID for a new compute instance"))
        }
        return LeasedComputeInstance(id: ci.id, device: device)
    }

    private func createGPUInstance(_ entry: Plan.Entry, _ undo: inout Undo) throws(Refusal) -> GPUInstance {
        do throws(NVMLError) {
            let gi = try driver.createGPUInstance(entry.profile.id, at: entry.placement, on: entry.gpu)
            undo.created(entry)
            return gi
        } catch {
            if case .unconfirmed = error { undo.created(entry) }
            throw .driverFailed(error)
        }
    }

    private func createComputeInstance(in gi: GPUInstanceID, on gpu: GPUUUID) throws(Refusal) -> ComputeInstance {
        do throws(NVMLError) {
            let profiles = try driver.computeInstanceProfiles(of: gi, on: gpu)
            guard let whole = profiles.whole else {
                throw .nonsense(
                    call: "nvmlGpuInstanceGetComputeInstanceProfileInfoV", answer: "no profile takes the whole instance"
                )
            }
            return try driver.createComputeInstance(whole.id, in: gi, on: gpu)
        } catch {
            throw .driverFailed(error)
        }
    }

    func close(_ gi: GPUInstanceID, _ cis: [ComputeInstanceID], _ minor: Int) throws(Refusal) {
        do throws(NodeError) {
            try nodes.revoke(NodeGrant(user: .root, gpuMinor: minor, gpuInstance: gi, computeInstances: cis))
        } catch {
            throw .nodeFailed(error)
        }
    }

    private func open(_ made: Made, _ minor: Int, to user: UserID) throws(Refusal) {
        do throws(NodeError) {
            try nodes.grant(
                NodeGrant(
                    user: user, gpuMinor: minor, gpuInstance: made.gi,
                    computeInstances: made.compute.map { [$0.id] } ?? []))
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
        /// Nothing was destroyed: another tool made this compute instance in it.
        case shared(ComputeInstanceID)
    }

    /// Destroys a lease's instance with all its compute instances; its nodes must be closed already.
    func destroy(_ lease: Lease) -> Ending {
        destroy(lease.gi, on: lease.gpu) { found in
            guard lease.owns(found) else { return .gone }
            return lease.stranger(in: found).map { .shared($0.id) }
        }
    }

    /// Destroys an instance with those compute instances that were seen in it; its nodes must be closed already.
    func destroy(_ seen: GPUInstance, on gpu: GPUUUID) -> Ending {
        destroy(seen.id, on: gpu) { found in
            guard found.profile == seen.profile, found.placement == seen.placement else { return .gone }
            return found.computeInstances.first { !seen.computeInstances.contains($0) }.map { .shared($0.id) }
        }
    }

    /// What is gone before counts as destroyed: the end is what matters, whoever made it; and so does what another tool
    /// has replaced, for the one that stands there now is not ours. After an error it counts what the driver shows, for
    /// a call that failed may have done its work.
    private func destroy(
        _ gi: GPUInstanceID, on gpu: GPUUUID, unless isSpared: (GPUInstance) -> Ending?
    ) -> Ending {
        var found: GPUInstance?
        do throws(NVMLError) {
            found = try driver.instance(gi, on: gpu)
            guard let found else { return .gone }
            if let spared = isSpared(found) { return spared }
            for ci in found.computeInstances { try driver.destroyComputeInstance(ci.id, in: gi, on: gpu) }
            try driver.destroyGPUInstance(gi, on: gpu)
            return .gone
        } catch {
            guard let found else { return .untouched(error) }
            return remainder(of: found, on: gpu, after: error)
        }
    }

    private func remainder(of before: GPUInstance, on gpu: GPUUUID, after error: NVMLError) -> Ending {
        do throws(NVMLError) {
            guard let now = try driver.instance(before.id, on: gpu) else { return .gone }
            return now.computeInstances == before.computeInstances ? .untouched(error) : .half(error)
        } catch let blindness {
            // Nobody knows what is left. To end it is right in any case; the first error says why it did not.
            _ = blindness
            return .half(error)
        }
    }
}
