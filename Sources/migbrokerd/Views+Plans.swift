import API
import Broker
import MIG
import NVML
import Planner

/// Plans, and what came of them.
extension Views {
    func plan(_ plan: ChangePlan) -> PlanInfo {
        PlanInfo(id: plan.id.description, steps: plan.steps.compactMap(step))
    }

    /// A step; nil where its GPU has gone meanwhile.
    private func step(_ step: ChangePlan.Step) -> PlanStep? {
        snapshot.inventory.entry(step.gpu).map { entry in
            PlanStep(
                action: step.action.rawValue, gpu: Self.reference(entry.gpu), gi: step.gi.map { Int($0.rawValue) },
                ci: step.ci.map { Int($0.rawValue) }, profile: step.profile,
                placement: step.placement.map(Self.placement), lease: step.lease?.id.description,
                user: step.lease?.userName)
        }
    }

    /// Where a slice of a request goes; nil for any other step.
    func planned(_ step: ChangePlan.Step) -> PlannedInstance? {
        guard step.action == .createGPUInstance, let placement = step.placement, let profile = step.profile else {
            return nil
        }
        return snapshot.inventory.entry(step.gpu).map {
            PlannedInstance(gpu: Self.reference($0.gpu), profile: profile, placement: Self.placement(placement))
        }
    }

    func modeEnding(_ ending: ModesChanged.Ending) -> ModeEnding? {
        guard let gpu = snapshot.inventory.entry(ending.gpu)?.gpu else { return nil }
        let (state, reason): (String, String?) =
            switch ending.state {
            case .planned: ("planned", nil)
            case .unchanged: ("unchanged", nil)
            case .set(.done): ("done", nil)
            case .set(.pendingInUse): ("pending-in-use", MIGModeChange.pendingInUse.description)
            case .set(.pendingReset): ("pending-reset", MIGModeChange.pendingReset.description)
            case .set(let change): ("pending", change.description)
            }
        return ModeEnding(gpu: Self.reference(gpu), state: state, reason: reason)
    }

    /// What more compute instances a GPU instance could take.
    func computeProfiles(of instance: GPUInstance, in entry: Inventory.Entry) -> [ComputeProfileInfo] {
        let offered = entry.computeProfiles[instance.profile] ?? []
        let whole = offered.whole?.id
        let room = ComputeRoom(
            gpu: entry.gpu.uuid, gi: instance.id, profiles: offered, occupants: instance.computeInstances)
        return offered.map { profile in
            ComputeProfileInfo(
                name: profile.name, id: Int(profile.id.rawValue), slices: profile.slices.rawValue,
                multiprocessors: profile.multiprocessors, copyEngines: profile.engines.copy,
                decoders: profile.engines.decoder, encoders: profile.engines.encoder,
                jpegEngines: profile.engines.jpeg, opticalFlow: profile.engines.ofa, free: room.free(profile),
                total: profile.instanceCount, placements: profile.placements.map(Self.placement),
                isWhole: profile.id == whole)
        }
    }
}

extension Changed {
    /// A request for GPU instances is a change like others on the wire.
    init(_ granted: Granted) {
        self.init(operation: granted.operation, plan: granted.plan, leases: granted.leases)
    }
}
