import JSON
import Linux
import MIG
import SimulatedMachine

extension MachineView {
    /// For programs.
    var json: JSONValue {
        [
            "driver": .string(state.driver.description),
            "mirrored": .bool(state.isMirrored),
            "renumbers": .bool(state.renumbersGPUs),
            "resettable": .bool(state.canResetGPUs),
            "estimates": .bool(state.admitsEstimates),
            "nodeStyle": .string(state.nodes.rawValue),
            "modifiesDeviceFiles": .bool(state.module.modifiesDeviceFiles),
            "capabilitiesMajor": state.module.hasCapabilityNodes ? .integer(state.majors.capabilities) : .null,
            "gpus": .array(state.gpus.enumerated().map { json(of: $0.element, $0.offset) }),
            "processes": .array(holders.map(json)),
            "nodes": .array(nodes.map(json)),
            "faults": .array(faults.map(\.json)),
        ]
    }

    private func json(of gpu: SimulatedGPU, _ index: Int) -> JSONValue {
        [
            "index": .integer(index),
            "name": .string(gpu.model.name),
            "uuid": .string(gpu.uuid.description),
            "pci": .string(gpu.pci.description),
            "minor": .integer(gpu.minor),
            "memoryMiB": .integer(gpu.model.memoryMiB),
            "multiprocessors": gpu.model.multiprocessors.map { .integer($0) } ?? .null,
            "mig": gpu.model.supportsMIG
                ? ["current": .bool(gpu.mode.isEnabled), "pending": .bool(gpu.mode.isPendingEnabled)] : .null,
            "withheld": .array(
                gpu.model.withheldProfiles.map {
                    ["profile": .string($0.name), "missing": json(of: $0.missing)]
                }),
            "estimated": .array(
                gpu.model.profiles.filter { !$0.estimates.isEmpty }.map {
                    ["profile": .string($0.gpuInstance.name), "facts": json(of: $0.estimates)]
                }),
            "instances": .array(gpu.instances.map { json(of: $0, on: gpu) }),
        ]
    }

    private func json(of instance: SimulatedGPU.Instance, on gpu: SimulatedGPU) -> JSONValue {
        let profile = gpu.profile(of: instance)
        return [
            "gi": .integer(instance.id.rawValue),
            "profile": .string(profile?.gpuInstance.name ?? ""),
            "profileId": .integer(instance.profile.rawValue),
            "placement": json(of: instance.placement),
            "node": .integer(Capability.gpuInstance(gpuMinor: gpu.minor, instance.id).minor ?? -1),
            "computeInstances": .array(
                instance.computeInstances.map { compute in
                    let capability = Capability.computeInstance(gpuMinor: gpu.minor, instance.id, compute.id)
                    return [
                        "ci": .integer(compute.id.rawValue),
                        "profile": .string(profile?.compute(compute.profile)?.name ?? ""),
                        "profileId": .integer(compute.profile.rawValue),
                        "placement": json(of: compute.placement),
                        "uuid": .string(compute.uuid.description),
                        "node": .integer(capability.minor ?? -1),
                    ]
                }),
        ]
    }

    private func json(of facts: [ProfileFact]) -> JSONValue { .array(facts.map { .string($0.rawValue) }) }

    private func json(of placement: Placement) -> JSONValue {
        ["start": .integer(placement.start), "size": .integer(placement.size)]
    }

    private func json(of holder: Holder) -> JSONValue {
        [
            "pid": .integer(holder.pid),
            "gpu": .string(holder.gpu.description),
            "gi": holder.instance.map { .integer($0.gpuInstance.rawValue) } ?? .null,
            "ci": holder.instance.map { .integer($0.computeInstance.rawValue) } ?? .null,
            "memoryMiB": .integer(holder.memoryMiB),
        ]
    }

    private func json(of node: Node) -> JSONValue {
        [
            "path": .string(node.path),
            "kind": .string(node.attributes.kind.rawValue),
            "mode": .string(octal(node.attributes.mode)),
            "owner": .integer(node.attributes.owner.rawValue),
            "group": .integer(node.attributes.group.rawValue),
            "acl": node.list.map { .string($0.text) } ?? .null,
        ]
    }
}
