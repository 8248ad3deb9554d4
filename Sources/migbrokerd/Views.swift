import API
import Broker
import MIG
import Planner
import Policy

/// One snapshot as one viewer may see it: slots as free, his, or in use; names of others only with the right to them.
struct Views {
    let snapshot: Snapshot
    let viewer: Principal
    /// Whether he may see who holds what.
    let seesAll: Bool

    func gpus() -> [GPUInfo] { snapshot.inventory.entries.map(gpu) }

    func gpu(_ entry: Inventory.Entry) -> GPUInfo {
        GPUInfo(
            index: entry.gpu.index, uuid: entry.gpu.uuid.description, pci: entry.gpu.pci.description,
            name: entry.gpu.name, memoryMiB: entry.gpu.memoryMiB, mode: Self.word(entry.gpu.mode?.isEnabled),
            pendingMode: Self.word(entry.gpu.mode?.isPendingEnabled), slots: slots(entry))
    }

    func profiles(on selector: GPUSelector) -> [ProfileInfo] {
        entries(selector).flatMap { entry in
            entry.profiles.map { profile in
                ProfileInfo(
                    gpu: Self.reference(entry.gpu), name: profile.name, id: Int(profile.id.rawValue),
                    slices: profile.slices.rawValue, memoryMiB: profile.memoryMiB,
                    multiprocessors: profile.multiprocessors, copyEngines: profile.engines.copy,
                    decoders: profile.engines.decoder, encoders: profile.engines.encoder,
                    jpegEngines: profile.engines.jpeg, opticalFlow: profile.engines.ofa,
                    free: snapshot.free(profile.id, on: entry.gpu.uuid), total: profile.instanceCount,
                    placements: profile.placements.map(Self.placement))
            }
        }
    }

    func instances(on selector: GPUSelector, all: Bool) -> [InstanceInfo] {
        visible(selector, all).map { entry, instance, lease in
            let profile = entry.profile(instance.profile)
            return InstanceInfo(
                gpu: Self.reference(entry.gpu), gi: Int(instance.id.rawValue),
                profile: profile?.name ?? "profile \(instance.profile)",
                profileId: Int(instance.profile.rawValue), placement: Self.placement(instance.placement),
                computeInstances: instance.computeInstances.map { ci in
                    ComputeInstanceInfo(
                        ci: Int(ci.id.rawValue),
                        profile: entry.name(of: ci, in: instance.id), placement: Self.placement(ci.placement),
                        uuid: ci.uuid?.description)
                }, computeProfiles: computeProfiles(of: instance, in: entry), lease: lease?.id.description,
                user: lease?.userName)
        }
    }

    func devices(on selector: GPUSelector, all: Bool) -> [DeviceInfo] {
        visible(selector, all).flatMap { entry, instance, lease in
            instance.computeInstances.compactMap { ci in
                guard let uuid = ci.uuid else { return nil }
                let minors = [
                    CapabilityMinor.gpuInstance(gpuMinor: entry.gpu.minor, instance.id),
                    CapabilityMinor.computeInstance(gpuMinor: entry.gpu.minor, instance.id, ci.id),
                ]
                return DeviceInfo(
                    uuid: uuid.description, gpu: Self.reference(entry.gpu), gi: Int(instance.id.rawValue),
                    ci: Int(ci.id.rawValue), profile: entry.name(of: ci, in: instance.id),
                    memoryMiB: entry.profile(instance.profile)?.memoryMiB ?? 0,
                    multiprocessors: entry.computeProfile(of: ci, in: instance)?.multiprocessors ?? 0,
                    nodes: ["/dev/nvidia\(entry.gpu.minor)"]
                        + minors.compactMap { $0.map { "/dev/nvidia-caps/nvidia-cap\($0)" } },
                    lease: lease?.id.description, user: lease?.userName)
            }
        }
    }

    func leases(all: Bool) -> [LeaseInfo] {
        snapshot.leases.filter { $0.belongs(to: viewer) || all && seesAll }.map(lease)
    }

    func lease(_ lease: Lease) -> LeaseInfo {
        let gpu = snapshot.inventory.entry(lease.gpu)?.gpu
        return LeaseInfo(
            id: lease.id.description,
            gpu: gpu.map(Self.reference) ?? GPUReference(uuid: lease.gpu.description, index: -1, name: ""),
            gi: Int(lease.gi.rawValue), ci: lease.computeInstances.first.map { Int($0.id.rawValue) },
            profile: lease.profile, placement: Self.placement(lease.placement), uuid: lease.device?.description,
            uuids: lease.computeInstances.map(\.device.description), user: lease.userName,
            uid: Int(lease.user.rawValue), created: lease.created.description, expires: lease.expires.description,
            state: lease.state.rawValue, isolation: lease.isolation.rawValue,
            onExpiry: lease.killsOnExpiry ? "kill" : nil, name: lease.name)
    }

    static func reference(_ gpu: GPU) -> GPUReference {
        GPUReference(uuid: gpu.uuid.description, index: gpu.index, name: gpu.name)
    }

    static func placement(_ placement: Placement) -> PlacementInfo {
        PlacementInfo(start: placement.start, size: placement.size)
    }

    private func entries(_ selector: GPUSelector) -> [Inventory.Entry] {
        snapshot.inventory.entries.filter { selector.matches($0.gpu) }
    }

    /// Instances that the viewer asked for and may see, each with its lease.
    private func visible(
        _ selector: GPUSelector, _ all: Bool
    ) -> [(Inventory.Entry, GPUInstance, Lease?)] {
        entries(selector).flatMap { entry in
            entry.instances.compactMap { instance in
                let lease = snapshot.lease(on: Lease.Seat(gpu: entry.gpu.uuid, gi: instance.id))
                guard lease?.belongs(to: viewer) == true || all && seesAll else { return nil }
                return (entry, instance, lease)
            }
        }
    }

    private func slots(_ entry: Inventory.Entry) -> [Slot] {
        let count = entry.profiles.flatMap(\.placements).map { $0.start + $0.size }.max() ?? 0
        return (0..<count).map { slice in
            let holder = entry.instances.first { $0.placement.mask & Placement(start: slice, size: 1).mask != 0 }
            guard let holder else { return Slot(slice: slice, state: "free") }
            guard let lease = snapshot.lease(on: Lease.Seat(gpu: entry.gpu.uuid, gi: holder.id)) else {
                return Slot(slice: slice, state: "external")
            }
            return Slot(
                slice: slice, state: lease.belongs(to: viewer) ? "yours" : "used", until: lease.expires.description)
        }
    }

    private static func word(_ isEnabled: Bool?) -> String {
        isEnabled.map { $0 ? "enabled" : "disabled" } ?? "unsupported"
    }
}
