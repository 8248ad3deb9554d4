import Audit
import MIG
import NVML
import Nodes
import Planner
import Policy

/// Compute instances inside GPU instances that exist.
extension Executor {
    /// The GPU instance that a compute instance is made in, and whose it is.
    struct Parent {
        let user: UserID
        let gpuMinor: Int
        /// The compute instances that its lease has already.
        let computeInstances: [ComputeInstanceID]
    }

    /// What really happened, with the intent that awaits its outcomes.
    struct ComputeExecution: ~Copyable {
        let intent: IntentReceipt
        /// In the order of the plan; empty where anything failed.
        let made: [LeasedComputeInstance]
        let failure: Refusal?
        let result: AuditResult
    }

    /// Makes every compute instance of a plan and opens it to the owner of its GPU instance, or undoes all of it.
    ///
    /// Permit, gate, plan and intent are used up here: there is no other way to call it, and none to call it twice.
    func create(
        _ permit: consuming Permit, _ gate: consuming Gate, _ plan: consuming ComputePlan,
        _ intent: consuming IntentReceipt, in parents: [Lease.Seat: Parent]
    ) -> ComputeExecution {
        let entries = plan.entries
        for entry in entries {
            precondition(permit.covers(.createCompute(on: entry.gpu)), "a permit is spent on what it was given for")
        }
        var made: [(entry: ComputePlan.Entry, instance: LeasedComputeInstance)] = []
        var begun: [ComputePlan.Entry] = []
        do throws(Refusal) {
            for entry in entries {
                let parent = try Self.parent(of: entry, parents)
                made.append((entry, try make(entry, parent, &begun)))
            }
            for (seat, parent) in parents {
                let new = made.filter { Lease.Seat(gpu: $0.entry.gpu, gi: $0.entry.gi) == seat }.map(\.instance.id)
                try open(seat, parent, new)
            }
            return ComputeExecution(intent: intent, made: made.map(\.instance), failure: nil, result: .ok)
        } catch {
            let remains = begun.reversed().compactMap { entry in takeBack(entry, parents) }
            return ComputeExecution(
                intent: intent, made: [], failure: remains.isEmpty ? error : .leftBehind(error, remains),
                result: !remains.isEmpty ? .leftBehind : begun.isEmpty ? .failed : .undone)
        }
    }

    private static func parent(
        of entry: ComputePlan.Entry, _ parents: [Lease.Seat: Parent]
    ) throws(Refusal) -> Parent {
        guard let parent = parents[Lease.Seat(gpu: entry.gpu, gi: entry.gi)] else {
            throw .driverFailed(.noSuchGPU(entry.gpu))
        }
        return parent
    }

    /// Makes one, and leaves it closed to everybody: where it may, the driver's library opens its node to all users.
    private func make(
        _ entry: ComputePlan.Entry, _ parent: Parent, _ begun: inout [ComputePlan.Entry]
    ) throws(Refusal) -> LeasedComputeInstance {
        let made: ComputeInstance
        do throws(NVMLError) {
            made = try driver.createComputeInstance(
                entry.profile.id, at: entry.placement, in: entry.gi, on: entry.gpu)
            begun.append(entry)
        } catch {
            // What the driver refused to make is not ours, even where just such a one stands at its place now.
            if case .unconfirmed = error { begun.append(entry) }
            throw .driverFailed(error)
        }
        do throws(NodeError) {
            let node = NodeName.computeInstance(gpuMinor: parent.gpuMinor, entry.gi, made.id)
            try nodes.close(node)
        } catch {
            throw .nodeFailed(error)
        }
        return try Self.leased(made)
    }

    private func open(_ seat: Lease.Seat, _ parent: Parent, _ new: [ComputeInstanceID]) throws(Refusal) {
        do throws(NodeError) {
            try nodes.grant(
                NodeGrant(
                    user: parent.user, gpuMinor: parent.gpuMinor, gpuInstance: seat.gi,
                    computeInstances: parent.computeInstances + new))
        } catch {
            throw .nodeFailed(error)
        }
    }

    /// The instance is looked for at its place, which was free and is ours.
    ///
    /// - Returns: why it could not be taken back; such an instance is external from then on.
    private func takeBack(_ entry: ComputePlan.Entry, _ parents: [Lease.Seat: Parent]) -> String? {
        do throws(NVMLError) {
            let parent = try driver.instance(entry.gi, on: entry.gpu)
            let made = parent?.computeInstances.first {
                $0.profile == entry.profile.id && $0.placement == entry.placement
            }
            guard let made else { return nil }
            if let minor = parents[Lease.Seat(gpu: entry.gpu, gi: entry.gi)]?.gpuMinor {
                // Nobody was granted it, and the next look over all nodes closes what is still open.
                try? nodes.close(.computeInstance(gpuMinor: minor, entry.gi, made.id))
            }
            switch end(made, in: entry.gi, on: entry.gpu) {
            case .gone: return nil
            case .still(let error), .unknown(let error):
                return "compute instance \(made.id) (\(entry.profile.name) at \(entry.placement)): \(error)"
            }
        } catch {
            return "perhaps a compute instance (\(entry.profile.name) at \(entry.placement)): \(error)"
        }
    }

    /// What became of a compute instance that was to be destroyed.
    enum ComputeEnding {
        case gone
        case still(NVMLError)
        /// The driver failed at it, and then did not show what is left.
        case unknown(NVMLError)
    }

    /// Destroys one compute instance, with its node closed first; one that another stands in the place of is gone.
    func destroy(_ seat: ComputeSeat) -> ComputeEnding {
        do throws(NVMLError) {
            let found = try driver.instance(seat.gi, on: seat.gpu.uuid)?.computeInstances.first { $0.id == seat.id }
            guard let found, found.placement == seat.placement, found.uuid == seat.device else { return .gone }
            // What cannot be closed goes with the instance, or is found by the next look over all nodes.
            try? nodes.close(.computeInstance(gpuMinor: seat.gpu.minor, seat.gi, seat.id))
            return end(found, in: seat.gi, on: seat.gpu.uuid)
        } catch {
            return .still(error)
        }
    }

    /// After an error it counts what the driver shows, for a call that failed may have done its work.
    private func end(_ instance: ComputeInstance, in gi: GPUInstanceID, on gpu: GPUUUID) -> ComputeEnding {
        do throws(NVMLError) {
            try driver.destroyComputeInstance(instance.id, in: gi, on: gpu)
            return .gone
        } catch {
            do throws(NVMLError) {
                let after = try driver.instance(gi, on: gpu)
                return after?.computeInstances.contains { $0.id == instance.id } == true ? .still(error) : .gone
            } catch let blindness {
                // Nobody knows what is left; the first error says why.
                _ = blindness
                return .unknown(error)
            }
        }
    }
}
